// atob and btoa (WHATWG HTML §8.3, WHATWG Infra forgiving-base64).
import { RealTypeError, charCodeAt, exec, fromCharCode, indexOf, slice } from "../intrinsics.ts";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Makes a DOMException named InvalidCharacterError. */
type Invalid = (message: string) => Error;

function needOne(count: number, name: string): void {
  if (count === 0) throw new RealTypeError(`${name}: 1 argument required, 0 given`);
}

/** Bytes, as a string of chars U+0000–U+00FF, to base64. Throws for other chars. */
export function btoa(invalidCharacter: Invalid, args: readonly unknown[]): string {
  needOne(args.length, "btoa");
  const text = `${args[0] as string}`;
  let encoded = "";
  for (let at = 0; at < text.length; at += 3) {
    let bits = 0;
    for (let index = 0; index < 3; index++) {
      const unit = at + index < text.length ? charCodeAt(text, at + index) : 0;
      if (unit > 0xff) throw invalidCharacter("btoa: the string has characters above U+00FF");
      bits = (bits << 8) | unit;
    }
    const left = text.length - at;
    encoded += alphabet[bits >> 18]! + alphabet[(bits >> 12) & 63]! + (left > 1 ? alphabet[(bits >> 6) & 63]! : "=") + (left > 2 ? alphabet[bits & 63]! : "=");
  }
  return encoded;
}

const endPadding = /^[^]*?(={0,2})$/;

/** Base64, white space ignored, to bytes as a string. */
export function atob(invalidCharacter: Invalid, args: readonly unknown[]): string {
  needOne(args.length, "atob");
  const given = `${args[0] as string}`;
  let text = "";
  for (let at = 0; at < given.length; at++) if (indexOf("\t\n\f\r ", given[at]!) < 0) text += given[at]!;
  if (text.length % 4 === 0) text = slice(text, 0, text.length - (exec(endPadding, text)?.[1]?.length ?? 0));
  if (text.length % 4 === 1) throw invalidCharacter("atob: the string is not base64");
  let decoded = "";
  let bits = 0;
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const value = indexOf(alphabet, text[at]!);
    if (value < 0) throw invalidCharacter("atob: the string is not base64");
    bits = ((bits << 6) | value) & 0xffffff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      decoded += fromCharCode((bits >> count) & 0xff);
    }
  }
  return decoded;
}
