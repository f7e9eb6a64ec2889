// The messages of one TCP flow or WebSocket that are kept to be saved with it: all of them up to a bound, then their number and size.
import type { LeftOut } from "./saved-flow.ts";

export interface KeptMessage {
  readonly fromClient: boolean;
  readonly content: Buffer;
  readonly timestamp: number;
  readonly type: "text" | "binary";
  readonly injected: boolean;
  readonly dropped: boolean;
}

/** LIMIT: messages of one flow. */
const mostMessages = 10_000;

export class KeptMessages {
  readonly list: KeptMessage[] = [];
  readonly #limitBytes: number;
  #bytes = 0;
  #leftOut = { messages: 0, bytes: 0 };

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  add(message: KeptMessage): void {
    const { length } = message.content;
    if (this.list.length >= mostMessages || this.#bytes + length > this.#limitBytes) {
      this.#leftOut = { messages: this.#leftOut.messages + 1, bytes: this.#leftOut.bytes + length };
      return;
    }
    this.#bytes += length;
    this.list.push(message);
  }

  get leftOut(): LeftOut {
    return this.#leftOut;
  }
}
