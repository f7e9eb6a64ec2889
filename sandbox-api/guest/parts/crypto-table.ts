// The normalization of an algorithm that an addon names (Web Crypto §18.4), by the table in schema/crypto.ts: names are matched in any
// case, parameters are read and converted. And the way to the cell, which does what is asked.
import { algorithms, refusalNames, type AlgorithmOperation, type AlgorithmRow } from "../../schema/crypto.ts";
import { needBytes } from "./bytes.ts";
import { text, unsigned } from "./idl.ts";
import { RealTypeError, RealUint8Array, apply, bareArray, bufferByteLength, bufferOf, byteLengthOf, isObject, slice, toLowerCase } from "./intrinsics.ts";
import { copyBytes } from "./bytes.ts";
import { domException } from "./errors.ts";

/** An algorithm as an addon named it: its name as the standard spells it, and its members. */
export interface Named { readonly name: string; readonly row: AlgorithmRow; readonly members: { readonly [name: string]: unknown } }

/** Throws a NotSupportedError for what there is not. */
export function normalize(given: unknown, operation: AlgorithmOperation): Named {
  const members: { readonly [name: string]: unknown } = isObject(given) ? (given as { readonly [name: string]: unknown }) : { name: given };
  const wanted = members["name"];
  if (wanted === undefined) throw new RealTypeError("an algorithm needs a name");
  const lower = toLowerCase(text(wanted));
  for (const name in algorithms) {
    const found = algorithms[name]!;
    if (toLowerCase(name) === lower && found.operations.includes(operation)) return { name, row: found, members };
  }
  throw domException(`${text(wanted)} cannot ${operation} here`, "NotSupportedError");
}

export const hashOf = (value: unknown): string => normalize(value, "digest").name;
export function memberBytes({ members }: Named, name: string): Uint8Array<ArrayBuffer> {
  return copyBytes(needBytes(members[name], name));
}
export function optionalBytes(named: Named, name: string): Uint8Array<ArrayBuffer> {
  return named.members[name] === undefined ? new Uint8Array(0) : memberBytes(named, name);
}
export function memberNumber({ members }: Named, name: string): number {
  if (members[name] === undefined) throw new RealTypeError(`${name} is missing`);
  return unsigned(members[name], 32, "enforce");
}

const { stringify } = $kernel;
const wholeBuffer = (bytes: Uint8Array<ArrayBuffer>): ArrayBuffer => bufferOf(byteLengthOf(bytes) === bufferByteLength(bufferOf(bytes)) ? bytes : copyBytes(bytes)) as ArrayBuffer;

/** An operation of the cell; what it refuses becomes a DOMException of the name that it gives, or an OperationError. */
export function native(operation: string, settings: object, ...buffers: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const given = bareArray<unknown>();
  given[0] = operation;
  given[1] = stringify(settings);
  for (let index = 0; index < buffers.length; index++) given[index + 2] = wholeBuffer(buffers[index]!);
  try {
    return new RealUint8Array(apply($kernel.native, undefined, given as Parameters<typeof $kernel.native>));
  } catch (thrown) {
    const message = isObject(thrown) ? $kernel.readMember(thrown, "message") : "";
    throw refused(typeof message === "string" ? message : "");
  }
}

function refused(message: string): Error {
  for (let index = 0; index < refusalNames.length; index++) {
    const name = refusalNames[index]!;
    if (slice(message, 0, name.length + 2) === `${name}: `) return domException(slice(message, name.length + 2), name);
  }
  return domException(message, "OperationError");
}
