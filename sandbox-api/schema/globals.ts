// The globals table: what an addon finds on its global beside the language itself, who implements it, and how it differs from the
// standard that it is named after; and which names of the language it does not find. A test pins the realm to this table.

import type { GuestPart } from "./own-builds.ts";

export interface GlobalRow {
  /** `guest`: code inside the isolate; `cell`: it lets the cell work, within the same entry; `host`: it asks the host and the answer comes back as a timed entry. */
  readonly by: "guest" | "cell" | "host";
  /** The part of the guest that is loaded when an addon first touches this name; null: it is always there. */
  readonly part: GuestPart | null;
  /** An attribute with a getter and a setter, not a value. */
  readonly isAttribute: boolean;
  /** The document that it follows. */
  readonly standard: string;
  /** How it differs; "" where it does not. */
  readonly differs: string;
}

interface BaseRow extends GlobalRow { readonly part: null }
interface PartRow extends GlobalRow { readonly part: GuestPart }
const row = (by: GlobalRow["by"], standard: string, differs: string): BaseRow => ({ by, part: null, isAttribute: false, standard, differs });
const partRow = (part: GuestPart, standard: string, differs: string, by: GlobalRow["by"] = "guest"): PartRow => ({ by, part, isAttribute: false, standard, differs });
const attributeRow = (part: GuestPart, standard: string, differs: string): PartRow => ({ ...partRow(part, standard, differs), isAttribute: true });

export const globalTable = {
  console: row("host", "WHATWG Console", "writes to the proxy's log at the level of the method, formatted as Node does (the part inspect, loaded by the first value that is no plain text); lines are cut to the limit logLineBytes; clear does nothing"),
  self: row("guest", "WHATWG HTML §10.2", "the global itself; it has the methods of an EventTarget and is no instance of one"),
  setTimeout: row("host", "WHATWG HTML §8.7", "at most 1,000 at once; code given as text runs as by eval: its let and const are its own"),
  setInterval: row("host", "WHATWG HTML §8.7", "at least 1 ms; code given as text runs as by eval: its let and const are its own"),
  clearTimeout: row("host", "WHATWG HTML §8.7", ""),
  clearInterval: row("host", "WHATWG HTML §8.7", ""),
  queueMicrotask: row("guest", "WHATWG HTML §8.8", ""),
  reportError: row("guest", "WHATWG HTML §8.1.4", "what no error listener prevents is logged"),
  fetch: row("host", "WHATWG Fetch §5.6", "by grant: the manifest's permissions.fetch names origins, anything else rejects; no cookies, cache, CORS or relative URLs; the whole request is sent and the whole response read before it resolves; an abort rejects, and the host ends the exchange within its own limits; at most 5 redirects, each of which must be granted"),
  Headers: partRow("fetch", "WHATWG Fetch §5.1", "no header is forbidden here (the host refuses those that belong to the connection); not the Headers of the module flowcell"),
  Request: partRow("fetch", "WHATWG Fetch §5.4", "no relative URLs; mode, credentials, cache, referrer, integrity and keepalive are kept and change nothing; not the Request of the module flowcell"),
  Response: partRow("fetch", "WHATWG Fetch §5.5", "no relative URLs; not the Response of the module flowcell"),
  FormData: partRow("blob", "XMLHttpRequest §5", "there are no form elements"),
  Blob: partRow("blob", "W3C File API §3", "the bytes are in the isolate's own heap"),
  File: partRow("blob", "W3C File API §4", ""),
  TextEncoder: partRow("encoding", "WHATWG Encoding §7.4", ""),
  TextDecoder: partRow("encoding", "WHATWG Encoding §7.2", ""),
  atob: row("guest", "WHATWG HTML §8.3", ""),
  btoa: row("guest", "WHATWG HTML §8.3", ""),
  structuredClone: partRow("clone", "WHATWG HTML §2.7", "only ArrayBuffers can be transferred; of the objects of Web APIs it copies Blob, File and DOMException"),
  DOMException: partRow("events", "Web IDL §2.8", ""),
  Event: partRow("events", "WHATWG DOM §2.2", "there is no tree: an event visits its target only"),
  EventTarget: partRow("events", "WHATWG DOM §2.7", ""),
  CustomEvent: partRow("events", "WHATWG DOM §2.4", ""),
  ErrorEvent: partRow("events", "WHATWG HTML §8.1.4", "places are those of the bundle, before source maps"),
  PromiseRejectionEvent: partRow("events", "WHATWG HTML §8.1.4", "of those that the isolate dispatches, promise and reason are stand-ins: an error of the same type, message and stack, or the same plain value; only one rejection of an entry is told"),
  addEventListener: partRow("events", "WHATWG DOM §2.7", "of the global: error comes for what timers, microtasks and listeners throw and reportError is given, unhandledrejection for promises that nobody handled; what is not prevented is logged or fails the call, as without listeners; what an event's handler throws fails its call and is no error event"),
  removeEventListener: partRow("events", "WHATWG DOM §2.7", ""),
  dispatchEvent: partRow("events", "WHATWG DOM §2.7", ""),
  onerror: attributeRow("events", "WHATWG HTML §8.1.8", ""),
  onunhandledrejection: attributeRow("events", "WHATWG HTML §8.1.8", ""),
  onrejectionhandled: attributeRow("events", "WHATWG HTML §8.1.8", "never called: the engine does not tell"),
  AbortController: partRow("events", "WHATWG DOM §3.1", ""),
  AbortSignal: partRow("events", "WHATWG DOM §3.2", ""),
  URL: partRow("url", "WHATWG URL §6.1", "no createObjectURL and revokeObjectURL; labels that begin with xn-- are checked in ASCII domains too, as the standard had it until 2026"),
  URLSearchParams: partRow("url", "WHATWG URL §6.2", ""),
  URLPattern: partRow("urlpattern", "WHATWG URL Pattern", "as of the polyfill; patterns are turned into regular expressions of the language, so a pattern can be slow"),
  ByteLengthQueuingStrategy: partRow("streams", "WHATWG Streams", ""),
  CountQueuingStrategy: partRow("streams", "WHATWG Streams", ""),
  ReadableByteStreamController: partRow("streams", "WHATWG Streams", ""),
  ReadableStream: partRow("streams", "WHATWG Streams", "cannot be transferred"),
  ReadableStreamBYOBReader: partRow("streams", "WHATWG Streams", ""),
  ReadableStreamBYOBRequest: partRow("streams", "WHATWG Streams", ""),
  ReadableStreamDefaultController: partRow("streams", "WHATWG Streams", ""),
  ReadableStreamDefaultReader: partRow("streams", "WHATWG Streams", ""),
  TransformStream: partRow("streams", "WHATWG Streams", "cannot be transferred"),
  TransformStreamDefaultController: partRow("streams", "WHATWG Streams", ""),
  WritableStream: partRow("streams", "WHATWG Streams", "cannot be transferred"),
  WritableStreamDefaultController: partRow("streams", "WHATWG Streams", ""),
  WritableStreamDefaultWriter: partRow("streams", "WHATWG Streams", ""),
  TextEncoderStream: partRow("streams", "WHATWG Encoding §7.6", ""),
  TextDecoderStream: partRow("streams", "WHATWG Encoding §7.6", ""),
  CompressionStream: partRow("compression", "WHATWG Compression §5", "all of it at once when the stream ends; at most 4 MiB", "cell"),
  DecompressionStream: partRow("compression", "WHATWG Compression §6", "all of it at once when the stream ends; at most 4 MiB, which become at most 16 MiB", "cell"),
  crypto: partRow("crypto", "W3C Web Crypto", "getRandomValues, randomUUID and subtle; at most 4 MiB at once", "cell"),
  Crypto: partRow("crypto", "W3C Web Crypto §10", "", "cell"),
  CryptoKey: partRow("crypto", "W3C Web Crypto §13", "the key itself is held outside of the isolate and ends with it", "cell"),
  SubtleCrypto: partRow("crypto", "W3C Web Crypto §14", "SHA, HMAC, AES (GCM, CBC, CTR, KW), ECDSA, ECDH, Ed25519, X25519, HKDF, PBKDF2 (100,000 rounds at most), RSA (4096 bits at most; keys of 2048 to 4096 bits are generated, beside the call, and charged to the CPU budget); all else counts as CPU time of the call", "cell"),
  performance: row("guest", "W3C High Resolution Time", "now, timeOrigin, toJSON and the methods of an EventTarget only, whole milliseconds"),
  navigator: row("guest", "WHATWG HTML §8.9", "userAgent only, \"Flowcell\""),
} as const satisfies Record<string, GlobalRow>;

export type GlobalName = keyof typeof globalTable;
/** Those that every isolate has from the start. */
export type BaseGlobalName = { [N in GlobalName]: (typeof globalTable)[N] extends BaseRow ? N : never }[GlobalName];

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
