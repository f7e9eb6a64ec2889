// The body of a fetched response, read whole within a bound: on the wire, and again after its content coding was taken off, so that
// a small body that unpacks to gigabytes ends as soon as it is too large. It knows neither URLs nor grants.
import type { IncomingMessage } from "node:http";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import zlib from "node:zlib";

/** What is asked of servers. */
export const acceptedCodings = "gzip, deflate, br";

export class FetchBodyError extends Error {
  override readonly name = "FetchBodyError";
}

export interface BodyBounds {
  readonly mostBytes: number;
  /** Counts bytes that are held; false when there is no room for them. */
  readonly take: (bytes: number) => boolean;
}

/** Rejects with a FetchBodyError that says which rule, or with the stream's own error. */
export async function readBody(message: IncomingMessage, { mostBytes, take }: BodyBounds, signal: AbortSignal): Promise<Buffer> {
  const announced = Number(message.headers["content-length"] ?? 0);
  if (announced > mostBytes) throw tooLarge(mostBytes);
  const chunks: Buffer[] = [];
  const collect = counter(mostBytes, (chunk) => {
    if (!take(chunk.length)) throw new FetchBodyError("the responses of this addon are together too large (limit fetchResponseBytes)");
    chunks.push(chunk);
  });
  const decoder = decoderOf(message.headers["content-encoding"]);
  collect.resume();
  if (decoder === null) await pipeline(message, collect, { signal });
  else await pipeline(message, counter(mostBytes, null), decoder, collect, { signal });
  return Buffer.concat(chunks);
}

const tooLarge = (mostBytes: number): FetchBodyError => new FetchBodyError(`the response is larger than ${mostBytes} bytes (limit fetchResponseBytes)`);

/** Passes chunks on, or (`keep`) keeps them. */
function counter(mostBytes: number, keep: ((chunk: Buffer) => void) | null): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > mostBytes) return done(tooLarge(mostBytes));
      try {
        keep?.(chunk);
      } catch (error) {
        return done(error instanceof Error ? error : new Error(String(error)));
      }
      done(null, keep === null ? chunk : undefined);
    },
  });
}

function decoderOf(coding: string | undefined): Transform | null {
  switch (coding?.trim().toLowerCase() ?? "") {
    case "": case "identity": return null;
    case "gzip": case "x-gzip": return zlib.createGunzip();
    case "deflate": return zlib.createInflate();
    case "br": return zlib.createBrotliDecompress();
    default: throw new FetchBodyError(`the response has the content coding ${JSON.stringify(coding?.slice(0, 40))}, which was not asked for`);
  }
}
