// multipart/form-data bodies (RFC 7578) as byte strings: cut into pieces that together are the whole body, so that what nobody touches
// keeps its bytes, and heads of new parts. Pure; the view that addons see is in multipart.ts.
import { decodeText, encodeText } from "./byte-string.ts";
import { bareArray, charCodeAt, exec, indexOf, slice } from "./intrinsics.ts";
import { multipartParts } from "./bounds.ts";

/** One part between two delimiters. */
export interface Piece {
  /** Delimiter, padding and line end before it. */
  readonly lead: string;
  /** Its header lines and the empty line. */
  readonly head: string;
  readonly content: string;
  /** What its head says; null: it is no part of a form, and stays as it is. */
  readonly facts: PartFacts | null;
}

export interface PartFacts {
  readonly name: string;
  readonly filename: string | null;
  readonly contentType: string | null;
}

export interface Multipart {
  readonly preamble: string;
  readonly pieces: readonly Piece[];
  /** The line end before the last delimiter, it, and all that follows. */
  readonly rest: string;
}

const dispositionPattern = /^content-disposition:[ \t]*form-data\b([^]*)$/i;
const namePattern = /;[ \t]*name="((?:[^"\\]|\\.)*)"/i;
const bareNamePattern = /;[ \t]*name=([^\s";]+)/i;
const filenamePattern = /;[ \t]*filename="((?:[^"\\]|\\.)*)"/i;
const bareFilenamePattern = /;[ \t]*filename=([^\s";]+)/i;
const typePattern = /^content-type:[ \t]*(.*?)[ \t]*$/i;
const afterDelimiter = /^(?:--|[ \t]*\r\n)/;

/** Where the next delimiter line begins, from `from` on; -1: nowhere. The line end before it belongs to it. */
function findDelimiter(text: string, delimiter: string, from: number): number {
  for (let at = indexOf(text, delimiter, from); at >= 0; at = indexOf(text, delimiter, at + 1)) {
    const isAtLineStart = at === 0 || slice(text, at - 2, at) === "\r\n";
    const end = at + delimiter.length;
    if (isAtLineStart && exec(afterDelimiter, slice(text, end, end + 200)) !== null) return at;
  }
  return -1;
}

/** Cuts a body at its boundary. Without a delimiter, all of it is preamble; what is beyond a bound of parts is rest. */
export function parseMultipart(text: string, boundary: string): Multipart {
  const delimiter = `--${boundary}`;
  const pieces = bareArray<Piece>();
  let at = findDelimiter(text, delimiter, 0);
  if (at < 0) return { preamble: text, pieces, rest: "" };
  const preamble = slice(text, 0, at);
  while (pieces.length < multipartParts && slice(text, at + delimiter.length, at + delimiter.length + 2) !== "--") {
    const from = indexOf(text, "\r\n", at) + 2;
    // An empty part ends where it begins: its line end is that of the delimiter before.
    const next = findDelimiter(text, delimiter, from);
    if (next < 0) break;
    const end = next - 2;
    pieces[pieces.length] = readPiece(slice(text, at, from), slice(text, from, end < from ? from : end));
    at = next;
  }
  const isFirst = pieces.length === 0;
  return { preamble, pieces, rest: slice(text, isFirst ? at : at - 2) };
}

function readPiece(lead: string, text: string): Piece {
  const headEnd = slice(text, 0, 2) === "\r\n" ? 2 : indexOf(text, "\r\n\r\n") + 4;
  if (headEnd < 4 && slice(text, 0, 2) !== "\r\n") return { lead, head: text, content: "", facts: null };
  const head = slice(text, 0, headEnd);
  return { lead, head, content: slice(text, headEnd), facts: readFacts(head) };
}

/** Heads are searched by patterns that take long for long ones. */
const longestHead = 8_192;

function readFacts(head: string): PartFacts | null {
  if (head.length > longestHead) return null;
  let disposition: string | null = null;
  let contentType: string | null = null;
  for (let at = 0; at < head.length;) {
    const lineEnd = indexOf(head, "\r\n", at);
    const line = slice(head, at, lineEnd);
    disposition ??= exec(dispositionPattern, line)?.[1] ?? null;
    contentType ??= exec(typePattern, line)?.[1] ?? null;
    at = lineEnd + 2;
  }
  if (disposition === null) return null;
  const name = exec(namePattern, disposition)?.[1] ?? exec(bareNamePattern, disposition)?.[1];
  if (name === undefined) return null;
  const filename = exec(filenamePattern, disposition)?.[1] ?? exec(bareFilenamePattern, disposition)?.[1];
  return { name: unescaped(name), filename: filename === undefined ? null : unescaped(filename), contentType: contentType === null ? null : decodeText(contentType) };
}

/** `\"` as some clients write a quote, and %22, %0D and %0A as browsers do (HTML §4.10.21.8); nothing else. */
function unescaped(bytes: string): string {
  let text = "";
  let start = 0;
  for (let at = 0; at < bytes.length; at++) {
    const unit = charCodeAt(bytes, at);
    const code = unit === 37 ? slice(bytes, at, at + 3) : "";
    const meant = unit === 92 && charCodeAt(bytes, at + 1) === 34 ? '"' : code === "%22" ? '"' : code === "%0D" || code === "%0d" ? "\r" : code === "%0A" || code === "%0a" ? "\n" : null;
    if (meant === null) continue;
    text += slice(bytes, start, at) + meant;
    at += unit === 92 ? 1 : 2;
    start = at + 1;
  }
  return decodeText(text + slice(bytes, start));
}

function escaped(text: string): string {
  let bytes = "";
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = charCodeAt(text, at);
    if (unit !== 34 && unit !== 13 && unit !== 10) continue;
    bytes += `${slice(text, start, at)}${unit === 34 ? "%22" : unit === 13 ? "%0D" : "%0A"}`;
    start = at + 1;
  }
  return encodeText(bytes + slice(text, start));
}

/** The head of a new part. `contentType` is one that a field may have. */
export function partHead({ name, filename, contentType }: PartFacts): string {
  return `Content-Disposition: form-data; name="${escaped(name)}"${filename === null ? "" : `; filename="${escaped(filename)}"`}\r\n${contentType === null ? "" : `Content-Type: ${encodeText(contentType)}\r\n`}\r\n`;
}

/** The whole body with these pieces between its preamble and rest. */
export function multipartText({ preamble, rest }: Multipart, boundary: string, pieces: readonly Piece[]): string {
  let text = preamble;
  for (let index = 0; index < pieces.length; index++) {
    const { lead, head, content } = pieces[index]!;
    text += `${index === 0 ? "" : "\r\n"}${lead}${head}${content}`;
  }
  // The rest of a body without parts has no line end of its own before its delimiter.
  const hasLineEnd = slice(rest, 0, 2) === "\r\n";
  if (rest === "") return `${text}${pieces.length === 0 ? "" : "\r\n"}--${boundary}--\r\n`;
  return pieces.length === 0 ? text + (hasLineEnd ? slice(rest, 2) : rest) : text + (hasLineEnd ? rest : `\r\n${rest}`);
}
