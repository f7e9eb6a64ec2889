// Bodies on their way to and from addons: decoded by Content-Encoding before an event that shows them, encoded again after an addon
// set content. The only place where the gate waits for compression. It reads no grants and cuts no views.
import { eventTable, type EventName } from "../../sandbox-api/schema/events.ts";
import type { HttpFlow, HttpRequest, HttpResponse } from "../flows/flow.ts";
import type { GateSubject } from "../flows/gate.ts";
import { decodeContent, encodeContent, isEncoded } from "../http/content-encoding.ts";

type Message = HttpRequest | HttpResponse;

/** The value of all Content-Encoding fields together (RFC 9110 §5.3). */
const codingOf = (message: Message): string | undefined => {
  const values = message.headers.getAll("content-encoding");
  return values.length === 0 ? undefined : values.join(", ");
};

/**
 * Decodes the bodies that `event` shows, within `limitBytes`, where that has not been done. Null when there is nothing to wait for.
 * A body that cannot be decoded gets a `contentError`.
 */
export function prepareBodies(event: EventName, subject: GateSubject, limitBytes: number): Promise<unknown> | null {
  if (subject.kind !== "http") return null;
  let decoding: Promise<void>[] | null = null;
  for (const side of eventTable[event].bodies) {
    const message = subject[side];
    if (message !== null && isUndecoded(message)) (decoding ??= []).push(decode(message, limitBytes));
  }
  return decoding === null ? null : Promise.all(decoding);
}

/** Whether a body of it has come that nobody decoded yet. */
export const hasUndecodedBody = (subject: GateSubject): boolean =>
  subject.kind === "http" && (isUndecoded(subject.request) || (subject.response !== null && isUndecoded(subject.response)));

/** Decodes every body that is here, whatever the event shows: for filters. */
export async function decodeAllBodies(subject: GateSubject, limitBytes: number): Promise<void> {
  if (subject.kind !== "http") return;
  for (const message of [subject.request, subject.response]) if (message !== null && isUndecoded(message)) await decode(message, limitBytes);
}

function isUndecoded(message: Message): boolean {
  const { body } = message;
  return body.raw !== null && body.content === null && body.contentError === null && isEncoded(codingOf(message));
}

async function decode(message: Message, limitBytes: number): Promise<void> {
  const { body } = message;
  const result = body.raw === null ? null : await decodeContent(body.raw, codingOf(message) ?? "", limitBytes);
  if (result === null) return;
  if (result.kind === "decoded") body.content = result.content;
  else body.contentError = result.message;
}

/** Whether an addon set content that has not been encoded yet. */
export const hasContentToEncode = (subject: GateSubject): subject is HttpFlow =>
  subject.kind === "http" && (isDue(subject.request) || (subject.response !== null && isDue(subject.response)));

const isDue = ({ body }: Message): boolean => body.state === "whole" && body.raw === null && body.content !== null;

/**
 * Encodes content that addons set by the message's Content-Encoding. A coding that is not known is given up as mitmproxy does: the
 * field is removed and the content goes out as it is; the result says so for each message concerned.
 */
export async function encodeContents(flow: HttpFlow): Promise<ReadonlySet<"request" | "response">> {
  const withoutCoding = new Set<"request" | "response">();
  for (const side of ["request", "response"] as const) {
    const message = flow[side];
    if (message === null || !isDue(message) || message.body.content === null) continue;
    const raw = await encodeContent(message.body.content, codingOf(message) ?? "");
    if (raw === null) {
      message.headers.delete("content-encoding");
      message.version++;
      withoutCoding.add(side);
    }
    message.body.raw = raw ?? message.body.content;
    if (message.body.raw === message.body.content) message.body.content = null;
  }
  return withoutCoding;
}
