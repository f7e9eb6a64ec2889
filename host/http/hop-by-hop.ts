// What of a head belongs to one connection only and is not forwarded (RFC 9110 §7.6.1). Touches nothing else, and
// nothing at all where there is nothing to remove.
// It leaves Transfer-Encoding, Content-Length, Trailer and Upgrade to whoever frames the message, and
// Proxy-Authorization to whoever checks it.
import { listTokens } from "./body-framing.ts";
import type { HeaderFields } from "./header-fields.ts";

/** Removed whether or not Connection names them. */
const connectionFields = ["connection", "keep-alive", "proxy-connection"] as const;

/** Never removed because Connection names them: without them the message would be routed, framed or upgraded differently. */
const notNominable: ReadonlySet<string> = new Set(["host", "content-length", "transfer-encoding", "trailer", "upgrade", "te", "connection"]);

/**
 * The fields to forward: the same object when none belongs to the connection, else a changed copy. Gone are Connection, the
 * fields it names, Keep-Alive, Proxy-Connection and TE. `TE: trailers` stays, with `Connection: TE` where the sender said
 * so, because trailers are forwarded.
 */
export function endToEnd(headers: HeaderFields): HeaderFields {
  const hasTe = headers.has("te");
  const keepsTe = hasTe && listTokens(headers, "te").every((token) => token === "trailers");
  if (hasTe === keepsTe && !connectionFields.some((name) => headers.has(name))) return headers;
  const nominated = listTokens(headers, "connection");
  const stripped = headers.clone();
  if (!keepsTe) stripped.delete("te");
  for (const name of nominated) {
    if (!notNominable.has(name)) stripped.delete(name);
  }
  stripped.delete("keep-alive");
  stripped.delete("proxy-connection");
  if (keepsTe && nominated.includes("te")) stripped.set("Connection", "TE");
  else stripped.delete("connection");
  return stripped;
}
