// Opens one TCP connection: DNS, Happy Eyeballs (RFC 8305, as Node does it), a deadline, and the refusal to connect to ourselves.
// What can fail is a value with a cause and a sentence; TLS, events and pools are for others.
import { lookup, type LookupAddress } from "node:dns";
import { connect, type LookupFunction, type Socket } from "node:net";
import type { Address } from "../flows/connection.ts";
import type { OwnAddresses } from "./own-addresses.ts";

export type DialCause = "dns-failed" | "connect-refused" | "connect-failed" | "connect-timeout" | "own-address" | "aborted";

export type DialResult =
  | { readonly kind: "connected"; readonly socket: Socket }
  | { readonly kind: "failed"; readonly cause: DialCause; readonly message: string };

export interface DialOptions {
  readonly own: OwnAddresses;
  readonly connectMs: number;
  /** Ends the attempt; no effect once connected. */
  readonly signal: AbortSignal;
}

/** Never rejects. The socket is open, paused, without delay (Nagle off) and half-open capable; the caller owns it at once. */
export function dial(address: Address, { own, connectMs, signal }: DialOptions): Promise<DialResult> {
  const host = address.host.replace(/^\[|\]$/g, "");
  const where = `${address.host}:${address.port}`;
  if (own.includes(host, address.port)) return Promise.resolve(failure("own-address", where));
  if (signal.aborted) return Promise.resolve(failure("aborted", where));
  return new Promise((resolve) => {
    const socket = connect({ host, port: address.port, autoSelectFamily: true, noDelay: true, keepAlive: true, allowHalfOpen: true, lookup: lookupOthers(own, address.port) });
    const timer = setTimeout(() => finish(failure("connect-timeout", where, `no answer in ${connectMs} ms`)), connectMs);
    const finish = (result: DialResult): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", aborted);
      socket.off("connect", connected).off("error", failed);
      if (result.kind === "failed") {
        socket.on("error", () => undefined);
        socket.destroy();
      } else {
        socket.pause();
        own.noteOutgoing(socket);
      }
      resolve(result);
    };
    const connected = (): void => finish({ kind: "connected", socket });
    const failed = (error: Error): void => finish(failure(causeOf(error), where, detailOf(error)));
    const aborted = (): void => finish(failure("aborted", where));
    socket.once("connect", connected).once("error", failed);
    signal.addEventListener("abort", aborted, { once: true });
  });
}

const sentences: Readonly<Record<DialCause, (where: string) => string>> = {
  "dns-failed": (where) => `The name in ${where} could not be resolved`,
  "connect-refused": (where) => `${where} refused the connection`,
  "connect-failed": (where) => `No connection to ${where}`,
  "connect-timeout": (where) => `${where} did not answer in time`,
  "own-address": (where) => `${where} is this proxy itself`,
  aborted: (where) => `The connection to ${where} was given up`,
};

function failure(cause: DialCause, where: string, detail = ""): DialResult {
  return { kind: "failed", cause, message: sentences[cause](where) + (detail === "" ? "." : ` (${detail}).`) };
}

class OwnAddressError extends Error {}

/** The system's resolver without our own addresses, so that a name that points at this proxy is caught before a byte is sent. */
function lookupOthers(own: OwnAddresses, port: number): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => {
      if (error !== null) return callback(error, "", 0);
      const others = found.filter(({ address }) => !own.includes(address, port));
      const [first] = others;
      if (first === undefined) return callback(new OwnAddressError(hostname), "", 0);
      if (options.all === true) return callback(null, others);
      callback(null, first.address, first.family);
    });
  };
}

/** Happy Eyeballs gives one error for all addresses that were tried: the first says enough. */
function firstOf(error: Error): Error {
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : null;
  return inner instanceof Error ? inner : error;
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "";
}

function causeOf(error: Error): DialCause {
  const first = firstOf(error);
  if (first instanceof OwnAddressError) return "own-address";
  if ("syscall" in first && first.syscall === "getaddrinfo") return "dns-failed";
  const code = codeOf(first);
  if (code === "ECONNREFUSED") return "connect-refused";
  return code === "ETIMEDOUT" ? "connect-timeout" : "connect-failed";
}

function detailOf(error: Error): string {
  const first = firstOf(error);
  return first instanceof OwnAddressError ? "" : codeOf(first) || first.message;
}
