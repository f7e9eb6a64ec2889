// The hot paths that can be run without sockets and cells: each a piece of work that is done for every request or every event.
// What it costs is counted from outside (count.ts); nothing here is timed.
import { encodeRequestHead } from "../../host/http/h1-encoder.ts";
import { RequestDecoder, ResponseDecoder } from "../../host/http/h1-decoder.ts";
import { endToEnd } from "../../host/http/hop-by-hop.ts";
import type { HttpEvent, RequestHead } from "../../host/http/http-event.ts";
import { applyEdits } from "../../host/flows/apply-edits.ts";
import { mergeChanges } from "../../host/flows/merge.ts";
import { validateChanges } from "../../host/flows/validate.ts";
import { SeenParts, ViewWriter } from "../../host/flows/view.ts";
import { writeFrameHead } from "../../sandbox-api/wire/frame.ts";
import type { HeaderEdit } from "../../sandbox-api/schema/edits.ts";
import type { PermissionName } from "../../sandbox-api/schema/permissions.ts";
import { makeHttpFlow, makeRequest, type Pairs } from "../../test/helpers/flows.ts";
import type { PartName } from "../../sandbox-api/schema/view.ts";
import { guestRealm, sampleParts, type Part } from "../../test/helpers/guest-realm.ts";

export const pathNames = ["decode request head", "decode response head", "encode request head", "write view", "validate and merge", "declared edits", "write frame head", "guest event", "guest text"] as const;
export type PathName = (typeof pathNames)[number];

/** Does the work once; gives something that depends on it. */
export type Work = () => number;

const fields: Pairs = [["Host", "example.com"], ["User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"], ["Accept", "*/*"], ["Accept-Language", "en"], ...Array.from({ length: 16 }, (_, i) => [`X-Field-${i}`, `some value of ordinary length ${i}`] as const)];
const lines = fields.map(([name, value]) => `${name}: ${value}`).join("\r\n");
const headsOnly: ReadonlySet<PermissionName> = new Set<PermissionName>(["read:request", "read:response", "write:request", "write:response"]);
const changes = JSON.stringify([["request.headers", [...fields.keys(), ["x-added", "1"]]]]);

const edits: readonly HeaderEdit[] = [{ kind: "set", name: "Accept", lower: "accept", value: "text/html" }, { kind: "append", name: "x-added", lower: "x-added", value: "1" }];

/** `guest`: the script that runs first in every isolate. */
export async function makePath(name: PathName, guest: string): Promise<Work> {
  switch (name) {
    case "decode request head": return requestDecoding();
    case "decode response head": return responseDecoding();
    case "encode request head": return requestEncoding();
    case "write view": return viewWriting();
    case "validate and merge": return merging;
    case "declared edits": return declaring;
    case "write frame head": return frameWriting();
    case "guest event": return guestEvent(guest);
    case "guest text": return guestText(guest);
  }
}

function take(decoder: { next(): HttpEvent | null }): HttpEvent {
  const head = decoder.next();
  if (head === null || decoder.next()?.kind !== "end") throw new Error("the head was not decoded");
  return head;
}

const requestBytes = Buffer.from(`GET http://example.com/index.html?q=1 HTTP/1.1\r\n${lines}\r\n\r\n`);

function decodeRequest(decoder: RequestDecoder): RequestHead {
  decoder.push(requestBytes);
  const head = take(decoder);
  decoder.nextMessage();
  if (head.kind !== "request-head") throw new Error(`got ${head.kind}`);
  return head;
}

function requestDecoding(): Work {
  const decoder = new RequestDecoder();
  return () => decodeRequest(decoder).headers.length;
}

function responseDecoding(): Work {
  const bytes = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: 0\r\n${lines}\r\n\r\n`);
  const decoder = new ResponseDecoder();
  return () => {
    decoder.expect("GET");
    decoder.push(bytes);
    const head = take(decoder);
    if (head.kind !== "response-head") throw new Error(`got ${head.kind}`);
    return head.headers.length;
  };
}

function requestEncoding(): Work {
  const head = decodeRequest(new RequestDecoder());
  return () => Buffer.from(encodeRequestHead({ ...head, version: "1.1", headers: endToEnd(head.headers) }), "latin1").length;
}

function viewWriting(): Work {
  const writer = new ViewWriter(1 << 20);
  return () => {
    const flow = makeHttpFlow(makeRequest(fields, Buffer.alloc(0)));
    const seen = new SeenParts();
    const { text } = writer.write("request", flow, headsOnly, [seen]);
    writer.note("request", flow, headsOnly, seen, new Set());
    return text.length;
  };
}

function merging(): number {
  const flow = makeHttpFlow(makeRequest(fields, Buffer.alloc(0)));
  const verdict = validateChanges({ event: "request", subject: flow, permissions: headsOnly, text: changes, attachments: [], mutationBytes: 1 << 20 });
  if (verdict.kind === "fault") throw new Error(verdict.fault.message);
  return mergeChanges(flow, verdict.changes, { addon: "guard", attachments: [], now: 1, streamFunction: () => () => Promise.resolve([]) }).changes.length;
}

/** As an addon that sets a field which is there, and adds one. */
function declaring(): number {
  const flow = makeHttpFlow(makeRequest(fields, Buffer.alloc(0)));
  const outcome = applyEdits(flow, "request", edits, { addon: "guard", now: 1 });
  if (outcome.kind !== "changed") throw new Error(outcome.kind);
  return outcome.changes.length;
}

function frameWriting(): Work {
  const view = new DataView(new ArrayBuffer(4_096));
  return () => writeFrameHead(view, 0, { type: 1, status: 0, id: 7, instance: 3, cpuMicros: 20, words: [1, 2, 50, 5_000], textBytes: 900, attachmentBytes: [] });
}

/** The guest's answer that has changes (schema/guest-contract.ts). */
const changed = 1;

function partsOf(head: unknown, texts: readonly string[]): readonly Part[] {
  if (typeof head !== "object" || head === null || !("parts" in head) || !Array.isArray(head.parts)) throw new Error("a view names its parts");
  return head.parts.map((name: PartName, index): Part => [name, texts[index] ?? ""]);
}

async function guestEvent(guest: string): Promise<Work> {
  const realm = await guestRealm(`export function request(flow) { flow.request.headers.set("x-added", "1"); }`, guest);
  const writer = new ViewWriter(1 << 20);
  let key = 0;
  return () => {
    const flow = makeHttpFlow(makeRequest(fields, Buffer.alloc(0)));
    const { text } = writer.write("request", flow, headsOnly, [new SeenParts()]);
    const [head = "", ...parts] = text.split("\0");
    const names: unknown = JSON.parse(head);
    const { status } = realm.dispatch("request", ++key, partsOf(names, parts), [], key === 1 ? "" : String(key - 1));
    if (status !== changed) throw new Error(`the guest answered with status ${status}`);
    return status;
  };
}

/** A body of 8 KB read as text and written again: the cell decodes and encodes it, not the guest. */
async function guestText(guest: string): Promise<Work> {
  const realm = await guestRealm(`export function response(flow) { flow.response.text = flow.response.text.replaceAll("some words", "SOME WORDS"); }`, guest);
  const body = Buffer.alloc(8_192, "<p>A paragraph of a page, with some words.</p>\n");
  let key = 0;
  return () => {
    const { attachments } = realm.dispatch("response", ++key, [sampleParts.flow(), sampleParts.response(), sampleParts.body("response", { raw: 0 })], [body], key === 1 ? "" : String(key - 1));
    return attachments[0]?.length ?? 0;
  };
}
