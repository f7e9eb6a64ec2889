// The way out of the isolate: one function that queues a message and never answers. Numbers the requests to the host; what comes
// back for them arrives by `resume` (dispatch.ts). Remembers which event each was made in, so that what an answer sets off counts as
// part of that event. Knows no meanings.
import type { GivenAttachment } from "./draft.ts";
import { noCallsLeft, type PostKind, type RuntimePorts } from "../schema/guest-contract.ts";
import type { LogLevel } from "../schema/view.ts";
import { quoteAscii } from "./json-text.ts";
import { RealError, RealMap, apply, bareArray, getOwnPropertyDescriptor, isObject, slice, charCodeAt, mapDelete, mapGet, mapSet } from "./intrinsics.ts";
import { utf8Length } from "./byte-string.ts";

type Post = RuntimePorts["$post"];

export class HostPort {
  readonly #post: Post;
  readonly #done: RuntimePorts["$done"];
  readonly #causes = new RealMap<number, number>();
  #lastId = 0;
  #cause = 0;
  #isSpent = false;
  /** LIMIT logLineBytes; set by `prepare`. */
  logLineBytes = 8_192;

  constructor(post: Post, done: RuntimePorts["$done"]) {
    this.#post = post;
    this.#done = done;
  }

  /** The event that this entry belongs to, as far as is known: its CallId, or 0. */
  get cause(): number {
    return this.#cause;
  }

  /** A call of the host is entered. */
  enter(callId: number): void {
    this.#cause = callId;
    this.#isSpent = false;
  }

  /** The answer to a host call is entered: what follows belongs to where that was made. */
  enterAnswer(hostCallId: number): void {
    this.#cause = mapGet(this.#causes, hostCallId) ?? 0;
    mapDelete(this.#causes, hostCallId);
    this.#isSpent = false;
  }

  /** Sends a host call that is not answered; gives its id. Throws when the entry has used up its host calls. */
  tell(text: string): number {
    const id = ++this.#lastId;
    this.#send(id, text, null);
    return id;
  }

  /** Likewise one that is answered by `resume`, once, unless it is forgotten. */
  ask(text: string, attachment: ArrayBuffer | null = null): number {
    const id = ++this.#lastId;
    this.#send(id, text, attachment);
    if (this.#cause !== 0) mapSet(this.#causes, id, this.#cause);
    return id;
  }

  /**
   * PERF: what the runtime refuses costs it 30 µs, which no timeout of the engine counts: thousands of refusals would have the watchdog
   * end the whole cell, and so the first of an entry is the last that is asked for.
   */
  #send(id: number, text: string, attachment: ArrayBuffer | null): void {
    if (this.#isSpent) throw new RealError(noCallsLeft);
    try {
      if (attachment === null) this.#post("hostCall", id, text);
      else this.#post("hostCall", id, text, attachment);
    } catch (thrown) {
      this.#isSpent = isObject(thrown) && getOwnPropertyDescriptor(thrown, "message")?.value === noCallsLeft;
      throw thrown;
    }
  }

  /** No answer will come. */
  forget(hostCallId: number): void {
    mapDelete(this.#causes, hostCallId);
  }
  /** A call of an entry that goes on with the next one. */
  done(result: string, attachments: readonly GivenAttachment[]): void {
    const { length } = attachments;
    if (length === 0) return this.#done(result);
    const message = bareArray<unknown>();
    message[0] = result;
    for (let index = 0; index < length; index++) message[index + 1] = attachments[index];
    apply(this.#done, undefined, message);
  }
  settled(callId: number, result: string, attachments: readonly GivenAttachment[]): void {
    const kind: PostKind = "settled";
    const message = bareArray<unknown>();
    message[0] = kind;
    message[1] = callId;
    message[2] = result;
    for (let index = 0; index < attachments.length; index++) message[index + 3] = attachments[index];
    apply(this.#post, undefined, message);
  }
  log(level: LogLevel, msg: string): void {
    this.tell(`{"call":"log","level":"${level}","msg":${quoteAscii(cutToBytes(msg, this.logLineBytes))}}`);
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
