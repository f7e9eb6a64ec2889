// Which bodies must be collected, by the event table: those that some wanted event brings along; and which pass on all the same,
// because they are large or streams by nature. Pure; the bodies' ways are upload and download.
import { eventTable, type HttpEventName } from "../../sandbox-api/schema/events.ts";
import type { Gate } from "../flows/gate.ts";
import type { BodyFraming } from "../http/body-framing.ts";
import type { HeaderFields } from "../http/header-fields.ts";
import type { HttpVersion } from "../http/http-event.ts";
import type { ExchangeContext } from "./context.ts";

const httpEvents = ["http_connect", "requestheaders", "request", "websockets_handshake", "responseheaders", "response", "error"] as const satisfies readonly HttpEventName[];

function eventsWith(body: "request" | "response"): readonly HttpEventName[] {
  return httpEvents.filter((event) => eventTable[event].bodies.some((name) => name === body));
}

const withBody = { request: eventsWith("request"), response: eventsWith("response") } as const;

/** Whether an addon takes an event for that host which shows the body of the request or the response. */
export function wantsBody(gate: Gate, body: "request" | "response", host: string): boolean {
  return withBody[body].some((event) => gate.wants(event, host));
}

/** Media types of responses that are streams: they mean something before they end, or never do. */
const responseStreams: readonly RegExp[] = [/^text\/event-stream\b/i, /^multipart\/x-mixed-replace\b/i, /^application\/grpc\b/i];
const grpc = /^application\/grpc\b/i;

/** Whether the body of a response passes on while it comes although addons take events that would show it whole. */
export function responseStreamsByItself({ headers, framing }: Message, streamLargeBodiesBytes: number | null): boolean {
  if (isLarge(framing, streamLargeBodiesBytes)) return true;
  const type = headers.get("content-type");
  return type !== undefined && responseStreams.some((pattern) => pattern.test(type));
}

/**
 * Likewise of a request. WALL: its type is the client's word, and passes it by addons that look at bodies; so it is taken only where it must be,
 * for gRPC as gRPC is spoken: over HTTP/2 and without a length.
 */
export function requestStreamsByItself({ headers, framing, version }: Message & { readonly version: HttpVersion }, streamLargeBodiesBytes: number | null): boolean {
  if (isLarge(framing, streamLargeBodiesBytes)) return true;
  return version === "2" && framing.kind !== "length" && grpc.test(headers.get("content-type") ?? "");
}

interface Message { readonly headers: HeaderFields; readonly framing: BodyFraming }

const isLarge = (framing: BodyFraming, bytes: number | null): boolean => bytes !== null && framing.kind === "length" && framing.length > bytes;

/** Up to where a body of unknown length is collected, and what it is then. */
export function collectingBound({ bodyBytes, streamLargeBodiesBytes }: Pick<ExchangeContext, "bodyBytes" | "streamLargeBodiesBytes">): { readonly bytes: number; readonly beyond: "truncated" | "streamed" } {
  const isStreamed = streamLargeBodiesBytes !== null && streamLargeBodiesBytes < bodyBytes;
  return isStreamed ? { bytes: streamLargeBodiesBytes, beyond: "streamed" } : { bytes: bodyBytes, beyond: "truncated" };
}
