// Compression of whole pieces by node:zlib, synchronously.
import { deflateRawSync, deflateSync, gunzipSync, gzipSync, inflateRawSync, inflateSync } from "node:zlib";
import type { Operation } from "./native.ts";
import { bufferAt, oneOf } from "./settings.ts";

/** LIMIT: bytes that one piece may become. */
const mostOutputBytes = 16 * 1024 * 1024;
const formats = ["gzip", "deflate", "deflate-raw"] as const;
const compressors = { gzip: gzipSync, deflate: deflateSync, "deflate-raw": deflateRawSync } as const;
const decompressors = { gzip: gunzipSync, deflate: inflateSync, "deflate-raw": inflateRawSync } as const;

/** What `info: true` adds. */
interface WithEngine { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } }
const isWithEngine = (value: unknown): value is WithEngine => typeof value === "object" && value !== null && "engine" in value && "buffer" in value;

export const compressionOperations: { readonly [name: string]: Operation } = {
  compress: (settings, buffers) => compressors[oneOf(settings, "format", formats)](bufferAt(buffers, 0)),
  decompress: (settings, buffers) => {
    const input = bufferAt(buffers, 0);
    const result: unknown = decompressors[oneOf(settings, "format", formats)](input, { maxOutputLength: mostOutputBytes, info: true } as object);
    if (!isWithEngine(result)) throw new Error("no result");
    if (result.engine.bytesWritten < input.length) throw new Error("there is more after the end of the compressed data");
    return result.buffer;
  },
};
