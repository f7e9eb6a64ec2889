// The bodies of results that have not left yet: by call, until somebody outside asks for each, or they leave with the result.
import { encodeUtf8 } from "./byte-string.ts";
import type { GivenAttachment } from "./draft.ts";
import { RealMap, bareArray, bufferOf, freeze, mapDelete, mapGet, mapSet } from "./intrinsics.ts";
import { refuse } from "./thrown.ts";

const noneGiven: readonly GivenAttachment[] = freeze(bareArray<GivenAttachment>());

export class ResultBodies {
  readonly #byCall = new RealMap<number, readonly GivenAttachment[]>();

  keep(callId: number, attachments: readonly GivenAttachment[]): void {
    if (attachments.length > 0) mapSet(this.#byCall, callId, attachments);
  }

  /** A result with a text among its bodies cannot be asked for them one by one: it leaves with them. */
  hasText(callId: number): boolean {
    const attachments = mapGet(this.#byCall, callId) ?? noneGiven;
    for (let index = 0; index < attachments.length; index++) if (typeof attachments[index] === "string") return true;
    return false;
  }

  /** All of them; nobody asks for them afterwards. */
  take(callId: number): readonly GivenAttachment[] {
    const attachments = mapGet(this.#byCall, callId);
    if (attachments === undefined) return noneGiven;
    mapDelete(this.#byCall, callId);
    return attachments;
  }

  /** Each once; the last one lets go of the call. */
  one(callId: number, index: number): ArrayBuffer {
    const attachments = mapGet(this.#byCall, callId) ?? noneGiven;
    if (index >= attachments.length - 1) mapDelete(this.#byCall, callId);
    const buffer = attachments[index];
    if (buffer === undefined) throw refuse("", "no such attachment");
    return typeof buffer === "string" ? bufferOf(encodeUtf8(buffer)) : buffer;
  }
}
