// Which part of the guest brings which name of the global: what an isolate has to know of the globals table (globals.ts) before anybody
// touches one. The compiler holds the two together. Data only.
import type { GuestPart } from "./own-builds.ts";

/** Names that a part brings when an addon first touches them. */
export const globalParts = {
  Headers: "fetch", Request: "fetch", Response: "fetch",
  FormData: "blob", Blob: "blob", File: "blob",
  TextEncoder: "encoding", TextDecoder: "encoding",
  structuredClone: "clone",
  DOMException: "events", Event: "events", EventTarget: "events", CustomEvent: "events", ErrorEvent: "events", PromiseRejectionEvent: "events", addEventListener: "events", removeEventListener: "events", dispatchEvent: "events", onerror: "events", onunhandledrejection: "events", onrejectionhandled: "events", AbortController: "events", AbortSignal: "events",
  URL: "url", URLSearchParams: "url",
  URLPattern: "urlpattern",
  ByteLengthQueuingStrategy: "streams", CountQueuingStrategy: "streams", ReadableByteStreamController: "streams", ReadableStream: "streams", ReadableStreamBYOBReader: "streams", ReadableStreamBYOBRequest: "streams", ReadableStreamDefaultController: "streams", ReadableStreamDefaultReader: "streams", TransformStream: "streams", TransformStreamDefaultController: "streams", WritableStream: "streams", WritableStreamDefaultController: "streams", WritableStreamDefaultWriter: "streams", TextEncoderStream: "streams", TextDecoderStream: "streams",
  CompressionStream: "compression", DecompressionStream: "compression",
  crypto: "crypto", Crypto: "crypto", CryptoKey: "crypto", SubtleCrypto: "crypto",
} as const satisfies Record<string, GuestPart>;
export type PartGlobalName = keyof typeof globalParts;

/** Those that are attributes, with a getter and a setter, and stay so. */
export const globalAttributes: readonly PartGlobalName[] = ["onerror", "onunhandledrejection", "onrejectionhandled"];
