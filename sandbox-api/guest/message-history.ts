// The messages of one flow that stay readable, newest last: a bounded number of them, and of bytes. Knows nothing of what they are.
import { historyBytes, historyMessages } from "./bounds.ts";
import { bareArray, define, ordinaryArray } from "./intrinsics.ts";

export class MessageHistory<M> {
  #bytes = 0;
  #messages: M[] = [];

  /** Newest last. A list that was handed out stays what it is when older messages go. */
  get messages(): readonly M[] {
    return this.#messages;
  }

  add(message: M, bytes: number): void {
    this.#bytes += bytes;
    // PERF: half of the history goes at a time, so that a message costs the same however long the history is.
    if (this.#messages.length >= historyMessages) this.#keepLast(historyMessages / 2);
    if (this.#bytes > historyBytes) this.#keepLast(0);
    define(this.#messages, this.#messages.length, message);
  }

  #keepLast(count: number): void {
    const messages = bareArray<M>();
    const first = this.#messages.length - count;
    for (let index = 0; index < count; index++) messages[index] = this.#messages[first + index]!;
    this.#messages = ordinaryArray(messages);
    this.#bytes = 0;
  }
}
