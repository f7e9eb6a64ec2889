// What both ends of HTTP/2 need from a session of node:http2: the error code that a peer is told when nghttp2 gives up on it, and an
// end that leaves nothing behind. The only file that reaches for what node:http2 keeps to itself.
import type { Http2Session, Http2Stream } from "node:http2";

/** Errors of nghttp2 (by number) and the code of RFC 9113 §7 that says the same. */
const codes: Readonly<Record<number, number>> = {
  [-505]: 1, // broke the protocol
  [-510]: 5, // sent on a stream that was closed
  [-522]: 6, // a frame of the wrong size
  [-523]: 9, // a header block that cannot be decompressed
  [-524]: 3, // overran a window
  [-902]: 11, // Node's own count of pointless frames and refused streams
  [-903]: 1, // not the preface
  [-904]: 11, // queued more acknowledgements than can be sent
  [-905]: 11, // CONTINUATION frames without end
};

/**
 * Mends two things about how a session ends.
 * It says in its GOAWAY why it ended: node:http2 says INTERNAL_ERROR whatever the peer did, which makes honest clients try again and tells
 * nobody of a flood; its own call of `destroy` is the only place where that can be put right.
 * WALL: it hears of the writes that the socket gives back. Told that the socket is closed, the native session lets go of it at once; a
 * write that was on its way, its stream and the session then keep each other in memory until the process ends (see `outliveStream`).
 */
export function endWell<T extends Http2Session>(session: T): T {
  const destroy = session.destroy.bind(session);
  session.destroy = (error?: Error, code?: number): void => destroy(error, code ?? codeOf(error));
  if (session.connecting) session.once("connect", () => hearOfWrites(session));
  else hearOfWrites(session);
  return session;
}

function hearOfWrites(session: Http2Session): void {
  const native = nativeOf(session);
  const destroy: unknown = native === null ? null : Reflect.get(native, "destroy");
  if (native !== null && typeof destroy === "function") Reflect.set(native, "destroy", (code: number) => Reflect.apply(destroy, native, [code, false]));
}

/** `error` is whatever Node passes: an Error, a code, null or nothing. */
function codeOf(error: unknown): number | undefined {
  return error instanceof Error && "errno" in error && typeof error.errno === "number" ? codes[error.errno] : undefined;
}

/** Holds each native session for as long as the native stream that it is registered with exists. */
const sessionsOfStreams = new FinalizationRegistry<object>(() => undefined);

/**
 * Keeps the native session of `stream` until the native stream is gone. WALL: a stream that is closed while its bytes wait in a socket
 * lives until the garbage collector comes, and holds the fields of a header block that broke off. If the session is collected first,
 * node ends the process ("Assertion failed: (current_nghttp2_memory_) == (0)"); any peer can bring that about.
 */
export function outliveStream(stream: Http2Stream): void {
  if (stream.pending) {
    stream.once("ready", () => outliveStream(stream));
    return;
  }
  const native = nativeOf(stream);
  const session = stream.session === undefined ? null : nativeOf(stream.session);
  if (native !== null && session !== null) sessionsOfStreams.register(native, session);
}

/** What node:http2 wraps; null once it has let go of it. */
function nativeOf(wrapper: Http2Stream | Http2Session): object | null {
  const key = Object.getOwnPropertySymbols(wrapper).find(({ description }) => description === "kHandle");
  const native: unknown = key === undefined ? null : Reflect.get(wrapper, key);
  return typeof native === "object" ? native : null;
}
