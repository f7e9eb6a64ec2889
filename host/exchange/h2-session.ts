// What both ends of HTTP/2 need from a session of node:http2: the error code that a peer is told when nghttp2 gives up on it.
import type { Http2Session } from "node:http2";

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
 * Makes the session say in its GOAWAY why it ended. WALL: node:http2 says INTERNAL_ERROR whatever the peer did, which makes honest clients
 * try again and tells nobody of a flood; its own call of `destroy` is the only place where that can be put right.
 */
export function sayWhy<T extends Http2Session>(session: T): T {
  const destroy = session.destroy.bind(session);
  session.destroy = (error?: Error, code?: number): void => destroy(error, code ?? codeOf(error));
  return session;
}

/** `error` is whatever Node passes: an Error, a code, null or nothing. */
function codeOf(error: unknown): number | undefined {
  return error instanceof Error && "errno" in error && typeof error.errno === "number" ? codes[error.errno] : undefined;
}
