// The events of an entry that runs several, as `dispatchMany` brings them (schema/guest-contract.ts), read one after the other. Knows no
// handlers and no results.
import { attachmentsOf, noAttachments, type Attachments } from "./body.ts";
import { copyOf } from "./draft.ts";
import { RealUint8Array, bareArray, bufferOf, jsonParse } from "./intrinsics.ts";

export class JoinedCalls {
  readonly #numbers: readonly number[];
  readonly #pieces: readonly string[];
  readonly #bodies: ArrayBuffer | undefined;
  #number = 0;
  #piece = 0;
  #body = 0;
  /** Of the event that `next` came to. */
  id = 0;
  text = "";
  attachments = noAttachments;

  constructor(callsJson: string, pieces: readonly string[], bodies: ArrayBuffer | undefined) {
    this.#numbers = jsonParse(callsJson);
    this.#pieces = pieces;
    this.#bodies = bodies;
  }

  get isAtEnd(): boolean {
    return this.#number >= this.#numbers.length;
  }

  next(): void {
    this.id = this.#numbers[this.#number++]!;
    let text = this.#pieces[this.#piece++]!;
    for (const end = this.#piece + this.#numbers[this.#number++]! - 1; this.#piece < end;) text += this.#pieces[this.#piece++]!;
    this.text = text;
    const count = this.#numbers[this.#number++]!;
    this.attachments = count > 0 && this.#bodies !== undefined ? this.#take(this.#bodies, count) : noAttachments;
  }

  #take(bodies: ArrayBuffer, count: number): Attachments {
    const own = bareArray<ArrayBuffer>();
    for (let index = 0; index < count; index++) {
      const size = this.#numbers[this.#number++]!;
      // WALL 1: `slice` of a buffer would ask its constructor, which is the addon's to replace.
      own[index] = bufferOf(copyOf(new RealUint8Array(bodies, this.#body, size)));
      this.#body += size;
    }
    return attachmentsOf(own, this.id);
  }
}
