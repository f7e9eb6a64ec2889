// One flow as the JSON and the blobs of a record, and back. Writing trusts our own flows but for what must not be saved; reading
// trusts nobody. It knows no files and no frames.
import { isHost, isMethod, isPath, isToken } from "../../../sandbox-api/schema/http.ts";
import { isSendableValue } from "../../http/field-rules.ts";
import { savedLimits } from "./record-limits.ts";
import type { LeftOut, SavedBody, SavedField, SavedFlow, SavedHttpFlow, SavedRequest, SavedResponse, SavedTcpFlow, SavedWebSocket } from "./saved-flow.ts";
import { missingBodies } from "./saved-flow.ts";
import { list, oneOf, optional, plain, ShapeProblem, text, timestamp, truth, whole, type Plain } from "./shape.ts";
import { readClient, readServer } from "./record-connections.ts";

/** As long as a head may be: servers say more than addons may. */
const largestReason = 65_536;

export interface RecordParts { readonly head: Buffer; readonly blobs: readonly Buffer[] }

/** The parts of a record. */
export function writeRecord(flow: SavedFlow): RecordParts {
  const blobs: Buffer[] = [];
  const blob = (bytes: Buffer): number => blobs.push(bytes) - 1;
  const head = flow.kind === "http" ? httpHead(flow, blob) : { ...flow, messages: flow.messages.map((message) => ({ ...message, content: blob(message.content) })) };
  return { head: Buffer.from(JSON.stringify({ ...head, blobs: blobs.map(({ length }) => length) })), blobs };
}

type PutBlob = (bytes: Buffer) => number;

function httpHead(flow: SavedHttpFlow, blob: PutBlob): object {
  const { request, response, websocket } = flow;
  return {
    ...flow, request: { ...request, body: bodyHead(request.body, blob) }, response: response === null ? null : { ...response, body: bodyHead(response.body, blob) },
    websocket: websocket === null ? null : { ...websocket, messages: websocket.messages.map((message) => ({ ...message, content: blob(message.content) })) },
  };
}

const bodyHead = (body: SavedBody, blob: PutBlob): object => (body.kind === "whole" ? { kind: "whole", bytes: blob(body.bytes) } : body);

type TakeBlob = (index: unknown, place: string) => Buffer;

/** The flow of a record's payload, or a sentence about what is wrong with it. */
export function readRecord(payload: Buffer, headBytes: number): SavedFlow | string {
  try {
    const head = plain(JSON.parse(payload.toString("utf8", 0, headBytes)), "the record");
    const blobs = cutBlobs(payload, headBytes, list(head["blobs"], "blobs", savedLimits.blobs));
    const blob: TakeBlob = (index, place) => blobs[whole(index, place, 0, blobs.length - 1)] ?? nothing;
    return oneOf(head["kind"], "kind", ["http", "tcp"]) === "http" ? readHttp(head, blob) : readTcp(head, blob);
  } catch (error) {
    if (error instanceof ShapeProblem) return error.message;
    if (error instanceof SyntaxError) return `it holds no JSON: ${error.message.slice(0, 100)}`;
    throw error;
  }
}

const nothing = Buffer.alloc(0);

function cutBlobs(payload: Buffer, from: number, lengths: readonly unknown[]): readonly Buffer[] {
  let at = from;
  const blobs = lengths.map((length) => {
    const bytes = whole(length, "a length of blobs", 0, payload.length - at);
    at += bytes;
    return payload.subarray(at - bytes, at);
  });
  if (at !== payload.length) throw new ShapeProblem("the lengths of blobs do not add up to the record");
  return blobs;
}

function readParts(head: Plain): Omit<SavedTcpFlow, "kind" | "messages" | "leftOut"> {
  return {
    id: text(head["id"], "id"), timestampCreated: timestamp(head["timestampCreated"], "timestampCreated"), marked: text(head["marked"], "marked"), comment: text(head["comment"], "comment"),
    error: optional(head["error"], "error", (value, place) => {
      const error = plain(value, place);
      return { msg: text(error["msg"], `${place}.msg`), timestamp: timestamp(error["timestamp"], `${place}.timestamp`) };
    }),
    client: readClient(head["client"], "client"), server: readServer(head["server"], "server"),
  };
}

function readHttp(head: Plain, blob: TakeBlob): SavedHttpFlow {
  return {
    kind: "http", ...readParts(head), isReplay: optional(head["isReplay"], "isReplay", (value, place) => oneOf(value, place, ["request", "response"])), request: readRequest(head["request"], blob),
    response: optional(head["response"], "response", (value) => readResponse(value, blob)), websocket: optional(head["websocket"], "websocket", (value) => readWebSocket(value, blob)),
  };
}

function readTcp(head: Plain, blob: TakeBlob): SavedTcpFlow {
  const messages = list(head["messages"], "messages", savedLimits.blobs).map((value) => {
    const message = plain(value, "a message");
    return { fromClient: truth(message["fromClient"], "fromClient"), content: blob(message["content"], "content"), timestamp: timestamp(message["timestamp"], "timestamp") };
  });
  return { kind: "tcp", ...readParts(head), messages, leftOut: readLeftOut(head["leftOut"]) };
}

function readWebSocket(value: unknown, blob: TakeBlob): SavedWebSocket {
  const websocket = plain(value, "websocket");
  const messages = list(websocket["messages"], "websocket.messages", savedLimits.blobs).map((item) => {
    const message = plain(item, "a message");
    return {
      fromClient: truth(message["fromClient"], "fromClient"), type: oneOf(message["type"], "type", ["text", "binary"]), content: blob(message["content"], "content"),
      timestamp: timestamp(message["timestamp"], "timestamp"), injected: truth(message["injected"], "injected"), dropped: truth(message["dropped"], "dropped"),
    };
  });
  return {
    messages, closeCode: optional(websocket["closeCode"], "closeCode", (code, place) => whole(code, place, 0, 65_535)), closeReason: optional(websocket["closeReason"], "closeReason", (reason, place) => text(reason, place)),
    closedByClient: optional(websocket["closedByClient"], "closedByClient", truth), timestampEnd: optional(websocket["timestampEnd"], "timestampEnd", timestamp), leftOut: readLeftOut(websocket["leftOut"]),
  };
}

function readLeftOut(value: unknown): LeftOut {
  const leftOut = plain(value, "leftOut");
  return { messages: whole(leftOut["messages"], "leftOut.messages", 0, Number.MAX_SAFE_INTEGER), bytes: whole(leftOut["bytes"], "leftOut.bytes", 0, Number.MAX_SAFE_INTEGER) };
}

function readRequest(value: unknown, blob: TakeBlob): SavedRequest {
  const request = plain(value, "request");
  const method = text(request["method"], "method", isMethod);
  return {
    method, scheme: oneOf(request["scheme"], "scheme", ["http", "https"]), host: text(request["host"], "host", isHost), port: whole(request["port"], "port", 1, 65_535),
    path: text(request["path"], "path", (path) => isPath(path) || (path === "" && method === "CONNECT")), authority: text(request["authority"], "authority", (authority) => authority.length <= 1_024 && isSendableValue(authority)),
    ...readMessage(request, "request", blob),
  };
}

function readResponse(value: unknown, blob: TakeBlob): SavedResponse {
  const response = plain(value, "response");
  return { statusCode: whole(response["statusCode"], "statusCode", 100, 999), reason: text(response["reason"], "reason", (reason) => reason.length <= largestReason && isSendableValue(reason)), ...readMessage(response, "response", blob) };
}

function readMessage(message: Plain, place: string, blob: TakeBlob): Omit<SavedResponse, "statusCode" | "reason"> {
  return {
    httpVersion: oneOf(message["httpVersion"], `${place}.httpVersion`, ["HTTP/1.0", "HTTP/1.1", "HTTP/2.0"]), headers: readFields(message["headers"], `${place}.headers`),
    trailers: optional(message["trailers"], `${place}.trailers`, readFields), body: readBody(message["body"], `${place}.body`, blob),
    timestampStart: timestamp(message["timestampStart"], `${place}.timestampStart`), timestampEnd: optional(message["timestampEnd"], `${place}.timestampEnd`, timestamp),
  };
}

function readFields(value: unknown, place: string): readonly SavedField[] {
  return list(value, place, savedLimits.fields).map((item): SavedField => {
    const [name, content] = list(item, place, 2);
    return [text(name, place, isToken), text(content, place, isSendableValue)];
  });
}

function readBody(value: unknown, place: string, blob: TakeBlob): SavedBody {
  const body = plain(value, place);
  if (oneOf(body["kind"], `${place}.kind`, ["whole", "missing"]) === "whole") return { kind: "whole", bytes: blob(body["bytes"], `${place}.bytes`) };
  return { kind: "missing", why: oneOf(body["why"], `${place}.why`, missingBodies), size: optional(body["size"], `${place}.size`, (size, at) => whole(size, at, 0, Number.MAX_SAFE_INTEGER)) };
}
