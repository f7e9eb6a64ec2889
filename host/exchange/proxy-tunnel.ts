// Asks an upstream proxy for a tunnel (CONNECT, RFC 9110 §9.3.6) over a connection to it, and reads the answer as strictly as any
// response: bounded heads, bounded interim responses, no body. What is sent through the tunnel is not its business.
import type { Address } from "../flows/connection.ts";
import { exchangeFault, syntaxFault, type ExchangeFault } from "../http/fault-status.ts";
import { ResponseDecoder } from "../http/h1-decoder.ts";
import { encodeRequestHead } from "../http/h1-encoder.ts";
import { HeaderFields } from "../http/header-fields.ts";
import type { PlainDuplex } from "../net/plain-duplex.ts";
import { Waker } from "../net/waker.ts";
import type { ForwardFields } from "./server-link.ts";

export interface TunnelOptions {
  readonly to: Address;
  /** For the proxy: credentials, Via. */
  readonly fields: ForwardFields;
  readonly waitMs: number;
  /** Gives up. */
  readonly signal: AbortSignal;
}

/** Null: the duplex now leads to the server, with what it may have sent already. Never rejects; after a fault the duplex is of no use. */
export async function openTunnel(duplex: PlainDuplex, { to, fields, waitMs, signal }: TunnelOptions): Promise<ExchangeFault | null> {
  const name = `${to.host.includes(":") && !to.host.startsWith("[") ? `[${to.host}]` : to.host}:${to.port}`;
  const decoder = new ResponseDecoder();
  decoder.expect("CONNECT");
  const waker = new Waker();
  duplex.onNews = waker.wake;
  duplex.write(encodeRequestHead({ method: "CONNECT", target: name, headers: HeaderFields.from([["Host", name], ...fields]) }));
  duplex.flush();
  const deadline = AbortSignal.timeout(waitMs);
  const either = AbortSignal.any([signal, deadline]);
  either.addEventListener("abort", waker.wake);
  try {
    for (;;) {
      const answer = readAnswer(duplex, decoder);
      if (answer === "open") return null;
      if (answer !== "more") return answer;
      if (deadline.aborted) return exchangeFault("connect-timeout", `The upstream proxy did not answer in ${waitMs} ms.`);
      if (signal.aborted) return exchangeFault("client-left", "The client left while the upstream proxy was being asked.");
      await waker.wait();
    }
  } finally {
    either.removeEventListener("abort", waker.wake);
  }
}

function readAnswer(duplex: PlainDuplex, decoder: ResponseDecoder): ExchangeFault | "open" | "more" {
  for (;;) {
    const event = decoder.next();
    if (event?.kind === "fault") {
      const { message } = syntaxFault(event.fault, "server");
      return exchangeFault("upstream-proxy", `The upstream proxy gave no valid answer to CONNECT: ${message}`);
    }
    if (event?.kind === "response-head" && !event.interim) {
      if (event.status < 200 || event.status > 299) return refused(event.status);
      duplex.unread(decoder.takeRemainder());
      return "open";
    }
    if (event !== null) continue;
    const chunk = duplex.take();
    if (chunk !== null) decoder.push(chunk);
    else if (duplex.isEnded) decoder.eof();
    else return "more";
  }
}

/** The proxy's own reason phrase is not repeated: it is a stranger's text. */
function refused(status: number): ExchangeFault {
  if (status === 407) return upstreamWantsCredentials;
  const why = status === 403 ? " (it does not allow that place)" : status === 502 || status === 503 || status === 504 ? " (it does not reach that server)" : "";
  return exchangeFault("upstream-proxy", `The upstream proxy refused a tunnel with status ${status}${why}.`);
}

/** Whatever it asks for, clients of ours cannot give it. */
export const upstreamWantsCredentials = exchangeFault("upstream-proxy", "The upstream proxy wants other credentials than it was given: set them with --upstream-auth.");
