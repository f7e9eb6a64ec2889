// Work that an isolate cannot do itself, done at once and in this process: random bytes, digests, ciphers, signatures, compression.
// Bytes in, bytes out, no state, no keys kept. It runs inside the addon's entry and counts as its CPU time; nothing can interrupt it,
// so every operation is bounded in size and rounds to far less than the watchdog's patience.
import { compressionOperations } from "./compression.ts";
import { cryptoOperations } from "./crypto.ts";
import { keyOperations } from "./keys.ts";

export type Settings = { readonly [name: string]: unknown };
/** One operation; throws a NativeError for what cannot be done. */
export type Operation = (settings: Settings, buffers: readonly Uint8Array[]) => Uint8Array;

/** LIMIT: bytes that go into one operation. */
export const mostInputBytes = 4 * 1024 * 1024;
/** LIMIT: characters of its settings; a JWK with the longest RSA key has four thousand. */
export const mostSettingsChars = 32_768;

/** `$native`: throws, for the guest, an error without this process's stack and paths. */
export type Native = (name: unknown, settingsJson: unknown, ...buffers: unknown[]) => ArrayBuffer;

const operations: { readonly [name: string]: Operation } = Object.assign(Object.create(null), cryptoOperations, keyOperations, compressionOperations);

function refusal(message: string): Error {
  const error = new Error(message);
  error.stack = message;
  return error;
}

export const native: Native = (name, settingsJson, ...given) => {
  const operation = typeof name === "string" ? operations[name] : undefined;
  if (operation === undefined || typeof settingsJson !== "string") throw refusal("no such operation");
  if (settingsJson.length > mostSettingsChars) throw refusal(`settings of more than ${mostSettingsChars} characters`);
  const buffers = given.map((buffer) => {
    if (!(buffer instanceof ArrayBuffer)) throw refusal("not a buffer");
    return new Uint8Array(buffer);
  });
  if (buffers.reduce((sum, { length }) => sum + length, 0) > mostInputBytes) throw refusal(`more than ${mostInputBytes} bytes at once`);
  try {
    return new Uint8Array(twice(operation, JSON.parse(settingsJson), buffers)).buffer;
  } catch (error) {
    throw refusal(error instanceof Error ? error.message.slice(0, 200) : "failed");
  }
};

/** OpenSSL may still hold the error of an operation that failed before, of another addon even, and Node takes it for this one's. */
function twice(operation: Operation, settings: Settings, buffers: readonly Uint8Array[]): Uint8Array {
  try {
    return operation(settings, buffers);
  } catch {
    // What was left over is gone now; a failure of its own comes again.
    return operation(settings, buffers);
  }
}
