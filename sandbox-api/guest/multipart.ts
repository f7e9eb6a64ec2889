// The live view of a multipart/form-data body (RFC 7578): parts with name, file name, type and bytes. Each read parses what stands there
// now, each write puts it back; boundary, order and bytes of parts nobody touched stay.
import { isFieldValue } from "../schema/http.ts";
import { assignedBody, bytesFrom, isBytes } from "./body.ts";
import { decodeUtf8, encodeText, latin1Bytes, latin1Text } from "./byte-string.ts";
import { checkSize } from "./draft.ts";
import { Field, findField, withValues } from "./fields.ts";
import { bareArray, byteLengthOf, exec, expose, floor, freeze, indexOf, isObject, numberToString, ordinaryArray, random, RealUint8Array } from "./intrinsics.ts";
import { readMember } from "./iterate.ts";
import { multipartText, parseMultipart, partHead, type Multipart, type PartFacts, type Piece } from "./multipart-text.ts";
import type { RequestState } from "./request.ts";
import { refuse } from "./thrown.ts";

/** One part of a form, as it stands; a copy. */
export interface FormPart {
  /** As the form has it. */
  readonly name: string;
  /** `null`: not a file. */
  readonly filename: string | null;
  /** As the part says; `null`: it does not. */
  readonly contentType: string | null;
  /** The bytes; a copy. */
  readonly content: Uint8Array;
  /** The content as UTF-8; bytes that are none are replaced. */
  readonly text: string;
}

/** What a part can be made of: its content (a string is written as UTF-8), or that with a file name and a type. */
export type FormPartInit = string | Uint8Array | { readonly content: string | Uint8Array; readonly filename?: string | null; readonly contentType?: string | null };

const what = "request.multipartForm";
const formType = /^[ \t]*multipart\/form-data[ \t]*;(?:.*;)?[ \t]*boundary=(?:"([^"]+)"|([^\s;"]+))/i;

interface Read { readonly form: Multipart; readonly boundary: string }

const nothing: Multipart = { preamble: "", pieces: bareArray<Piece>(), rest: "" };

/** The parts of a form body. Names are looked up as they are; several parts may have one name. Empty for other bodies. */
export class MultipartForm {
  readonly #state: RequestState;

  constructor(state: RequestState) {
    this.#state = state;
  }

  /** How many parts there are. */
  get size(): number {
    return this.parts.length;
  }
  /** All parts, in order. */
  get parts(): readonly FormPart[] {
    const { pieces } = this.#read().form;
    const list = bareArray<FormPart>();
    for (let index = 0; index < pieces.length; index++) if (pieces[index]!.facts !== null) list[list.length] = partOf(pieces[index]!.facts!, pieces[index]!.content);
    return freeze(ordinaryArray(list));
  }
  /** The first part of that name; `null` when there is none. */
  getPart(name: string): FormPart | null {
    const { pieces } = this.#read().form;
    const piece = pieces[placeOf(pieces, name)];
    return piece?.facts == null ? null : partOf(piece.facts, piece.content);
  }
  /** The text of the first part of that name; `null` when there is none. */
  get(name: string): string | null {
    return this.getPart(name)?.text ?? null;
  }
  /** The text of each part of that name. */
  getAll(name: string): string[] {
    const { parts } = this;
    const list = bareArray<string>();
    for (let index = 0; index < parts.length; index++) if (parts[index]!.name === name) list[list.length] = parts[index]!.text;
    return ordinaryArray(list);
  }
  /** Whether there is a part of that name. */
  has(name: string): boolean {
    return placeOf(this.#read().form.pieces, name) >= 0;
  }
  /**
   * One part of that name: the first keeps its place (and, when only content is given, its file name, type and other headers), the
   * others go; at the end if there was none. Throws a TypeError when the content holds the form's boundary.
   */
  set(name: string, value: FormPartInit): void {
    const { form, boundary } = this.#read();
    const { pieces } = form;
    const list = bareArray<Piece>();
    let isPlaced = false;
    for (let index = 0; index < pieces.length; index++) {
      const piece = pieces[index]!;
      if (piece.facts?.name !== name) { list[list.length] = piece; continue; }
      if (!isPlaced) list[list.length] = this.#piece(name, value, boundary, piece);
      isPlaced = true;
    }
    if (!isPlaced) list[list.length] = this.#piece(name, value, boundary, null);
    this.#write(form, boundary, list);
  }
  /** A further part at the end. */
  append(name: string, value: FormPartInit): void {
    const { form, boundary } = this.#read();
    const list = bareArray<Piece>();
    for (let index = 0; index < form.pieces.length; index++) list[index] = form.pieces[index]!;
    list[list.length] = this.#piece(name, value, boundary, null);
    this.#write(form, boundary, list);
  }
  /** Removes all parts of that name. */
  delete(name: string): void {
    const { form, boundary } = this.#read();
    const list = bareArray<Piece>();
    for (let index = 0; index < form.pieces.length; index++) if (form.pieces[index]!.facts?.name !== name) list[list.length] = form.pieces[index]!;
    if (list.length !== form.pieces.length) this.#write(form, boundary, list);
  }
  /** Each part, as `parts`. */
  *[Symbol.iterator](): IterableIterator<FormPart> {
    const { parts } = this;
    for (let index = 0; index < parts.length; index++) yield parts[index]!;
  }

  /** A body of another kind is an empty form with a boundary of our own. */
  #read(): Read {
    const { fields, body: { content } } = this.#state;
    const at = findField(fields, "content-type");
    const found = at < 0 ? null : exec(formType, fields[at]!.value);
    if (found === null) return { form: nothing, boundary: "" };
    const boundary = found[1] ?? found[2] ?? "";
    return { form: content === null ? nothing : parseMultipart(latin1Text(content), boundary), boundary };
  }

  #piece(name: unknown, value: unknown, boundary: string, present: Piece | null): Piece {
    if (typeof name !== "string") throw refuse(what, `${what}: a name must be a string`);
    const isPlain = typeof value === "string" || isBytes(value);
    const given = isPlain ? value : isObject(value) ? readMember(value, "content") : undefined;
    if (typeof given !== "string" && !isBytes(given)) throw refuse(what, `${what}: a part must be a string, a Uint8Array, or { content, filename, contentType }`);
    const content = typeof given === "string" ? encodeText(given) : latin1Text(bytesFrom(what, given, Infinity, false));
    if (boundary !== "" && indexOf(`\r\n${content}`, `\r\n--${boundary}`) >= 0) throw refuse(what, `${what}: the content of "${name}" holds the form's boundary`);
    const lead = present?.lead ?? "";
    if (present !== null && isPlain) return { lead, head: present.head, content, facts: present.facts };
    const facts: PartFacts = { name, filename: isPlain ? null : textOrNull(value, "filename"), contentType: isPlain ? null : textOrNull(value, "contentType") };
    if (facts.contentType !== null && !isFieldValue(encodeText(facts.contentType))) throw refuse(what, `${what}: the contentType of "${name}" has characters that no header may have`);
    return { lead, head: partHead(facts), content, facts };
  }

  #write(form: Multipart, known: string, pieces: readonly Piece[]): void {
    const boundary = known === "" ? newBoundary() : known;
    const list = bareArray<Piece>();
    for (let index = 0; index < pieces.length; index++) {
      const { lead, head, content, facts } = pieces[index]!;
      list[index] = { lead: lead === "" ? `--${boundary}\r\n` : lead, head, content, facts };
    }
    const bytes = latin1Bytes(multipartText(form, boundary, list));
    if (bytes === null) throw refuse(what, `${what}: not writable as bytes`);
    if (known === "") {
      const types = bareArray<Field>();
      types[0] = new Field("Content-Type", `multipart/form-data; boundary=${boundary}`);
      this.#state.writeFields("request.headers", withValues(what, this.#state.fields, "content-type", types));
    }
    this.#state.writeBody(what, (mostBytes) => {
      checkSize(byteLengthOf(bytes), mostBytes);
      return assignedBody(bytes, "content", this.#state.hasEncoding);
    });
  }
}
expose(MultipartForm, "MultipartForm");

function placeOf(pieces: readonly Piece[], name: string): number {
  for (let index = 0; index < pieces.length; index++) if (pieces[index]!.facts?.name === name) return index;
  return -1;
}

function partOf({ name, filename, contentType }: PartFacts, text: string): FormPart {
  const content = latin1Bytes(text) ?? new RealUint8Array(0);
  return freeze<FormPart>({ name, filename, contentType, content, text: decodeUtf8(content, "replace") ?? "" });
}

function textOrNull(value: unknown, key: "filename" | "contentType"): string | null {
  const text = isObject(value) ? readMember(value, key) : null;
  if (text === undefined || text === null) return null;
  if (typeof text !== "string") throw refuse(what, `${what}: ${key} must be a string`);
  return text;
}

/** Long and random, so that no content holds it by chance. */
function newBoundary(): string {
  let digits = "";
  while (digits.length < 32) digits += numberToString(floor(random() * 36), 36);
  return `----FlowcellForm${digits}`;
}
