// Reads multipart/form-data bodies (RFC 7578): the parts with name, file name, type and bytes. It only reads; a body with other
// parts is made by assigning `content`.
import { decodeText, latin1Text } from "./byte-string.ts";
import { findField, type Fields } from "./fields.ts";
import { RealUint8Array, bareArray, bufferOf, byteOffsetOf, exec, freeze, indexOf, ordinaryArray, slice } from "./intrinsics.ts";
import { multipartParts } from "./bounds.ts";

export interface FormPart {
  readonly name: string;
  /** `null`: not a file. */
  readonly filename: string | null;
  readonly contentType: string | null;
  readonly content: Uint8Array;
}

const formType = /^[ \t]*multipart\/form-data[ \t]*;(?:.*;)?[ \t]*boundary=(?:"([^"]+)"|([^\s;"]+))/i;
const dispositionPattern = /^content-disposition:[ \t]*form-data\b([^]*)$/i;
const namePattern = /;[ \t]*name="((?:[^"\\]|\\.)*)"/i;
const filenamePattern = /;[ \t]*filename="((?:[^"\\]|\\.)*)"/i;
const typePattern = /^content-type:[ \t]*(.*)$/i;

/** The parts in order; empty when the message is no such form or has no body here. Broken parts are left out. */
export function multipartOf(fields: Fields, content: Uint8Array | null): readonly FormPart[] {
  const list = bareArray<FormPart>();
  const at = findField(fields, "content-type");
  const found = at < 0 ? null : exec(formType, fields[at]!.value);
  if (content === null || found === null) return freeze(ordinaryArray(list));
  const text = latin1Text(content);
  const delimiter = `--${found[1] ?? found[2] ?? ""}`;
  let start = indexOf(text, delimiter);
  while (start >= 0 && list.length < multipartParts) {
    const from = start + delimiter.length + 2;
    const end = indexOf(text, `\r\n${delimiter}`, from - 2);
    if (slice(text, from - 2, from) !== "\r\n" || end < 0) break;
    const part = readPart(text, content, from, end);
    if (part !== null) list[list.length] = part;
    start = end + 2;
  }
  return freeze(ordinaryArray(list));
}

function readPart(text: string, content: Uint8Array, from: number, end: number): FormPart | null {
  const headEnd = indexOf(text, "\r\n\r\n", from);
  if (headEnd < 0 || headEnd > end) return null;
  let disposition: string | null = null;
  let contentType: string | null = null;
  for (let at = from; at < headEnd;) {
    const lineEnd = indexOf(text, "\r\n", at);
    const line = slice(text, at, lineEnd);
    disposition ??= exec(dispositionPattern, line)?.[1] ?? null;
    contentType ??= exec(typePattern, line)?.[1] ?? null;
    at = lineEnd + 2;
  }
  const name = disposition === null ? undefined : exec(namePattern, disposition)?.[1];
  if (disposition === null || name === undefined) return null;
  const filename = exec(filenamePattern, disposition)?.[1];
  const bytes = new RealUint8Array(bufferOf(content), byteOffsetOf(content) + headEnd + 4, end - headEnd - 4);
  return freeze<FormPart>({ name: decodeText(name), filename: filename === undefined ? null : decodeText(filename), contentType: contentType === null ? null : decodeText(contentType), content: bytes });
}
