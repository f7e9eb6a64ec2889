// Bytes to text and text to bytes, by this process's own code: in JavaScript an isolate needs a millisecond for what takes a
// hundredth of one here (docs/profiles/bodies.md). Only what is exactly one in the other: everything else the guest does itself.
import { isAscii, isUtf8 } from "node:buffer";
import { mostTextBytes, textForms, type TextForm } from "../../sandbox-api/schema/guest-contract.ts";

/**
 * `$text`: the text of a buffer (of a view, where it is this process's own), or the bytes of a text, in one of the forms. Null where there is none that says exactly the same (bytes
 * that are not UTF-8, a lone surrogate, a character above U+00FF as latin1, half a unit of UTF-16) and for more than `mostTextBytes`.
 * Throws, without this process's stack, what is neither.
 */
export function text(form: unknown, given: unknown): string | ArrayBuffer | null {
  const known = textForms.find((name) => name === form);
  if (known === undefined) throw refusal("no such form of text");
  if (typeof given === "string") return given.length > mostTextBytes ? null : bytesOf(known, given);
  const bytes = given instanceof ArrayBuffer ? Buffer.from(given) : given;
  if (!Buffer.isBuffer(bytes)) throw refusal("neither a text nor a buffer");
  return bytes.length > mostTextBytes ? null : textOf(known, bytes);
}

function refusal(message: string): Error {
  const error = new Error(message);
  error.stack = message;
  return error;
}

function textOf(form: TextForm, bytes: Buffer): string | null {
  switch (form) {
    case "utf-8":
      if (isAscii(bytes)) return bytes.toString("latin1");
      return isUtf8(bytes) ? bytes.toString("utf8") : null;
    case "latin1": return bytes.toString("latin1");
    case "utf-16le": return bytes.length % 2 === 0 ? bytes.toString("utf16le") : null;
  }
}

const aboveLatin1 = /[^\x00-\xff]/;

function bytesOf(form: TextForm, given: string): ArrayBuffer | null {
  if (form === "utf-8" ? !given.isWellFormed() : form === "latin1" && aboveLatin1.test(given)) return null;
  const bytes = Buffer.from(given, form === "utf-8" ? "utf8" : form === "latin1" ? "latin1" : "utf16le");
  const { buffer } = bytes;
  // A small one is a piece of memory that it shares with others, which are nobody's business.
  return buffer instanceof ArrayBuffer && buffer.byteLength === bytes.length ? buffer : new Uint8Array(bytes).buffer;
}
