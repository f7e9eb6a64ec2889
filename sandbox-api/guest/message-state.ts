// The state behind a Request or a Response: parts as texts until somebody touches them, then values; what a call changed; and
// the changes as text. The faces that addons hold (message.ts) read and write only through this. Knows parts and drafts, no rules
// of single attributes.
import type { TrailersView } from "../schema/view.ts";
import { noAttachments, noBody, parseBody, type Attachments, type Body } from "./body.ts";
import { beginWrite, type Call, type Changes, type Draftable, type Owner } from "./draft.ts";
import { FieldList, referencesText } from "./field-list.ts";
import type { FieldName } from "./field-name.ts";
import { checkLength, fieldsOfPairs, findField, type Field, type Fields } from "./fields.ts";
import { absent } from "./grants.ts";
import { FieldSource } from "./headers.ts";
import { bareArray, indexOf, jsonParse, slice, toLowerCase } from "./intrinsics.ts";
import { refuse } from "./thrown.ts";

/** `true`: passes through; a function gets each chunk (events.md §4). */
export type StreamFunction = (chunk: Uint8Array) => StreamResult | Promise<StreamResult>;
export type StreamResult = Uint8Array | string | Iterable<Uint8Array | string> | null | undefined | void;

/** Attributes of the head but its fields; one instance belongs to one state and is copied before a call's first write. */
export interface Head<H> {
  readonly httpVersion: string;
  readonly timestampStart: number;
  readonly timestampEnd: number | null;
  copy(): H;
}

/** PERF: each is kept when it is first written, so that nobody parses what nobody touches; `undefined`: not written. */
interface Saved<H> {
  readonly stream: boolean | StreamFunction;
  head: H | undefined;
  fields: FieldList | undefined;
  trailers: Fields | null | undefined;
  body: Body | undefined;
}

export abstract class MessageState<H extends Head<H>> implements Draftable {
  writer: Call | null = null;
  readonly owner: Owner;
  readonly kind: "request" | "response";
  stream: boolean | StreamFunction = false;
  #headText = "";
  #head: H | null = null;
  #fields: FieldList | null = null;
  #trailersText = "null";
  #trailers: Fields | null | undefined = null;
  #bodyText = "";
  #attachments: Attachments = noAttachments;
  #body: Body | null = noBody;
  #saved: Saved<H> | null = null;

  constructor(owner: Owner, kind: "request" | "response") {
    this.owner = owner;
    this.kind = kind;
  }

  protected abstract parseHead(json: string): H;
  /** Attributes other than fields, trailers, body and stream. */
  protected abstract collectHead(changes: Changes, now: H, before: H): void;

  acceptHead(text: string): void {
    this.#headText = text;
    this.#head = null;
    this.#fields = null;
  }
  acceptTrailers(text: string): void {
    this.#trailersText = text;
    this.#trailers = undefined;
  }
  acceptBody(text: string, attachments: Attachments): void {
    this.#bodyText = text;
    this.#attachments = attachments;
    this.#body = null;
  }

  /** Throws a refusal where it is not given to this addon. */
  get head(): H {
    const head = this.knownHead;
    if (head === null) throw absent(`flow.${this.kind}`, `read:${this.kind}`);
    return head;
  }
  /** `null`: not given to this addon. */
  get knownHead(): H | null {
    if (this.#head !== null || this.#headText === "") return this.#head;
    return (this.#head = this.parseHead(slice(this.#headText, 0, indexOf(this.#headText, "\n"))));
  }
  /** Throws a refusal where they are not given to this addon. */
  get fields(): Fields {
    return this.#givenFields.fields;
  }
  /** `null`: not given to this addon. */
  get knownFields(): Fields | null {
    return this.knownList?.fields ?? null;
  }
  /** PERF: the fields without making one of each line. */
  get knownList(): FieldList | null {
    if (this.#fields !== null || this.#headText === "") return this.#fields;
    const text = this.#headText;
    const start = indexOf(text, "\n") + 1;
    const end = indexOf(text, "\n", start);
    return (this.#fields = FieldList.ofText(text, end, +slice(text, start, end)));
  }
  get #givenFields(): FieldList {
    const fields = this.knownList;
    if (fields === null) throw absent(`flow.${this.kind}`, `read:${this.kind}`);
    return fields;
  }
  get trailers(): Fields | null {
    if (this.#trailers !== undefined) return this.#trailers;
    const pairs: TrailersView = jsonParse(this.#trailersText);
    return (this.#trailers = pairs === null ? null : fieldsOfPairs(pairs));
  }
  get body(): Body {
    if (this.#body !== null) return this.#body;
    this.#body = parseBody(this.#bodyText, this.#attachments);
    this.#attachments = noAttachments;
    return this.#body;
  }

  /** Values from elsewhere, outside any draft: a copy, or the work of addons before this one. */
  assume(head: H | null, fields: FieldList | null, trailers: Fields | null, body: Body): void {
    this.#head = head;
    this.#fields = fields;
    this.#trailers = trailers;
    this.#body = body;
  }

  /** Likewise. */
  assumeFields(fields: FieldList): void {
    this.#fields = fields;
  }

  /** Whether raw bytes and content differ; where the head is not given to this addon they may. */
  get hasEncoding(): boolean {
    const fields = this.knownFields;
    if (fields === null) return true;
    const at = findField(fields, "content-encoding");
    return at >= 0 && fields[at]!.value !== "" && toLowerCase(fields[at]!.value) !== "identity";
  }

  /** The head to write to. Throws a refusal when `field` cannot be changed now. */
  write(field: string): H {
    this.#begin(field);
    const head = this.head;
    if (this.#saved === null || this.#saved.head !== undefined) return head;
    this.#saved.head = head;
    return (this.#head = head.copy());
  }
  has(name: FieldName): boolean {
    return this.#givenFields.has(name);
  }
  value(name: FieldName): string | null {
    return this.#givenFields.value(name);
  }
  /** `fields` are whole; see `write`. */
  writeFields(field: string, fields: Fields): void {
    this.#keepFields(field);
    this.#fields = FieldList.of(fields);
  }
  appendField(field: string, added: Field): void {
    const present = this.#givenFields;
    checkLength(field, present.length + 1);
    this.#keepFields(field);
    this.#fields = present.with(added);
  }
  #keepFields(field: string): void {
    this.#begin(field);
    if (this.#saved !== null) this.#saved.fields ??= this.#givenFields;
  }
  writeTrailers(fields: Fields | null): void {
    this.#begin(`${this.kind}.trailers`);
    const present = this.trailers;
    if (this.#saved !== null && this.#saved.trailers === undefined) this.#saved.trailers = present;
    this.#trailers = fields;
  }
  writeBody(field: string, make: (mostBytes: number) => Body): void {
    this.#begin(field);
    const present = this.body;
    const body = make(this.owner.call?.mutationBytes ?? Infinity);
    if (this.#saved !== null) this.#saved.body ??= present;
    this.#body = body;
  }
  writeStream(stream: boolean | StreamFunction): void {
    const field = `${this.kind}.stream` as const;
    this.#begin(field);
    // Its chunks are the body.
    if (typeof stream !== "boolean" && this.owner.call?.grants.has(`read:${this.kind}.body`) === false) throw absent(field, `read:${this.kind}.body`);
    this.stream = stream;
  }

  #begin(field: string): void {
    const event = this.owner.call?.event;
    if (event === this.kind && this.body.isStreamed) throw refuse(field, `${field} cannot be changed any more: the body was streamed, so the ${this.kind} has left already`);
    beginWrite(this.owner, this, this.kind, field);
  }

  save(): void {
    this.#saved = { stream: this.stream, head: undefined, fields: undefined, trailers: undefined, body: undefined };
  }

  collect(changes: Changes): void {
    const saved = this.#saved;
    if (saved === null) return;
    if (saved.head !== undefined) this.collectHead(changes, this.head, saved.head);
    const references = saved.fields === undefined ? null : this.#givenFields.references(saved.fields);
    if (references !== null) changes.add(`${this.kind}.headers`, references);
    this.#collectRest(changes, saved);
  }

  #collectRest(changes: Changes, saved: Saved<H>): void {
    if (saved.trailers !== undefined) {
      const references = referencesText(this.trailers ?? noFields, saved.trailers ?? noFields);
      if (references !== null) changes.add(`${this.kind}.trailers`, references);
    }
    if (saved.body !== undefined && this.body.assigned !== null) {
      const isContent = this.body.assigned === "content" && this.hasEncoding;
      const given = this.body.given(isContent);
      const text = given?.ownText ?? null;
      if (given !== null) changes.add(isContent ? `${this.kind}.content` : `${this.kind}.body`, `${text === null ? changes.attach(given.bytes) : changes.attachText(text)}`);
    }
    if (this.stream !== saved.stream) {
      changes.add(`${this.kind}.stream`, typeof this.stream === "boolean" ? `${this.stream}` : `"function"`);
    }
  }

  commit(): void {
    this.#saved = null;
    if (this.#body !== null && this.#body.assigned !== null) this.#body = this.#body.settled();
  }

  revert(): void {
    const saved = this.#saved;
    if (saved === null) return;
    if (saved.head !== undefined) this.#head = saved.head;
    if (saved.fields !== undefined) this.#fields = saved.fields;
    if (saved.trailers !== undefined) this.#trailers = saved.trailers;
    if (saved.body !== undefined) this.#body = saved.body;
    this.stream = saved.stream;
    this.#saved = null;
  }
}

const noFields: Fields = bareArray();

/** The fields of a message's head as the source of a Headers. */
export class HeadSource<H extends Head<H>> extends FieldSource {
  readonly #state: MessageState<H>;
  constructor(state: MessageState<H>) {
    super(`${state.kind}.headers`);
    this.#state = state;
  }
  read(): Fields {
    return this.#state.fields;
  }
  write(fields: Fields): void {
    const { owner, fields: present } = this.#state;
    if (fields === present) return;
    owner.call?.grants.checkFields(this.what, fields, present);
    this.#state.writeFields(this.what, fields);
  }
  override has(name: FieldName): boolean {
    return this.#state.has(name);
  }
  override value(name: FieldName): string | null {
    return this.#state.value(name);
  }
  override append(field: Field): void {
    this.#state.owner.call?.grants.checkField(this.what, field);
    this.#state.appendField(this.what, field);
  }
}

export class TrailerSource<H extends Head<H>> extends FieldSource {
  readonly #state: MessageState<H>;
  constructor(state: MessageState<H>) {
    super(`${state.kind}.trailers`);
    this.#state = state;
  }
  read(): Fields {
    return this.#state.trailers ?? noFields;
  }
  write(fields: Fields): void {
    this.#state.owner.call?.grants.checkFields(this.what, fields, this.read());
    this.#state.writeTrailers(fields);
  }
}
