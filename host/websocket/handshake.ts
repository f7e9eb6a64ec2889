// The keys of a WebSocket's opening (RFC 6455 §4), which HTTP/2 does without (RFC 8441 §5): for whoever translates between the two.
import { createHash, randomBytes } from "node:crypto";

const magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** A fresh Sec-WebSocket-Key. */
export const newKey = (): string => randomBytes(16).toString("base64");

/** The Sec-WebSocket-Accept that answers this key. */
export const acceptFor = (key: string): string => createHash("sha1").update(key + magic).digest("base64");
