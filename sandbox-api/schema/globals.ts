// The globals table: what an addon finds on its global beside the language itself, who implements it, and how it differs from the
// standard that it is named after; and which names of the language it does not find. A test pins the realm to this table. What brings
// a name is in global-parts.ts, apart from all these words, which no isolate needs.

import { globalAttributes, globalParts, type PartGlobalName } from "./global-parts.ts";
import type { GuestPart } from "./own-builds.ts";

interface Row {
  /** `guest`: code inside the isolate; `cell`: it lets the cell work, within the same entry; `host`: it asks the host and the answer comes back as a timed entry. */
  readonly by: "guest" | "cell" | "host";
  /** The document that it follows. */
  readonly standard: string;
  /** How it differs; "" where it does not. */
  readonly differs: string;
}

export interface GlobalRow extends Row {
  /** The part of the guest that is loaded when an addon first touches this name; null: it is always there. */
  readonly part: GuestPart | null;
  /** An attribute with a getter and a setter, not a value. */
  readonly isAttribute: boolean;
}

const row = (by: Row["by"], standard: string, differs: string): Row => ({ by, standard, differs });

const rows = {
  console: row("host", "WHATWG Console", "writes to the proxy's log at the level of the method, formatted as Node does, but for what is inside promises, proxies and iterators, which only an engine can see (the part inspect, loaded by the first value that is no plain text); lines are cut to the limit logLineBytes; clear does nothing"),
  self: row("guest", "WHATWG HTML §10.2", "the global itself; it has the methods of an EventTarget and is no instance of one"),
  setTimeout: row("host", "WHATWG HTML §8.7", "at most 1,000 at once; code given as text runs as by eval: its let and const are its own"),
  setInterval: row("host", "WHATWG HTML §8.7", "at least 1 ms; code given as text runs as by eval: its let and const are its own"),
  clearTimeout: row("host", "WHATWG HTML §8.7", ""),
  clearInterval: row("host", "WHATWG HTML §8.7", ""),
  queueMicrotask: row("guest", "WHATWG HTML §8.8", ""),
  reportError: row("guest", "WHATWG HTML §8.1.4", "what no error listener prevents is logged"),
  fetch: row("host", "WHATWG Fetch §5.6", "by grant: the manifest's permissions.fetch names origins, anything else rejects; no cookies, cache, CORS or relative URLs; the whole request is sent and the whole response read before it resolves; an abort rejects, and the host ends the exchange within its own limits; at most 5 redirects, each of which must be granted"),
  Headers: row("guest", "WHATWG Fetch §5.1", "no header is forbidden here (the host refuses those that belong to the connection); not the Headers of the module flowcell"),
  Request: row("guest", "WHATWG Fetch §5.4", "no relative URLs; mode, credentials, cache, referrer, integrity and keepalive are kept and change nothing; not the Request of the module flowcell"),
  Response: row("guest", "WHATWG Fetch §5.5", "no relative URLs; not the Response of the module flowcell"),
  FormData: row("guest", "XMLHttpRequest §5", "there are no form elements"),
  Blob: row("guest", "W3C File API §3", "the bytes are in the isolate's own heap"),
  File: row("guest", "W3C File API §4", ""),
  TextEncoder: row("guest", "WHATWG Encoding §7.4", ""),
  TextDecoder: row("guest", "WHATWG Encoding §7.2", ""),
  atob: row("guest", "WHATWG HTML §8.3", ""),
  btoa: row("guest", "WHATWG HTML §8.3", ""),
  structuredClone: row("guest", "WHATWG HTML §2.7", "ArrayBuffers and streams can be transferred; of the objects of Web APIs it copies Blob, File and DOMException"),
  DOMException: row("guest", "Web IDL §2.8", ""),
  Event: row("guest", "WHATWG DOM §2.2", "there is no tree: an event visits its target only"),
  EventTarget: row("guest", "WHATWG DOM §2.7", ""),
  CustomEvent: row("guest", "WHATWG DOM §2.4", ""),
  ErrorEvent: row("guest", "WHATWG HTML §8.1.4", "places are those of the bundle, before source maps"),
  PromiseRejectionEvent: row("guest", "WHATWG HTML §8.1.4", "of those that the isolate dispatches, promise and reason are stand-ins: an error of the same type, message and stack, or the same plain value; only one rejection of an entry is told"),
  addEventListener: row("guest", "WHATWG DOM §2.7", "of the global: error comes for what timers, microtasks and listeners throw and reportError is given, unhandledrejection for promises that nobody handled; what is not prevented is logged or fails the call, as without listeners; what an event's handler throws fails its call and is no error event"),
  removeEventListener: row("guest", "WHATWG DOM §2.7", ""),
  dispatchEvent: row("guest", "WHATWG DOM §2.7", ""),
  onerror: row("guest", "WHATWG HTML §8.1.8", ""),
  onunhandledrejection: row("guest", "WHATWG HTML §8.1.8", ""),
  onrejectionhandled: row("guest", "WHATWG HTML §8.1.8", "never called: the engine does not tell"),
  AbortController: row("guest", "WHATWG DOM §3.1", ""),
  AbortSignal: row("guest", "WHATWG DOM §3.2", ""),
  URL: row("guest", "WHATWG URL §6.1", "no createObjectURL and revokeObjectURL; labels that begin with xn-- are checked in ASCII domains too, as the standard had it until 2026"),
  URLSearchParams: row("guest", "WHATWG URL §6.2", ""),
  URLPattern: row("guest", "WHATWG URL Pattern", "as of the polyfill; patterns are turned into regular expressions of the language, so a pattern can be slow"),
  ByteLengthQueuingStrategy: row("guest", "WHATWG Streams", ""),
  CountQueuingStrategy: row("guest", "WHATWG Streams", ""),
  ReadableByteStreamController: row("guest", "WHATWG Streams", ""),
  ReadableStream: row("guest", "WHATWG Streams", ""),
  ReadableStreamBYOBReader: row("guest", "WHATWG Streams", ""),
  ReadableStreamBYOBRequest: row("guest", "WHATWG Streams", ""),
  ReadableStreamDefaultController: row("guest", "WHATWG Streams", ""),
  ReadableStreamDefaultReader: row("guest", "WHATWG Streams", ""),
  TransformStream: row("guest", "WHATWG Streams", ""),
  TransformStreamDefaultController: row("guest", "WHATWG Streams", ""),
  WritableStream: row("guest", "WHATWG Streams", ""),
  WritableStreamDefaultController: row("guest", "WHATWG Streams", ""),
  WritableStreamDefaultWriter: row("guest", "WHATWG Streams", ""),
  TextEncoderStream: row("guest", "WHATWG Encoding §7.6", ""),
  TextDecoderStream: row("guest", "WHATWG Encoding §7.6", ""),
  CompressionStream: row("cell", "WHATWG Compression §5", "all of it at once when the stream ends; at most 4 MiB"),
  DecompressionStream: row("cell", "WHATWG Compression §6", "all of it at once when the stream ends; at most 4 MiB, which become at most 16 MiB"),
  crypto: row("cell", "W3C Web Crypto", "getRandomValues, randomUUID and subtle; at most 4 MiB at once"),
  Crypto: row("cell", "W3C Web Crypto §10", ""),
  CryptoKey: row("cell", "W3C Web Crypto §13", "the key itself is held outside of the isolate and ends with it"),
  SubtleCrypto: row("cell", "W3C Web Crypto §14", "SHA, HMAC, AES (GCM, CBC, CTR, KW), ECDSA, ECDH, Ed25519, X25519, HKDF, PBKDF2 (100,000 rounds at most), RSA (4096 bits at most; keys of 2048 to 4096 bits are generated, beside the call, and charged to the CPU budget); all else counts as CPU time of the call"),
  performance: row("guest", "W3C High Resolution Time", "now, timeOrigin, toJSON and the methods of an EventTarget only, whole milliseconds"),
  navigator: row("guest", "WHATWG HTML §8.9", "userAgent only, \"Flowcell\""),
} as const satisfies Record<PartGlobalName, Row> & { readonly [name: string]: Row };

export type GlobalName = keyof typeof rows;
/** Those that every isolate has from the start. */
export type BaseGlobalName = Exclude<GlobalName, PartGlobalName>;

const parts: { readonly [name: string]: GuestPart } = globalParts;
const attributes: readonly string[] = globalAttributes;
/** In the order of the docs. */
export const globalTable: { readonly [name: string]: GlobalRow } = Object.fromEntries(
  Object.entries(rows).map(([name, columns]) => [name, { ...columns, part: parts[name] ?? null, isAttribute: attributes.includes(name) }]),
);

/** Names of the language that are not there, and why. */
export const removedGlobals = {
  WebAssembly: "its memory is not counted by the heap limit",
  SharedArrayBuffer: "shares memory between threads; growable ones are not counted",
  Atomics: "waits; of no use without shared memory",
  FinalizationRegistry: "runs code when the collector likes, outside calls",
  WeakRef: "shows when the collector runs",
  Intl: "its objects hold memory that no limit counts",
  Temporal: "its objects hold memory that no limit counts",
} as const satisfies Record<string, string>;

/** ArrayBuffer is there, but not resizable: such memory is not counted by the heap limit. Error.prepareStackTrace and stackTraceLimit are fixed. */
export const changedGlobals = ["ArrayBuffer", "Error"] as const;
