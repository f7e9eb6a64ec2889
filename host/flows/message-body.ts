// The body of one message as far as events care: not read, whole, too large to show, or streamed; raw as on the wire and decoded
// by Content-Encoding. It never reads sockets and never compresses; http/content-encoding does that for whoever asks.

import type { PassedBytes } from "./passed-bytes.ts";

export type BodyState = "unread" | "whole" | "truncated" | "streamed";

/** One writer at a time: the exchange while it reads, the merge while the gate holds the flow. */
export class MessageBody {
  state: BodyState = "unread";
  /** Bytes as on the wire; null when not whole, or when only `content` was set and the re-encoding is still due. */
  raw: Buffer | null = null;
  /** Decoded bytes; null when there is no Content-Encoding, it could not be decoded, or nobody needed it yet. */
  content: Buffer | null = null;
  /** Why `content` could not be made. */
  contentError: string | null = null;
  version = 0;
  /** What went by unseen; null: nothing did, or nobody saves flows. */
  passed: PassedBytes | null = null;

  /** The whole body is here, as it came. */
  complete(raw: Buffer): void {
    this.state = "whole";
    this.raw = raw;
    this.content = null;
    this.contentError = null;
    this.version++;
  }

  /** The body passes on without being shown: it is larger than the limit, or somebody asked for streaming. */
  passBy(state: "truncated" | "streamed"): void {
    this.state = state;
    this.raw = null;
    this.content = null;
    this.version++;
  }

  /** An addon set decoded content; `raw` is due before anything is sent. */
  replaceContent(content: Buffer): void {
    this.state = "whole";
    this.raw = null;
    this.content = content;
    this.contentError = null;
    this.version++;
  }
}
