// Records what one call of a handler changes. Every state that can be changed saves itself when the call first writes to it; at
// the end of the call all of them write their changes as text, or all of them go back to what they saved (events.md §1.4). A
// call has a draft of its own, so several may be pending at once. Knows nothing of what the changes mean.
import { eventTable, type ChangePrefix } from "../schema/events.ts";
import type { AttachmentIndex, ChangeAddress } from "../schema/changes.ts";
import type { CallName } from "../schema/view.ts";
import { RealArrayBuffer, RealUint8Array, bareArray, bufferByteLength, bufferOf, byteLengthOf, copyInto } from "./intrinsics.ts";
import { utf8Length } from "./byte-string.ts";
import type { Grants } from "./grants.ts";
import { refuse } from "./thrown.ts";

/** A piece of state that one call at a time may change. */
export interface Draftable {
  /** The call that wrote to it and has not ended; set by `beginWrite`. */
  writer: Call | null;
  /** Keeps what is needed to go back. */
  save(): void;
  /** Writes the differences to what was saved. */
  collect(changes: Changes): void;
  /** The changes stand; `save` is forgotten. */
  commit(): void;
  revert(): void;
}

/** Who a state belongs to: while an event of it runs, that call; a detached owner (a copy, an own Response) may always be written. */
export class Owner {
  call: Call | null = null;
  readonly isDetached: boolean;
  /** Tells the host, outside of events, that an intercepted flow may go on; `null` where that cannot be. */
  readonly resumeOutside: (() => void) | null;
  /** What the host calls the object; 0 where it knows nothing of it. */
  readonly key: number;
  constructor(isDetached: boolean, resumeOutside: (() => void) | null = null, key = 0) {
    this.isDetached = isDetached;
    this.resumeOutside = resumeOutside;
    this.key = key;
  }
}

/** The list of changes of one call, as text, with the bodies beside it. */
export class Changes {
  text = "";
  #attachments: GivenAttachment[] | null = null;
  bytes = 0;
  /** How many of the attachments are counted as what they are; texts after them as the most that they can be. */
  #weighed = 0;
  readonly #mostBytes: number;
  readonly grants: Grants;
  constructor(mostBytes: number, grants: Grants) {
    this.#mostBytes = mostBytes;
    this.grants = grants;
  }

  get attachments(): readonly GivenAttachment[] {
    return this.#attachments ?? noBuffers;
  }

  /** `json` is the value, already ASCII JSON. Throws when the changes of the call become too large, or one was not granted. */
  add(address: ChangeAddress, json: string): void {
    this.grants.checkChange(address);
    this.#count(json.length + address.length + 6);
    this.text += `${this.text === "" ? "" : ","}["${address}",${json}]`;
  }

  attach(bytes: Uint8Array): AttachmentIndex {
    const length = byteLengthOf(bytes);
    this.#count(length);
    const buffer = bufferOf(bytes);
    return this.#keep(bufferByteLength(buffer) === length ? buffer : bufferOf(copyOf(bytes)));
  }

  /** A well-formed text, which leaves as one and is UTF-8 outside. */
  attachText(text: string): AttachmentIndex {
    const index = this.#keep(text);
    this.#count(mostBytesPerUnit * text.length);
    return index;
  }

  #keep(attachment: GivenAttachment): AttachmentIndex {
    const attachments = (this.#attachments ??= bareArray<GivenAttachment>());
    const index = attachments.length;
    attachments[index] = attachment;
    return index;
  }

  #count(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > this.#mostBytes) this.#weigh();
    checkSize(this.bytes, this.#mostBytes);
  }

  /** PERF: what texts really are is asked only where it decides something: a walk over each of them. */
  #weigh(): void {
    const { attachments } = this;
    for (; this.#weighed < attachments.length; this.#weighed++) {
      const attachment = attachments[this.#weighed]!;
      if (typeof attachment === "string") this.bytes -= mostBytesPerUnit * attachment.length - utf8Length(attachment);
    }
  }
}

/** A text counts as UTF-8. */
export type GivenAttachment = ArrayBuffer | string;
/** Of UTF-8, for one unit of UTF-16. */
export const mostBytesPerUnit = 3;

/** LIMIT mutationBytes. */
export function checkSize(bytes: number, mostBytes: number): void {
  if (bytes <= mostBytes) return;
  throw refuse("", `changes of ${bytes} bytes; ${mostBytes} are the most`, "mutation-too-large", { name: "mutationBytes", value: mostBytes, used: bytes, unit: "bytes" });
}

export function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new RealUint8Array(new RealArrayBuffer(byteLengthOf(bytes)));
  copyInto(copy, bytes);
  return copy;
}

/** One run of a handler, from its event to its answer. */
export class Call {
  readonly id: number;
  readonly event: CallName;
  readonly mutationBytes: number;
  readonly grants: Grants;
  /** The states that it wrote to. PERF: a list is made for the second one. */
  #first: Draftable | null = null;
  #others: Draftable[] | null = null;
  readonly #mayChange: readonly ChangePrefix[];

  constructor(id: number, event: CallName, mutationBytes: number, grants: Grants) {
    this.id = id;
    this.event = event;
    this.mutationBytes = mutationBytes;
    this.grants = grants;
    this.#mayChange = event === "stream" ? noPrefixes : eventTable[event].mayChange;
  }

  may(prefix: ChangePrefix): boolean {
    for (let index = 0; index < this.#mayChange.length; index++) if (this.#mayChange[index] === prefix) return true;
    return false;
  }

  touch(state: Draftable): void {
    state.writer = this;
    state.save();
    if (this.#first === null) this.#first = state;
    else {
      const others = (this.#others ??= bareArray<Draftable>());
      others[others.length] = state;
    }
  }

  /** All changes of the call. On an error nothing is decided yet: the caller must `revert`. */
  collect(): Changes | null {
    if (this.#first === null) return null;
    const changes = new Changes(this.mutationBytes, this.grants);
    this.#first.collect(changes);
    const others = this.#others ?? noStates;
    for (let index = 0; index < others.length; index++) others[index]!.collect(changes);
    return changes;
  }

  /** All changes of the call and one more that belongs to no state. */
  collectWith(address: ChangeAddress, json: string): Changes {
    const changes = this.collect() ?? new Changes(this.mutationBytes, this.grants);
    changes.add(address, json);
    return changes;
  }

  commit(): void {
    if (this.#first === null) return;
    this.#first.commit();
    this.#first.writer = null;
    const others = this.#others ?? noStates;
    for (let index = 0; index < others.length; index++) {
      others[index]!.commit();
      others[index]!.writer = null;
    }
  }

  revert(): void {
    if (this.#first === null) return;
    const others = this.#others ?? noStates;
    for (let index = others.length - 1; index >= 0; index--) {
      others[index]!.revert();
      others[index]!.writer = null;
    }
    this.#first.revert();
    this.#first.writer = null;
  }
}

const noPrefixes: readonly ChangePrefix[] = [];
const noStates: readonly Draftable[] = bareArray<Draftable>();
const noBuffers: readonly GivenAttachment[] = bareArray<GivenAttachment>();

/**
 * To be called before every write. Throws a refusal when `field` cannot be changed now: no event of its owner runs, the event that
 * runs may not change it, or the addon has not been granted to.
 */
export function beginWrite(owner: Owner, state: Draftable, prefix: ChangePrefix, field: string): void {
  const { call } = owner;
  if (call === null) {
    if (owner.isDetached) return;
    throw refuse(field, `${field} can only be changed while an event of its flow or connection runs`);
  }
  if (!call.may(prefix)) throw refuse(field, `${field} cannot be changed in the event "${call.event}"`);
  call.grants.checkChange(field);
  if (state.writer !== call) call.touch(state);
}
