// Part "crypto": the global crypto, its random numbers, and SubtleCrypto. The randomness is the cell's.
import { bytesOf } from "./bytes.ts";
import { domException } from "./errors.ts";
import { describe, needs } from "./idl.ts";
import { RealTypeError, copyInto, byteLengthOf, exec, isObject, slice, typedArrayTag, RealUint8Array } from "./intrinsics.ts";
import { subtle, type SubtleCrypto } from "./subtle.ts";

export { CryptoKey } from "./crypto-key.ts";
export { SubtleCrypto } from "./subtle.ts";

const mostBytes = 65_536;
const integers = /^(?:Ui|I)nt(?:8|16|32)Array$|^Uint8ClampedArray$|^Big(?:Ui|I)nt64Array$/;
const key = {};

export class Crypto {
  readonly #isOurs: boolean;
  constructor(given?: unknown) {
    if (given !== key) throw new RealTypeError("use the global crypto");
    this.#isOurs = true;
  }
  get subtle(): SubtleCrypto {
    if (!this.#isOurs) throw new RealTypeError("no Crypto");
    return subtle;
  }
  getRandomValues(array: unknown): unknown {
    if (this.#isOurs) needs(1, arguments.length, "getRandomValues");
    const bytes = bytesOf(array);
    if (bytes === null || !isObject(array) || (typedArrayTag(array) === undefined && !(array instanceof DataView))) throw new RealTypeError("getRandomValues needs a typed array");
    if (exec(integers, typedArrayTag(array) ?? "") === null) throw domException("only arrays of integers can be filled", "TypeMismatchError");
    const size = byteLengthOf(bytes);
    if (size > mostBytes) throw domException(`more than ${mostBytes} bytes at once`, "QuotaExceededError");
    if (size > 0) copyInto(bytes, new RealUint8Array($kernel.native("random", `{"bytes":${size}}`)));
    return array;
  }
  randomUUID(): string {
    if (!this.#isOurs) throw new RealTypeError("no Crypto");
    const bytes = new RealUint8Array($kernel.native("random", '{"bytes":16}'));
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    let hex = "";
    for (let index = 0; index < 16; index++) hex += $kernel.intrinsics.numberToString(bytes[index]! + 256, 16)[1]! + $kernel.intrinsics.numberToString(bytes[index]! + 256, 16)[2]!;
    return `${slice(hex, 0, 8)}-${slice(hex, 8, 12)}-${slice(hex, 12, 16)}-${slice(hex, 16, 20)}-${slice(hex, 20)}`;
  }
}
describe(Crypto, "Crypto");
$kernel.intrinsics.define(Crypto, "length", 0, false);

export const crypto = new Crypto(key);
