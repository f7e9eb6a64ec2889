// What Request and Response share: a body that is bytes or a stream, and is taken once (WHATWG Fetch §5.2). A stream is made for bytes
// only when somebody asks for it.
import { bytesOf, copyBytes, decode } from "./bytes.ts";
import type { FormEntry } from "./form-data.ts";
import { joinBytes, readMultipart, readUrlEncoded, writeMultipart } from "./form-format.ts";
import { headerValue, type Headers } from "./headers.ts";
import { wellFormed } from "./idl.ts";
import { RealPromise, RealTypeError, RealUint8Array, bareArray, bufferOf, isObject, toStringTagSymbol, typedArrayTag } from "./intrinsics.ts";
import { parameterOf, parseMediaType, writeMediaType, type MediaType } from "./media-type.ts";

/** As much of a ReadableStream as bodies use. */
export interface BodyStream {
  readonly locked: boolean;
  getReader(): object;
  tee(): readonly [BodyStream, BodyStream];
  readonly _disturbed?: boolean;
}
interface Streams {
  readonly ReadableStream: (new (source: object) => BodyStream) & { readonly prototype: object };
  readonly readChunk: (stream: BodyStream, steps: { _chunkSteps(chunk: unknown): void; _closeSteps(): void; _errorSteps(error: unknown): void }) => void;
}
const streams = (): Streams => $kernel.part("streams") as object as Streams;

export const isStream = (value: unknown): value is BodyStream => isObject(value) && $kernel.isLoaded("streams") && value instanceof streams().ReadableStream;

/** `bytes` and `stream`: at least one of them; once there is a stream, it alone counts. */
export class BodyState {
  bytes: Uint8Array<ArrayBuffer> | null;
  stream: BodyStream | null;
  #isTaken = false;
  constructor(bytes: Uint8Array<ArrayBuffer> | null, stream: BodyStream | null) {
    this.bytes = bytes;
    this.stream = stream;
  }
  get isUsed(): boolean { return this.stream === null ? this.#isTaken : this.#isTaken || this.stream._disturbed === true; }
  get isLocked(): boolean { return this.stream?.locked === true; }
  get isUnusable(): boolean { return this.isUsed || this.isLocked; }
  take(): void { this.#isTaken = true; }

  asStream(): BodyStream {
    if (this.stream !== null) return this.stream;
    const { bytes } = this;
    const isEmpty = this.#isTaken || bytes === null || bytes.length === 0;
    const made = new (streams().ReadableStream)({
      type: "bytes",
      start(controller: { enqueue(chunk: Uint8Array): void; close(): void }): void {
        if (!isEmpty) controller.enqueue(copyBytes(bytes));
        controller.close();
      },
    });
    // Who took the bytes holds the stream.
    if (this.#isTaken) made.getReader();
    this.stream = made;
    return made;
  }
}

/** A body with the Content-Type that it brings along; null: none. */
export interface ExtractedBody { readonly state: BodyState; readonly type: string | null }

export function extractBody(body: unknown): ExtractedBody {
  if (isStream(body)) {
    if (body.locked || body._disturbed === true) throw new RealTypeError("the stream of a body is locked, or has been read");
    return { state: new BodyState(null, body), type: null };
  }
  const bytes = bytesOf(body);
  if (bytes !== null) return { state: new BodyState(copyBytes(bytes), null), type: null };
  return (isObject(body) ? extractObject(body) : null) ?? ofBytes($kernel.encodeUtf8(wellFormed(body), false), "text/plain;charset=UTF-8");
}

const ofBytes = (bytes: Uint8Array<ArrayBuffer>, type: string | null): ExtractedBody => ({ state: new BodyState(bytes, null), type });

function extractObject(body: object): ExtractedBody | null {
  const tag = $kernel.readMember(body, toStringTagSymbol);
  if ($kernel.isLoaded("blob")) {
    const { blobBytes, formEntries } = $kernel.part("blob") as { readonly blobBytes: (value: unknown) => Uint8Array<ArrayBuffer> | null; readonly formEntries: (value: unknown) => FormEntry[] | null };
    const content = blobBytes(body);
    if (content !== null) return ofBytes(content, (body as { readonly type: string }).type || null);
    const entries = formEntries(body);
    if (entries !== null) {
      const { bytes, boundary } = writeMultipart(entries);
      return ofBytes(bytes, `multipart/form-data; boundary=${boundary}`);
    }
  }
  if (tag === "URLSearchParams" && $kernel.isLoaded("url") && body instanceof ($kernel.part("url") as { readonly URLSearchParams: new () => object }).URLSearchParams) {
    return ofBytes($kernel.encodeUtf8(wellFormed(body), false), "application/x-www-form-urlencoded;charset=UTF-8");
  }
  return null;
}

/**
 * What `convert` makes of all bytes of a body; rejects when it was taken before, or its stream fails or gives something else than bytes.
 * No promise in between is resolved with an object: `then` of Object.prototype is an addon's, and has no business with bytes.
 */
export function withBytes<T>(state: BodyState | null, convert: (bytes: Uint8Array<ArrayBuffer>) => T | PromiseLike<T>): Promise<T> {
  return new RealPromise<T>((resolve, reject) => {
    const finish = (bytes: Uint8Array<ArrayBuffer>): void => {
      try {
        resolve(convert(bytes));
      } catch (thrown) {
        reject(thrown);
      }
    };
    if (state === null) return finish(new RealUint8Array(0));
    if (state.isUnusable) throw new RealTypeError("the body has been read already, or its stream is locked");
    const { stream, bytes } = state;
    state.take();
    if (stream === null) finish(bytes ?? new RealUint8Array(0));
    else collect(stream, finish, reject);
  });
}

/** Reads to the end; chunks that are there already one after the other in a loop, not one within the other. */
function collect(stream: BodyStream, done: (bytes: Uint8Array<ArrayBuffer>) => void, failed: (reason: unknown) => void): void {
  const { readChunk } = streams();
  const pieces = bareArray<Uint8Array>();
  const progress = { isReading: false, hasMore: false };
  stream.getReader();
  const steps = {
    _chunkSteps: (chunk: unknown): void => {
      if (typedArrayTag(chunk) !== "Uint8Array") return failed(new RealTypeError("a body's stream may give Uint8Arrays only"));
      pieces[pieces.length] = copyBytes(chunk as Uint8Array);
      progress.hasMore = true;
      if (!progress.isReading) read();
    },
    _closeSteps: () => done(joinBytes(pieces)),
    _errorSteps: failed,
  };
  const read = (): void => {
    progress.isReading = true;
    do {
      progress.hasMore = false;
      readChunk(stream, steps);
    } while (progress.hasMore);
    progress.isReading = false;
  };
  read();
}

/** The media type of a message, as `blob()` and `formData()` take it. */
function mediaTypeOf(headers: Headers): MediaType | null {
  const value = headerValue(headers, "content-type");
  return value === null ? null : parseMediaType(value);
}

function formOf(bytes: Uint8Array<ArrayBuffer>, headers: Headers): object {
  const type = mediaTypeOf(headers);
  if (type?.essence === "application/x-www-form-urlencoded") return readUrlEncoded(bytes);
  const boundary = type?.essence === "multipart/form-data" ? parameterOf(type, "boundary") : null;
  if (boundary === null) throw new RealTypeError("the Content-Type of the body is none of a form");
  return readMultipart(bytes, boundary);
}

const { parse } = JSON;

/** Request and Response inherit these; `#` keeps what is theirs. */
export interface BodyOwner { readonly body: BodyState | null; readonly headers: Headers }

/** Adds `body`, `bodyUsed` and the readers to a class. `ownerOf` throws for an object of another class. */
export function mixInBody(type: { readonly prototype: object }, ownerOf: (self: unknown) => BodyOwner): void {
  const members = {
    get body(): BodyStream | null { return ownerOf(this).body?.asStream() ?? null; },
    get bodyUsed(): boolean { return ownerOf(this).body?.isUsed ?? false; },
    async arrayBuffer(): Promise<ArrayBuffer> { return withBytes(ownerOf(this).body, (bytes) => bufferOf(copyBytes(bytes))); },
    async blob(): Promise<object> {
      const { body, headers } = ownerOf(this);
      const type = mediaTypeOf(headers);
      return withBytes(body, (bytes) => {
        const { Blob } = $kernel.part("blob") as { readonly Blob: new (parts: readonly unknown[], options: object) => object };
        return new Blob([bytes], { type: type === null ? "" : writeMediaType(type) });
      });
    },
    async bytes(): Promise<Uint8Array> { return withBytes(ownerOf(this).body, copyBytes); },
    async formData(): Promise<object> {
      const { body, headers } = ownerOf(this);
      return withBytes(body, (bytes) => formOf(bytes, headers));
    },
    async json(): Promise<unknown> { return withBytes(ownerOf(this).body, (bytes) => parse(decode(bytes)) as unknown); },
    async text(): Promise<string> { return withBytes(ownerOf(this).body, decode); },
  };
  const descriptors = Object.getOwnPropertyDescriptors(members);
  for (const name of ["body", "bodyUsed", "arrayBuffer", "blob", "bytes", "formData", "json", "text"] as const) {
    $kernel.intrinsics.defineProperty(type.prototype, name, { ...descriptors[name], enumerable: true, configurable: true });
  }
}
