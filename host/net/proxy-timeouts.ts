// How long the proxy waits for peers, in milliseconds, with reasons. Deadlines of addons are elsewhere (sandbox-api/schema/limits.ts).

interface TimeoutRow { readonly ms: number; readonly reason: string }

export const timeoutTable = {
  peekMs: { ms: 400, reason: "silence of a client inside a tunnel before its server is met, which may be the one that speaks first" },
  headMs: { ms: 30_000, reason: "first byte to last byte of a request head or a client hello; against clients that send one byte a minute" },
  idleMs: { ms: 120_000, reason: "a client connection on which no request is under way; browsers keep theirs for one to five minutes" },
  connectMs: { ms: 15_000, reason: "DNS and TCP together; Linux alone would try for two minutes" },
  handshakeMs: { ms: 15_000, reason: "one TLS handshake, on either side" },
  responseMs: { ms: 300_000, reason: "end of the request to the head of the response; long polls take a minute or two" },
  stallMs: { ms: 300_000, reason: "a body of which no byte moves; the slowest honest sender does better" },
  tunnelMs: { ms: 7_200_000, reason: "raw bytes, no byte in either direction; as long as a kernel waits before TCP keep-alive" },
  lingerMs: { ms: 2_000, reason: "after a response that ends the connection: time to let the client read it before its unread bytes cause a reset" },
} as const satisfies Record<string, TimeoutRow>;

export type ProxyTimeouts = { readonly [Name in keyof typeof timeoutTable]: number };

/** The table as plain numbers, with changes. */
export function proxyTimeouts(changes: Partial<ProxyTimeouts> = {}): ProxyTimeouts {
  const row = (name: keyof ProxyTimeouts): number => changes[name] ?? timeoutTable[name].ms;
  return {
    peekMs: row("peekMs"), headMs: row("headMs"), idleMs: row("idleMs"), connectMs: row("connectMs"), handshakeMs: row("handshakeMs"),
    responseMs: row("responseMs"), stallMs: row("stallMs"), tunnelMs: row("tunnelMs"), lingerMs: row("lingerMs"),
  };
}
