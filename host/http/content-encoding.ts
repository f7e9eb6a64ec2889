// Content codings (RFC 9110 §8.4): turns a body as on the wire into its content and back, for addons and the operator. Works off
// the event loop (async zlib) and within a bound, so that a compression bomb costs no more than the bound. It knows no messages
// and no headers but the text of Content-Encoding; framing (Transfer-Encoding) is none of its business.
import { promisify } from "node:util";
import zlib from "node:zlib";

export type DecodeResult =
  | { readonly kind: "decoded"; readonly content: Buffer }
  /** One line: which coding, and what was wrong with it. */
  | { readonly kind: "error"; readonly message: string };

type Run = (input: Buffer, options?: { maxOutputLength?: number }) => Promise<Buffer>;
interface Coding { readonly decode: Run; readonly encode: Run }

// RFC 9110 §8.4.1.2: "deflate" is the zlib format, but senders of raw DEFLATE are many. CM 8 and a header checksum tell them apart.
const hasZlibHeader = (input: Buffer): boolean => input.length >= 2 && ((input[0] ?? 0) & 0x0f) === 8 && input.readUInt16BE(0) % 31 === 0;
const inflate = promisify(zlib.inflate);
const inflateRaw = promisify(zlib.inflateRaw);
const brotliQuality = 5;

const gzip: Coding = { decode: promisify(zlib.gunzip), encode: promisify(zlib.gzip) };
const codings: ReadonlyMap<string, Coding> = new Map([
  ["gzip", gzip],
  ["x-gzip", gzip],
  ["deflate", { decode: (input, options) => (hasZlibHeader(input) ? inflate(input, options ?? {}) : inflateRaw(input, options ?? {})), encode: promisify(zlib.deflate) }],
  // PERF: the default quality 11 takes seconds for a megabyte; 5 is what servers use on the fly.
  ["br", { decode: promisify(zlib.brotliDecompress), encode: (input) => promisify(zlib.brotliCompress)(input, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: brotliQuality } }) }],
  ["zstd", { decode: promisify(zlib.zstdDecompress), encode: promisify(zlib.zstdCompress) }],
]);

/** More codings than this on one message is an attack, not a need. LIMIT: each costs a pass over the whole body. */
const mostCodings = 4;

/** The codings of a Content-Encoding value in the order they were applied, without "identity". */
export function contentCodings(contentEncoding: string): readonly string[] {
  return contentEncoding.split(",").map((name) => name.trim().toLowerCase()).filter((name) => name !== "" && name !== "identity");
}

/** Whether a value of Content-Encoding makes content differ from the bytes on the wire. */
export const isEncoded = (contentEncoding: string | undefined): boolean => contentEncoding !== undefined && contentCodings(contentEncoding).length > 0;

/** Undoes all codings, last first. Never rejects; no step gives more than `limitBytes`. An empty body is empty whatever its coding. */
export async function decodeContent(raw: Buffer, contentEncoding: string, limitBytes: number): Promise<DecodeResult> {
  const names = contentCodings(contentEncoding);
  if (names.length > mostCodings) return { kind: "error", message: `Content-Encoding names ${names.length} codings, at most ${mostCodings} are decoded` };
  let content = raw;
  for (const name of names.toReversed()) {
    const coding = codings.get(name);
    if (coding === undefined) return { kind: "error", message: `Content-Encoding "${name.slice(0, 64)}" is not known` };
    if (content.length === 0) break;
    try {
      content = await coding.decode(content, { maxOutputLength: Math.max(1, limitBytes) });
    } catch (error) {
      return { kind: "error", message: explain(error, name, limitBytes) };
    }
  }
  return { kind: "decoded", content };
}

function explain(error: unknown, name: string, limitBytes: number): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ERR_BUFFER_TOO_LARGE") return `the body decoded by ${name} is larger than ${limitBytes} bytes`;
  return `the body is not valid ${name}: ${error instanceof Error ? error.message : String(error)}`;
}

/** Applies all codings in order. Null when one of them is unknown or there are too many: then the content cannot be sent under that header. */
export async function encodeContent(content: Buffer, contentEncoding: string): Promise<Buffer | null> {
  const names = contentCodings(contentEncoding);
  const steps = names.map((name) => codings.get(name));
  if (names.length > mostCodings) return null;
  let raw = content;
  for (const step of steps) if (step === undefined) return null;
  for (const step of steps) if (step !== undefined) raw = await step.encode(raw);
  return raw;
}
