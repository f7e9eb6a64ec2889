// Bodies that are forms: multipart/form-data written and read (HTML §4.10.21, RFC 7578), application/x-www-form-urlencoded read.
// Bounded by the body's own size; each part is looked at once.
import type { FormEntry } from "./form-data.ts";
import { RealTypeError, RealUint8Array, bareArray, bufferOf, byteLengthOf, byteOffsetOf, charCodeAt, copyInto, exec, indexOf, slice, toLowerCase } from "./intrinsics.ts";

interface Blobs {
  readonly blobBytes: (value: unknown) => Uint8Array<ArrayBuffer> | null;
  readonly newFormData: (entries: readonly FormEntry[]) => object;
  readonly File: new (parts: readonly unknown[], name: string, options: object) => FormEntry[1];
}
const blobs = (): Blobs => $kernel.part("blob") as object as Blobs;

const lineBreaks = /\r\n?|\n/g;
const { replace } = String.prototype;
const { random, floor } = Math;
const crlf = (text: string): string => $kernel.intrinsics.apply(replace as never, text, [lineBreaks, "\r\n"]) as string;

function escapedName(name: string): string {
  let text = "";
  for (let at = 0; at < name.length; at++) text += name[at] === "\n" ? "%0A" : name[at] === "\r" ? "%0D" : name[at] === '"' ? "%22" : name[at]!;
  return text;
}

/** The body of a form, and its boundary. */
export function writeMultipart(entries: readonly FormEntry[]): { readonly bytes: Uint8Array<ArrayBuffer>; readonly boundary: string } {
  let boundary = "----formdata-flowcell-0";
  for (let index = 0; index < 12; index++) boundary += floor(random() * 10);
  const pieces = bareArray<Uint8Array>();
  const put = (text: string): void => { pieces[pieces.length] = $kernel.encodeUtf8(text, false); };
  for (let index = 0; index < entries.length; index++) {
    const [name, value] = entries[index]!;
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${escapedName(crlf(name))}"`;
    if (typeof value === "string") {
      put(`${head}\r\n\r\n${crlf(value)}\r\n`);
      continue;
    }
    put(`${head}; filename="${escapedName(value.name)}"\r\nContent-Type: ${value.type === "" ? "application/octet-stream" : value.type}\r\n\r\n`);
    pieces[pieces.length] = blobs().blobBytes(value) ?? new RealUint8Array(0);
    put("\r\n");
  }
  put(`--${boundary}--\r\n`);
  return { bytes: joinBytes(pieces), boundary };
}

export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (let index = 0; index < pieces.length; index++) size += byteLengthOf(pieces[index]!);
  const bytes = new RealUint8Array(size);
  for (let index = 0, at = 0; index < pieces.length; index++) {
    copyInto(bytes, pieces[index]!, at);
    at += byteLengthOf(pieces[index]!);
  }
  return bytes;
}

const bad = (): Error => new RealTypeError("the body is not a form of its Content-Type");

/** Throws a TypeError for what is no such form. */
export function readMultipart(bytes: Uint8Array<ArrayBuffer>, boundary: string): object {
  const entries = bareArray<FormEntry>();
  const end = byteLengthOf(bytes);
  const mark = `--${boundary}`;
  let at = 0;
  if (!startsWith(bytes, at, mark)) throw bad();
  for (;;) {
    at += mark.length;
    if (startsWith(bytes, at, "--")) break;
    if (!startsWith(bytes, at, "\r\n")) throw bad();
    const head = readHead(bytes, at + 2);
    const bodyEnd = find(bytes, head.end, `\r\n${mark}`);
    if (bodyEnd < 0) throw bad();
    const content = new RealUint8Array(bufferOf(bytes), byteOffsetOf(bytes) + head.end, bodyEnd - head.end);
    entries[entries.length] = [head.name, head.filename === null ? $kernel.decodeUtf8(content, "replace") ?? "" : new (blobs().File)([content], head.filename, { type: head.type })];
    at = bodyEnd + 2;
    if (at > end) throw bad();
  }
  return blobs().newFormData(entries);
}

interface PartHead { readonly name: string; readonly filename: string | null; readonly type: string; readonly end: number }

/** The lines before a part's content. */
function readHead(bytes: Uint8Array<ArrayBuffer>, start: number): PartHead {
  let name: string | null = null;
  let filename: string | null = null;
  let type = "text/plain";
  let at = start;
  while (!startsWith(bytes, at, "\r\n")) {
    const lineEnd = find(bytes, at, "\r\n");
    if (lineEnd < 0) throw bad();
    const line = $kernel.decodeUtf8(bytes, "replace", at, lineEnd) ?? "";
    at = lineEnd + 2;
    const colon = indexOf(line, ":");
    if (colon < 0) throw bad();
    const field = toLowerCase($kernel.intrinsics.trim(slice(line, 0, colon)));
    const value = $kernel.intrinsics.trim(slice(line, colon + 1));
    if (field === "content-type") type = value;
    if (field !== "content-disposition") continue;
    if (exec(/^form-data\s*(;|$)/i, value) === null) throw bad();
    name = quoted(value, "name");
    filename = quoted(value, "filename");
  }
  if (name === null) throw bad();
  return { name, filename, type, end: at + 2 };
}

/** A parameter of Content-Disposition, with the three escapes that forms know. */
function quoted(value: string, parameter: "name" | "filename"): string | null {
  const found = exec(parameter === "name" ? /;\s*name="([^"]*)"/i : /;\s*filename="([^"]*)"/i, value)?.[1];
  if (found === undefined) return null;
  let text = "";
  for (let at = 0; at < found.length; at++) {
    const escape = found[at] === "%" ? slice(found, at, at + 3) : "";
    const char = escape === "%0A" || escape === "%0a" ? "\n" : escape === "%0D" || escape === "%0d" ? "\r" : escape === "%22" ? '"' : null;
    text += char ?? found[at]!;
    if (char !== null) at += 2;
  }
  return text;
}

function startsWith(bytes: Uint8Array, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) if (bytes[at + index] !== charCodeAt(text, index)) return false;
  return true;
}

function find(bytes: Uint8Array, from: number, text: string): number {
  const first = charCodeAt(text, 0);
  const last = byteLengthOf(bytes) - text.length;
  for (let at = from; at <= last; at++) if (bytes[at] === first && startsWith(bytes, at, text)) return at;
  return -1;
}

/** Never throws. */
export function readUrlEncoded(bytes: Uint8Array<ArrayBuffer>): object {
  const { URLSearchParams } = $kernel.part("url") as { readonly URLSearchParams: new (text: string) => Iterable<readonly [string, string]> };
  const entries = bareArray<FormEntry>();
  const params = new URLSearchParams(decodeKeepingMark(bytes));
  $kernel.iterate(params, (pair) => {
    const [name, value] = pair as readonly [string, string];
    entries[entries.length] = [name, value];
  });
  return blobs().newFormData(entries);
}
const decodeKeepingMark = (bytes: Uint8Array): string => {
  const text = $kernel.decodeUtf8(bytes, "replace") ?? "";
  // URLSearchParams takes one leading "?" away.
  return text[0] === "?" ? `?${text}` : text;
};
