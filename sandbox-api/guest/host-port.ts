// The way out of the isolate: one function that queues a message and never answers. Numbers the requests to the host; what comes
// back for them arrives by `resume` (dispatch.ts). Knows no meanings.
import type { PostKind, RuntimePorts } from "../schema/guest-contract.ts";
import type { LogLevel } from "../schema/view.ts";
import { quoteAscii } from "./json-text.ts";
import { apply, bareArray, slice, charCodeAt } from "./intrinsics.ts";
import { utf8Length } from "./byte-string.ts";

type Post = RuntimePorts["$post"];

export class HostPort {
  readonly #post: Post;
  #lastId = 0;
  /** LIMIT logLineBytes; set by `prepare`. */
  logLineBytes = 8_192;

  constructor(post: Post) {
    this.#post = post;
  }

  /** Sends a host call; gives its id. Throws when the entry has used up its host calls. */
  call(text: string): number {
    const id = ++this.#lastId;
    this.#post("hostCall", id, text);
    return id;
  }
  /** The bodies of a settled call travel with it: nobody asks for them afterwards. */
  settled(callId: number, result: string, attachments: readonly ArrayBuffer[]): void {
    const kind: PostKind = "settled";
    const message = bareArray<unknown>();
    message[0] = kind;
    message[1] = callId;
    message[2] = result;
    for (let index = 0; index < attachments.length; index++) message[index + 3] = attachments[index];
    apply(this.#post, undefined, message);
  }
  log(level: LogLevel, msg: string): void {
    this.call(`{"call":"log","level":"${level}","msg":${quoteAscii(cutToBytes(msg, this.logLineBytes))}}`);
  }
}

/** At most `bytes` of UTF-8, cut between characters, with an ellipsis when cut. */
function cutToBytes(text: string, bytes: number): string {
  if (text.length * 3 <= bytes || (text.length <= bytes && utf8Length(text) <= bytes)) return text;
  let length = 3;
  let at = 0;
  for (; at < text.length; at++) {
    const unit = charCodeAt(text, at);
    length += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
    if (length > bytes) break;
  }
  const isPair = at > 0 && charCodeAt(text, at - 1) >= 0xd800 && charCodeAt(text, at - 1) <= 0xdbff;
  return `${slice(text, 0, isPair ? at - 1 : at)}\u2026`;
}
