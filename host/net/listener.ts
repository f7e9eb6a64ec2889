// Opens a listening TCP socket and hands over what it accepts, unread. A port that is taken is the operator's mistake and becomes
// an error that names it. What is spoken on the connections, and how many there may be, is not decided here.
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { makeTransparent } from "./transparent.ts";

export type ListenErrorCode = "ERR_LISTEN_PORT_TAKEN" | "ERR_LISTEN_NOT_PERMITTED" | "ERR_LISTEN_NO_SUCH_ADDRESS" | "ERR_LISTEN_NOT_TRANSPARENT" | "ERR_LISTEN_FAILED";

/** The operator asked for a listener that cannot be opened; the message is one sentence that says what to do. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  readonly code: ListenErrorCode;
  readonly host: string;
  readonly port: number;

  constructor(code: ListenErrorCode, at: { readonly host: string; readonly port: number }, message: string) {
    super(message);
    this.code = code;
    this.host = at.host;
    this.port = at.port;
  }
}

export interface Listener {
  /** Where it really listens (a port of 0 was replaced). */
  readonly address: AddressInfo;
  /** Stops accepting. Open connections are not touched. */
  close(): void;
}

export interface ListenerAddress {
  readonly host: string;
  readonly port: number;
  /** Others that say so too may listen there as well; the kernel spreads connections among them. Not on every system. */
  readonly reusePort?: boolean;
  /** Takes connections to any address that the kernel turns here; they keep it as their local address. Linux only. */
  readonly isTransparent?: boolean;
}

/**
 * Listens on that host and port (0: any). Each accepted socket is paused, without delay (Nagle off) and half-open capable.
 * Rejects with a ListenError.
 */
export async function openListener(at: ListenerAddress, onSocket: (socket: Socket) => void): Promise<Listener> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true }, onSocket);
  const listener = await listen(server, at);
  const why = at.isTransparent === true ? await makeTransparent(server) : null;
  if (why === null) return listener;
  listener.close();
  throw new ListenError("ERR_LISTEN_NOT_TRANSPARENT", at, `Transparent connections cannot be taken here, as ${why}. docs/modes.md has what the mode needs; a proxy that clients know of needs none of it (--mode regular).`);
}

function listen(server: Server, at: ListenerAddress): Promise<Listener> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, at)));
    server.listen({ host: at.host, port: at.port, backlog: 1_024, reusePort: at.reusePort ?? false }, () => {
      server.removeAllListeners("error");
      // Accepting can fail for one connection (out of file descriptors); the listener goes on.
      server.on("error", () => undefined);
      resolve({ address: addressOf(server), close: () => void server.close() });
    });
  });
}

function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("a TCP server has an address");
  return address;
}

function listenError(error: Error, at: { readonly host: string; readonly port: number }): ListenError {
  const where = `${at.host}:${at.port}`;
  const code = "code" in error ? error.code : "";
  if (code === "EADDRINUSE") return new ListenError("ERR_LISTEN_PORT_TAKEN", at, `Port ${at.port} on ${at.host} is taken by another program: stop that one, or choose another port with --port.`);
  if (code === "EACCES" || code === "EPERM") return new ListenError("ERR_LISTEN_NOT_PERMITTED", at, `Listening on ${where} is not permitted: choose a port above 1023 with --port.`);
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND" || code === "EINVAL") return new ListenError("ERR_LISTEN_NO_SUCH_ADDRESS", at, `${at.host} is no address of this machine: choose one that is with --host.`);
  return new ListenError("ERR_LISTEN_FAILED", at, `Listening on ${where} failed: ${error.message}.`);
}
