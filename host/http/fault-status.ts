// Why an exchange fails when nobody broke the HTTP syntax (those causes are in http-event.ts): one row per cause with the status
// the client gets and what a person can do about it. Pure table; who fails an exchange is decided in exchange/.
import type { Fault as SyntaxFault, FaultCode as SyntaxFaultCode } from "./http-event.ts";

interface CauseRow {
  readonly status: number;
  readonly reason: string;
  /** One sentence for the person in front of the client; may be empty. */
  readonly advice: string;
}

export const causeTable = {
  "not-a-proxy-request": { status: 400, reason: "Bad Request", advice: "This address is a proxy: set it as the proxy of your client instead of opening it as a page." },
  "bad-target": { status: 400, reason: "Bad Request", advice: "The address in the request cannot be understood." },
  "wrong-protocol": { status: 400, reason: "Bad Request", advice: "Look at how the proxy's address is written in the settings of your client." },
  "proxy-auth-required": { status: 407, reason: "Proxy Authentication Required", advice: "Give your client a user and a password for the proxy." },
  overloaded: { status: 503, reason: "Service Unavailable", advice: "Try again in a moment." },
  "own-address": { status: 400, reason: "Bad Request", advice: "The request points at the proxy itself and would go round for ever: check the address, or the name that resolves to it." },
  "invalid-request": { status: 400, reason: "Bad Request", advice: "The client sent something that HTTP does not allow; a proxy that passed it on could be tricked." },
  "request-timeout": { status: 408, reason: "Request Timeout", advice: "The client stopped in the middle of its request." },
  "request-too-large": { status: 413, reason: "Content Too Large", advice: "The limit is set with --body-size-limit." },
  "dns-failed": { status: 502, reason: "Bad Gateway", advice: "Check the spelling of the host name, and whether this machine can resolve it." },
  "connect-refused": { status: 502, reason: "Bad Gateway", advice: "Nothing listens there, or a firewall refuses: check the host and the port." },
  "connect-failed": { status: 502, reason: "Bad Gateway", advice: "Check whether this machine can reach the server." },
  "connect-timeout": { status: 504, reason: "Gateway Timeout", advice: "The server may be down, or a firewall may swallow the connection." },
  "upstream-proxy": { status: 502, reason: "Bad Gateway", advice: "This proxy sends everything through another one, and that one did not do its part." },
  "tls-failed": { status: 502, reason: "Bad Gateway", advice: "" },
  "server-closed": { status: 502, reason: "Bad Gateway", advice: "The server gave up on the request; trying again may help." },
  "invalid-response": { status: 502, reason: "Bad Gateway", advice: "The server sent something that HTTP does not allow." },
  "response-too-large": { status: 502, reason: "Bad Gateway", advice: "The limit is set with --body-size-limit." },
  "response-timeout": { status: 504, reason: "Gateway Timeout", advice: "The server took the request but did not answer in time." },
  "refused-by-addon": { status: 502, reason: "Bad Gateway", advice: "The addon failed, and its failure policy is to refuse what it could not see." },
  "server-killed": { status: 502, reason: "Bad Gateway", advice: "An addon does not let this proxy connect to that server." },
  "not-supported": { status: 501, reason: "Not Implemented", advice: "" },
  "shutting-down": { status: 503, reason: "Service Unavailable", advice: "The proxy is shutting down." },
  "client-left": { status: 499, reason: "Client Closed Request", advice: "" },
} as const satisfies Record<string, CauseRow>;

export type Cause = keyof typeof causeTable;

/** A failed exchange as a value. */
export interface ExchangeFault {
  readonly cause: Cause;
  /** Of the answer, if one is still possible. */
  readonly status: number;
  /** One or two sentences: what happened, in words for the operator and the client alike; no stack, no secret. */
  readonly message: string;
  /** Code with which the server reset its stream: a client that has streams is told in the same way. */
  readonly resetCode?: number;
}

/** A fault of that cause with the status of its row. */
export function exchangeFault(cause: Cause, message: string): ExchangeFault {
  return { cause, status: causeTable[cause].status, message };
}

/** What broken HTTP/1 or HTTP/2 syntax means for the exchange. A server that ends before or in the middle of a response did not send garbage. */
export function syntaxFault(fault: SyntaxFault, side: "client" | "server"): ExchangeFault {
  return { cause: side === "client" ? "invalid-request" : serverCause(fault.code), status: fault.status, message: fault.message };
}

const closings: ReadonlySet<SyntaxFaultCode> = new Set(["closed-before-response", "truncated-head", "truncated-body"]);

function serverCause(code: SyntaxFaultCode): Cause {
  return closings.has(code) ? "server-closed" : "invalid-response";
}

const reasons: Readonly<Record<number, string>> = {
  414: "URI Too Long", 417: "Expectation Failed", 431: "Request Header Fields Too Large", 501: "Not Implemented", 505: "HTTP Version Not Supported",
};

/** Reason phrase for a fault's status. */
export function faultReason({ cause, status }: ExchangeFault): string {
  return status === causeTable[cause].status ? causeTable[cause].reason : reasons[status] ?? (status >= 500 ? "Bad Gateway" : "Bad Request");
}
