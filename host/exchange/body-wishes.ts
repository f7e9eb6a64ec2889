// Which bodies must be collected, by the event table: those that some wanted event brings along.
import { eventTable, type HttpEventName } from "../../sandbox-api/schema/events.ts";
import type { Gate } from "../flows/gate.ts";

const httpEvents = ["http_connect", "requestheaders", "request", "websockets_handshake", "responseheaders", "response", "error"] as const satisfies readonly HttpEventName[];

function eventsWith(body: "request" | "response"): readonly HttpEventName[] {
  return httpEvents.filter((event) => eventTable[event].bodies.some((name) => name === body));
}

const withBody = { request: eventsWith("request"), response: eventsWith("response") } as const;

/** Whether an addon takes an event for that host which shows the body of the request or the response. */
export function wantsBody(gate: Gate, body: "request" | "response", host: string): boolean {
  return withBody[body].some((event) => gate.wants(event, host));
}
