// Work that an isolate cannot do itself, done at once and in this process: random bytes, digests, ciphers, signatures, compression.
// Bytes in, bytes out; the one state is the table of the instance's keys (key-table.ts), and the RSA keys that it waits for. It runs
// inside the addon's entry and counts as its CPU time; nothing can interrupt it, so every operation is bounded in size and rounds to
// far less than the watchdog's patience.
import { compressionOperations } from "./compression.ts";
import { cryptoOperations } from "./crypto.ts";
import { KeyTable } from "./key-table.ts";
import { keyOperations, WaitingPairs } from "./keys.ts";
import type { PairJobs } from "./pair-jobs.ts";
import { Refusal } from "./refusal.ts";

export type Settings = { readonly [name: string]: unknown };
/** What operations of one instance share. */
export interface Surroundings { readonly keys: KeyTable; readonly pairs: WaitingPairs; readonly jobs: PairJobs }
/** One operation; throws a Refusal, or an Error, for what cannot be done. */
export type Operation = (settings: Settings, buffers: readonly Uint8Array[], around: Surroundings) => Uint8Array;

/** LIMIT: bytes that go into one operation. */
export const mostInputBytes = 4 * 1024 * 1024;
/** LIMIT: characters of its settings; the longest are the numbers of keys to be forgotten. */
export const mostSettingsChars = 32_768;

/** `$native`: throws, for the guest, an error without this process's stack and paths. */
export type Native = (name: unknown, settingsJson: unknown, ...buffers: unknown[]) => ArrayBuffer;

export interface NativeBounds { readonly cryptoKeys: number; readonly cryptoKeyBytes: number; readonly rsaKeysAtOnce: number }

/** `$native` of one instance, and what is to be known of it outside. */
export interface NativeDoor {
  readonly native: Native;
  /** CPU microseconds that other threads of this process spent for the instance since it was last asked. */
  takeBesideMicros(): number;
}

const operations: { readonly [name: string]: Operation } = Object.assign(Object.create(null), cryptoOperations, keyOperations, compressionOperations);

function refusal(message: string): Error {
  const error = new Error(message);
  error.stack = message;
  return error;
}

/** For one instance; its keys are gone when nobody has this any more. */
export function makeNative(bounds: NativeBounds, jobs: PairJobs): NativeDoor {
  const pairs = new WaitingPairs(bounds.rsaKeysAtOnce);
  const around: Surroundings = { keys: new KeyTable(bounds), pairs, jobs };
  return { native: (name, settingsJson, ...given) => operate(around, name, settingsJson, given), takeBesideMicros: () => pairs.takeMicros() };
}

function operate(around: Surroundings, name: unknown, settingsJson: unknown, given: readonly unknown[]): ArrayBuffer {
  const operation = typeof name === "string" ? operations[name] : undefined;
  if (operation === undefined || typeof settingsJson !== "string") throw refusal("no such operation");
  if (settingsJson.length > mostSettingsChars) throw refusal(`settings of more than ${mostSettingsChars} characters`);
  const buffers = given.map((buffer) => {
    if (!(buffer instanceof ArrayBuffer)) throw refusal("not a buffer");
    return new Uint8Array(buffer);
  });
  if (buffers.reduce((sum, { length }) => sum + length, 0) > mostInputBytes) throw refusal(`more than ${mostInputBytes} bytes at once`);
  try {
    return new Uint8Array(twice(operation, JSON.parse(settingsJson), buffers, around)).buffer;
  } catch (error) {
    if (error instanceof Refusal) throw refusal(`${error.name}: ${error.message}`);
    throw refusal(error instanceof Error ? error.message.slice(0, 200) : "failed");
  }
}

/** OpenSSL may still hold the error of an operation that failed before, of another addon even, and Node takes it for this one's. */
function twice(operation: Operation, settings: Settings, buffers: readonly Uint8Array[], around: Surroundings): Uint8Array {
  try {
    return operation(settings, buffers, around);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    // What was left over is gone now; a failure of its own comes again.
    return operation(settings, buffers, around);
  }
}
