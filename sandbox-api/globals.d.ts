// The globals that exist inside an isolate beside the language itself (schema/globals.ts), for the compiler: there is no DOM and no
// Node here. Types only.
interface FlowcellConsole {
  debug(...args: unknown[]): void;
  log(...args: unknown[]): void;
  info(...args: unknown[]): void;
  warn(...args: unknown[]): void;
  error(...args: unknown[]): void;
  trace(...args: unknown[]): void;
  dir(value: unknown, options?: { readonly depth?: number | null }): void;
  dirxml(...args: unknown[]): void;
  table(data: unknown, columns?: readonly string[]): void;
  assert(condition?: unknown, ...args: unknown[]): void;
  group(...args: unknown[]): void;
  groupCollapsed(...args: unknown[]): void;
  groupEnd(): void;
  count(label?: string): void;
  countReset(label?: string): void;
  time(label?: string): void;
  timeLog(label?: string, ...args: unknown[]): void;
  timeEnd(label?: string): void;
  clear(): void;
}
declare const console: FlowcellConsole;
declare function setTimeout(callback: (_: void) => unknown, ms?: number): number;
declare function setTimeout<A extends unknown[]>(callback: (...args: A) => unknown, ms?: number, ...args: A): number;
declare function setInterval(callback: (_: void) => unknown, ms?: number): number;
declare function setInterval<A extends unknown[]>(callback: (...args: A) => unknown, ms?: number, ...args: A): number;
declare function clearTimeout(id?: number): void;
declare function clearInterval(id?: number): void;
declare function queueMicrotask(callback: () => void): void;
declare function atob(data: string): string;
declare function btoa(data: string): string;
declare function structuredClone<T>(value: T, options?: { readonly transfer?: readonly (ArrayBuffer | ReadableStream | WritableStream | TransformStream)[] }): T;
declare function reportError(error: unknown): void;
interface Performance extends EventTarget { readonly timeOrigin: number; now(): number; toJSON(): { readonly timeOrigin: number } }
declare const performance: Performance;
declare const navigator: { readonly userAgent: string };
declare const self: typeof globalThis;
/** Needs the permission `fetch` for the origin. Rejects with a TypeError that says which rule refused, or what went wrong. */
declare function fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;

declare class TextEncoder {
  readonly encoding: "utf-8";
  encode(text?: string): Uint8Array<ArrayBuffer>;
  encodeInto(text: string, target: Uint8Array): { read: number; written: number };
}
declare class TextDecoder {
  constructor(label?: string, options?: { readonly fatal?: boolean; readonly ignoreBOM?: boolean });
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  decode(source?: ArrayBuffer | ArrayBufferView, options?: { readonly stream?: boolean }): string;
}
declare class URLSearchParams {
  constructor(init?: string | Iterable<readonly [string, string]> | { readonly [name: string]: string });
  readonly size: number;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string, value?: string): boolean;
  set(name: string, value: string): void;
  append(name: string, value: string): void;
  delete(name: string, value?: string): void;
  sort(): void;
  forEach(visit: (value: string, name: string) => void, self?: unknown): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
  toString(): string;
}
declare class URL {
  constructor(url: string | URL, base?: string | URL);
  static canParse(url: string | URL, base?: string | URL): boolean;
  static parse(url: string | URL, base?: string | URL): URL | null;
  href: string;
  readonly origin: string;
  protocol: string;
  username: string;
  password: string;
  host: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  hash: string;
  readonly searchParams: URLSearchParams;
  toString(): string;
  toJSON(): string;
}
declare class URLPattern {
  constructor(init?: string | { readonly [part: string]: string }, base?: string, options?: { readonly ignoreCase?: boolean });
  readonly protocol: string;
  readonly username: string;
  readonly password: string;
  readonly hostname: string;
  readonly port: string;
  readonly pathname: string;
  readonly search: string;
  readonly hash: string;
  readonly hasRegExpGroups: boolean;
  test(input?: string | { readonly [part: string]: string }, base?: string): boolean;
  exec(input?: string | { readonly [part: string]: string }, base?: string): URLPatternResult | null;
}
interface URLPatternPart { readonly input: string; readonly groups: { readonly [name: string]: string | undefined } }
interface URLPatternResult {
  readonly inputs: readonly (string | object)[];
  readonly protocol: URLPatternPart;
  readonly username: URLPatternPart;
  readonly password: URLPatternPart;
  readonly hostname: URLPatternPart;
  readonly port: URLPatternPart;
  readonly pathname: URLPatternPart;
  readonly search: URLPatternPart;
  readonly hash: URLPatternPart;
}

declare class DOMException extends Error {
  constructor(message?: string, name?: string);
  readonly code: number;
}
interface EventInit { readonly bubbles?: boolean; readonly cancelable?: boolean; readonly composed?: boolean }
declare class Event {
  constructor(type: string, init?: EventInit);
  readonly type: string;
  readonly target: EventTarget | null;
  readonly currentTarget: EventTarget | null;
  readonly eventPhase: number;
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  readonly defaultPrevented: boolean;
  readonly composed: boolean;
  readonly isTrusted: boolean;
  readonly timeStamp: number;
  composedPath(): EventTarget[];
  preventDefault(): void;
  stopPropagation(): void;
  stopImmediatePropagation(): void;
}
declare class CustomEvent<T = unknown> extends Event {
  constructor(type: string, init?: EventInit & { readonly detail?: T });
  readonly detail: T;
}
declare class ErrorEvent extends Event {
  constructor(type: string, init?: EventInit & { readonly message?: string; readonly filename?: string; readonly lineno?: number; readonly colno?: number; readonly error?: unknown });
  readonly message: string;
  readonly filename: string;
  readonly lineno: number;
  readonly colno: number;
  readonly error: unknown;
}
declare class PromiseRejectionEvent extends Event {
  constructor(type: string, init: EventInit & { readonly promise: Promise<unknown>; readonly reason?: unknown });
  readonly promise: Promise<unknown>;
  readonly reason: unknown;
}
type EventListener = ((event: Event) => void) | { handleEvent(event: Event): void } | null;
interface ListenerOptions { readonly capture?: boolean; readonly once?: boolean; readonly passive?: boolean; readonly signal?: AbortSignal }
declare class EventTarget {
  addEventListener(type: string, listener: EventListener, options?: boolean | ListenerOptions): void;
  removeEventListener(type: string, listener: EventListener, options?: boolean | { readonly capture?: boolean }): void;
  dispatchEvent(event: Event): boolean;
}
/** What the global tells of, before it is logged or the call fails for it; preventDefault() stops that. */
interface GlobalEvents { readonly error: ErrorEvent; readonly unhandledrejection: PromiseRejectionEvent }
type GlobalListener<E> = ((event: E) => unknown) | { handleEvent(event: E): unknown } | null;
declare function addEventListener<T extends keyof GlobalEvents>(type: T, listener: GlobalListener<GlobalEvents[T]>, options?: boolean | ListenerOptions): void;
declare function addEventListener(type: string, listener: EventListener, options?: boolean | ListenerOptions): void;
declare function removeEventListener<T extends keyof GlobalEvents>(type: T, listener: GlobalListener<GlobalEvents[T]>, options?: boolean | { readonly capture?: boolean }): void;
declare function removeEventListener(type: string, listener: EventListener, options?: boolean | { readonly capture?: boolean }): void;
declare function dispatchEvent(event: Event): boolean;
/** `true` from it is preventDefault(). Places are those of the bundle. */
declare var onerror: ((message: string | Event, filename?: string, lineno?: number, colno?: number, error?: unknown) => unknown) | null;
/** `false` from it is preventDefault(). */
declare var onunhandledrejection: ((event: PromiseRejectionEvent) => unknown) | null;
/** Never called. */
declare var onrejectionhandled: ((event: PromiseRejectionEvent) => unknown) | null;
declare class AbortSignal extends EventTarget {
  static abort(reason?: unknown): AbortSignal;
  static timeout(milliseconds: number): AbortSignal;
  static any(signals: Iterable<AbortSignal>): AbortSignal;
  readonly aborted: boolean;
  readonly reason: unknown;
  onabort: ((event: Event) => void) | null;
  throwIfAborted(): void;
}
declare class AbortController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}

type BlobPart = string | ArrayBuffer | ArrayBufferView | Blob;
declare class Blob {
  constructor(parts?: Iterable<BlobPart>, options?: { readonly type?: string; readonly endings?: "transparent" | "native" });
  readonly size: number;
  readonly type: string;
  slice(start?: number, end?: number, contentType?: string): Blob;
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  stream(): ReadableStream<Uint8Array<ArrayBuffer>>;
}
declare class File extends Blob {
  constructor(parts: Iterable<BlobPart>, name: string, options?: { readonly type?: string; readonly lastModified?: number });
  readonly name: string;
  readonly lastModified: number;
}
declare class FormData {
  append(name: string, value: string | Blob, filename?: string): void;
  delete(name: string): void;
  get(name: string): string | File | null;
  getAll(name: string): (string | File)[];
  has(name: string): boolean;
  set(name: string, value: string | Blob, filename?: string): void;
  forEach(visit: (value: string | File, name: string, form: FormData) => void, self?: unknown): void;
  entries(): IterableIterator<[string, string | File]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string | File>;
  [Symbol.iterator](): IterableIterator<[string, string | File]>;
}

type HeadersInit = Headers | Iterable<readonly [string, string]> | { readonly [name: string]: string };
/** Those of the Fetch standard, for `fetch`, Request and Response; messages have the ones of "flowcell". */
declare class Headers {
  constructor(init?: HeadersInit);
  append(name: string, value: string): void;
  delete(name: string): void;
  get(name: string): string | null;
  getSetCookie(): string[];
  has(name: string): boolean;
  set(name: string, value: string): void;
  forEach(visit: (value: string, name: string, headers: Headers) => void, self?: unknown): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}
type BodyInit = string | ArrayBuffer | ArrayBufferView | Blob | FormData | URLSearchParams | ReadableStream<Uint8Array>;
interface RequestInit {
  readonly method?: string;
  readonly headers?: HeadersInit;
  readonly body?: BodyInit | null;
  /** By default "follow". */
  readonly redirect?: "follow" | "manual" | "error";
  readonly signal?: AbortSignal | null;
  /** Needed where the body is a stream. */
  readonly duplex?: "half";
}
interface BodyReaders {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>> | null;
  readonly bodyUsed: boolean;
  arrayBuffer(): Promise<ArrayBuffer>;
  blob(): Promise<Blob>;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  formData(): Promise<FormData>;
  json(): Promise<unknown>;
  text(): Promise<string>;
}
interface Request extends BodyReaders {}
declare class Request {
  constructor(input: string | URL | Request, init?: RequestInit);
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly redirect: "follow" | "manual" | "error";
  readonly signal: AbortSignal;
  clone(): Request;
}
interface ResponseInit { readonly status?: number; readonly statusText?: string; readonly headers?: HeadersInit }
interface Response extends BodyReaders {}
/** That of the Fetch standard; a flow is answered with the one of "flowcell". */
declare class Response {
  constructor(body?: BodyInit | null, init?: ResponseInit);
  static error(): Response;
  static json(data: unknown, init?: ResponseInit): Response;
  static redirect(url: string | URL, status?: number): Response;
  readonly type: string;
  readonly url: string;
  readonly redirected: boolean;
  readonly status: number;
  readonly ok: boolean;
  readonly statusText: string;
  readonly headers: Headers;
  clone(): Response;
}

interface QueuingStrategy<T = unknown> { readonly highWaterMark?: number; readonly size?: (chunk: T) => number }
declare class CountQueuingStrategy {
  constructor(init: { readonly highWaterMark: number });
  readonly highWaterMark: number;
  readonly size: (chunk?: unknown) => 1;
}
declare class ByteLengthQueuingStrategy {
  constructor(init: { readonly highWaterMark: number });
  readonly highWaterMark: number;
  readonly size: (chunk: ArrayBufferView) => number;
}
interface StreamController<T> { readonly desiredSize: number | null; close(): void; enqueue(chunk: T): void; error(reason?: unknown): void }
interface ReadableSource<T> {
  readonly type?: "bytes";
  readonly autoAllocateChunkSize?: number;
  start?(controller: StreamController<T>): unknown;
  pull?(controller: StreamController<T>): unknown;
  cancel?(reason: unknown): unknown;
}
interface PipeOptions { readonly preventClose?: boolean; readonly preventAbort?: boolean; readonly preventCancel?: boolean; readonly signal?: AbortSignal }
interface StreamReader<T> {
  readonly closed: Promise<void>;
  read(): Promise<{ readonly done: false; readonly value: T } | { readonly done: true; readonly value: undefined }>;
  cancel(reason?: unknown): Promise<void>;
  releaseLock(): void;
}
declare class ReadableStream<T = unknown> {
  constructor(source?: ReadableSource<T>, strategy?: QueuingStrategy<T>);
  static from<T>(list: Iterable<T> | AsyncIterable<T>): ReadableStream<T>;
  readonly locked: boolean;
  cancel(reason?: unknown): Promise<void>;
  getReader(options?: { readonly mode?: "byob" }): StreamReader<T>;
  pipeThrough<R>(pair: { readonly readable: ReadableStream<R>; readonly writable: WritableStream<T> }, options?: PipeOptions): ReadableStream<R>;
  pipeTo(target: WritableStream<T>, options?: PipeOptions): Promise<void>;
  tee(): [ReadableStream<T>, ReadableStream<T>];
  values(options?: { readonly preventCancel?: boolean }): AsyncIterableIterator<T>;
  [Symbol.asyncIterator](): AsyncIterableIterator<T>;
}
interface WritableSink<T> {
  start?(controller: { readonly signal: AbortSignal; error(reason?: unknown): void }): unknown;
  write?(chunk: T): unknown;
  close?(): unknown;
  abort?(reason: unknown): unknown;
}
interface StreamWriter<T> {
  readonly closed: Promise<void>;
  readonly ready: Promise<void>;
  readonly desiredSize: number | null;
  write(chunk: T): Promise<void>;
  close(): Promise<void>;
  abort(reason?: unknown): Promise<void>;
  releaseLock(): void;
}
declare class WritableStream<T = unknown> {
  constructor(sink?: WritableSink<T>, strategy?: QueuingStrategy<T>);
  readonly locked: boolean;
  abort(reason?: unknown): Promise<void>;
  close(): Promise<void>;
  getWriter(): StreamWriter<T>;
}
interface TransformController<T> { readonly desiredSize: number | null; enqueue(chunk: T): void; error(reason?: unknown): void; terminate(): void }
interface StreamTransformer<I, O> {
  start?(controller: TransformController<O>): unknown;
  transform?(chunk: I, controller: TransformController<O>): unknown;
  flush?(controller: TransformController<O>): unknown;
  cancel?(reason: unknown): unknown;
}
declare class TransformStream<I = unknown, O = unknown> {
  constructor(transformer?: StreamTransformer<I, O>, writableStrategy?: QueuingStrategy<I>, readableStrategy?: QueuingStrategy<O>);
  readonly readable: ReadableStream<O>;
  readonly writable: WritableStream<I>;
}
declare class TextEncoderStream {
  readonly encoding: "utf-8";
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<string>;
}
declare class TextDecoderStream {
  constructor(label?: string, options?: { readonly fatal?: boolean; readonly ignoreBOM?: boolean });
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  readonly readable: ReadableStream<string>;
  readonly writable: WritableStream<ArrayBuffer | ArrayBufferView>;
}

// Data files of the addon's folder, compiled in: their text, or their bytes.
declare module "*.html" { const text: string; export default text; }
declare module "*.txt" { const text: string; export default text; }
declare module "*.css" { const text: string; export default text; }
declare module "*.svg" { const text: string; export default text; }
declare module "*.xml" { const text: string; export default text; }
declare module "*.csv" { const text: string; export default text; }
declare module "*.md" { const text: string; export default text; }
declare module "*.png" { const bytes: Uint8Array<ArrayBuffer>; export default bytes; }
declare module "*.jpg" { const bytes: Uint8Array<ArrayBuffer>; export default bytes; }
declare module "*.gif" { const bytes: Uint8Array<ArrayBuffer>; export default bytes; }
declare module "*.webp" { const bytes: Uint8Array<ArrayBuffer>; export default bytes; }
declare module "*.ico" { const bytes: Uint8Array<ArrayBuffer>; export default bytes; }
declare module "*.woff2" { const bytes: Uint8Array<ArrayBuffer>; export default bytes; }
declare module "*.pdf" { const bytes: Uint8Array<ArrayBuffer>; export default bytes; }
declare module "*.bin" { const bytes: Uint8Array<ArrayBuffer>; export default bytes; }

declare class CompressionStream {
  constructor(format: "gzip" | "deflate" | "deflate-raw");
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<ArrayBuffer | ArrayBufferView>;
}
declare class DecompressionStream {
  constructor(format: "gzip" | "deflate" | "deflate-raw");
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<ArrayBuffer | ArrayBufferView>;
}
type KeyUsage = "encrypt" | "decrypt" | "sign" | "verify" | "deriveKey" | "deriveBits" | "wrapKey" | "unwrapKey";
type KeyFormat = "raw" | "spki" | "pkcs8" | "jwk";
type BufferSource = ArrayBuffer | ArrayBufferView;
/** A name, or a dictionary with `name` and what the algorithm needs. */
type AlgorithmIdentifier = string | { readonly name: string; readonly [member: string]: unknown };
interface JsonWebKey { readonly [member: string]: unknown }
declare class CryptoKey {
  private constructor();
  readonly type: "secret" | "public" | "private";
  readonly extractable: boolean;
  readonly algorithm: { readonly name: string };
  readonly usages: readonly KeyUsage[];
}
interface CryptoKeyPair { readonly publicKey: CryptoKey; readonly privateKey: CryptoKey }
declare class SubtleCrypto {
  private constructor();
  digest(algorithm: AlgorithmIdentifier, data: BufferSource): Promise<ArrayBuffer>;
  encrypt(algorithm: AlgorithmIdentifier, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>;
  decrypt(algorithm: AlgorithmIdentifier, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>;
  sign(algorithm: AlgorithmIdentifier, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>;
  verify(algorithm: AlgorithmIdentifier, key: CryptoKey, signature: BufferSource, data: BufferSource): Promise<boolean>;
  /** RSA: 2048 to 4096 bits; takes a tenth of a second to many, beside the call, and counts for the CPU budget: best done in `start`. */
  generateKey(algorithm: { readonly name: string; readonly modulusLength: number; readonly publicExponent: Uint8Array; readonly hash: AlgorithmIdentifier }, extractable: boolean, usages: readonly KeyUsage[]): Promise<CryptoKeyPair>;
  generateKey(algorithm: "Ed25519" | "X25519" | { readonly name: "Ed25519" | "X25519" }, extractable: boolean, usages: readonly KeyUsage[]): Promise<CryptoKeyPair>;
  generateKey(algorithm: { readonly name: string; readonly namedCurve: string }, extractable: boolean, usages: readonly KeyUsage[]): Promise<CryptoKeyPair>;
  generateKey(algorithm: AlgorithmIdentifier, extractable: boolean, usages: readonly KeyUsage[]): Promise<CryptoKey>;
  importKey(format: KeyFormat, keyData: BufferSource | JsonWebKey, algorithm: AlgorithmIdentifier, extractable: boolean, usages: readonly KeyUsage[]): Promise<CryptoKey>;
  exportKey(format: "jwk", key: CryptoKey): Promise<JsonWebKey>;
  exportKey(format: "raw" | "spki" | "pkcs8", key: CryptoKey): Promise<ArrayBuffer>;
  deriveBits(algorithm: AlgorithmIdentifier, key: CryptoKey, length?: number | null): Promise<ArrayBuffer>;
  deriveKey(algorithm: AlgorithmIdentifier, key: CryptoKey, derived: AlgorithmIdentifier, extractable: boolean, usages: readonly KeyUsage[]): Promise<CryptoKey>;
  wrapKey(format: KeyFormat, key: CryptoKey, wrappingKey: CryptoKey, algorithm: AlgorithmIdentifier): Promise<ArrayBuffer>;
  unwrapKey(format: KeyFormat, wrapped: BufferSource, unwrappingKey: CryptoKey, algorithm: AlgorithmIdentifier, keyAlgorithm: AlgorithmIdentifier, extractable: boolean, usages: readonly KeyUsage[]): Promise<CryptoKey>;
}
declare class Crypto {
  private constructor();
  readonly subtle: SubtleCrypto;
  getRandomValues<T extends ArrayBufferView>(array: T): T;
  randomUUID(): string;
}
declare const crypto: Crypto;
