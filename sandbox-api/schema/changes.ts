// What an addon may ask for, as data: a list of changes, each addressed to one part of the flow (spec: sandbox.md §4). The
// guest records it, the cell carries it as text, the host checks and merges it. Field lists refer to untouched fields by
// their index, so that bytes nobody changed never travel and withheld values keep theirs. No application of changes here.
import type { ChangePrefix } from "./events.ts";
import type { PermissionName } from "./permissions.ts";

/** Neighbours of the list as the addon saw it, untouched. */
export type FieldRun = readonly [from: number, count: number];
/** A field of the new list: an index into the list as the addon saw it (untouched, at most once each), several of these as a run, or a new field. */
export type FieldReference = number | FieldRun | readonly [name: string, value: string];
export const isFieldRun = (reference: Exclude<FieldReference, number>): reference is FieldRun => typeof reference[0] === "number";
/** PERF: what most addons do: all `length` fields as they were, in one run, and new ones after them. */
export const keepsAll = (list: readonly unknown[], length: number): boolean => {
  const first = list[0];
  return length > 0 && Array.isArray(first) && first.length === 2 && first[0] === 0 && first[1] === length;
};
/** Index into the attachments (bodies) that travel beside the changes. */
export type AttachmentIndex = number;
export interface Address { readonly host: string; readonly port: number }
export interface Via extends Address { readonly scheme: "http" | "https" }
export const layerKinds = ["tcp", "tls", "http", "passthrough", "close"] as const;
export type LayerKind = (typeof layerKinds)[number];
/** `Response.make`, or an addon's new Response object: replaces the whole response. Fields are name and value in turn order. */
export interface MadeResponse {
  readonly statusCode: number;
  readonly reason: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Raw body; `null`: empty. */
  readonly body: AttachmentIndex | null;
  /** The body given is decoded content; the host encodes it by Content-Encoding. */
  readonly encode: boolean;
}

/** A message of an addon's own, on its way into a WebSocket. */
export interface InjectedMessage {
  readonly toClient: boolean;
  readonly type: "text" | "binary";
  readonly content: AttachmentIndex;
}

/** Value of each change address. The compiler makes guest, checks and merge cover every row. */
export interface ChangeValues {
  "request.method": string;
  "request.scheme": "http" | "https";
  "request.host": string;
  "request.port": number;
  "request.path": string;
  "request.headers": readonly FieldReference[];
  "request.trailers": readonly FieldReference[];
  /** Raw bytes as they shall go out. */
  "request.body": AttachmentIndex;
  /** Decoded bytes; the host encodes them by the message's Content-Encoding. */
  "request.content": AttachmentIndex;
  /** `true`: pass through; `"function"`: each chunk is sent to the addon (pseudo event `stream`). */
  "request.stream": boolean | "function";
  "response.make": MadeResponse;
  "response.statusCode": number;
  "response.reason": string;
  "response.headers": readonly FieldReference[];
  "response.trailers": readonly FieldReference[];
  "response.body": AttachmentIndex;
  "response.content": AttachmentIndex;
  "response.stream": boolean | "function";
  /** Of the newest message; what was text must stay UTF-8. */
  "websocket.content": AttachmentIndex;
  /** The newest message is not sent on. */
  "websocket.drop": true;
  /** Sent after the newest message, in order. */
  "websocket.inject": readonly InjectedMessage[];
  "flow.kill": true;
  "flow.intercept": true;
  "flow.resume": true;
  "flow.marked": string;
  "flow.comment": string;
  "message.content": AttachmentIndex;
  "server.address": Address;
  "server.via": Via | null;
  "server.kill": true;
  "client.kill": true;
  "layer.replace": LayerKind;
  /** What a stream function returned for one chunk, in order. */
  "stream.chunks": readonly AttachmentIndex[];
}

export type ChangeAddress = keyof ChangeValues;
export type Change = { readonly [A in ChangeAddress]: readonly [address: A, value: ChangeValues[A]] }[ChangeAddress];

/** Which permission each change needs, and whether its value is a body beside the text. */
export const changeTable = {
  "request.method": { needs: "write:request" },
  "request.scheme": { needs: "act:redirect" },
  "request.host": { needs: "act:redirect" },
  "request.port": { needs: "act:redirect" },
  "request.path": { needs: "write:request" },
  "request.headers": { needs: "write:request" },
  "request.trailers": { needs: "write:request" },
  "request.body": { needs: "write:request.body" },
  "request.content": { needs: "write:request.body" },
  "request.stream": { needs: "write:request.body" },
  "response.make": { needs: "act:respond" },
  "response.statusCode": { needs: "write:response" },
  "response.reason": { needs: "write:response" },
  "response.headers": { needs: "write:response" },
  "response.trailers": { needs: "write:response" },
  "response.body": { needs: "write:response.body" },
  "response.content": { needs: "write:response.body" },
  "response.stream": { needs: "write:response.body" },
  "websocket.content": { needs: "write:websocket" },
  "websocket.drop": { needs: "write:websocket" },
  "websocket.inject": { needs: "act:inject" },
  "flow.kill": { needs: "act:kill" },
  "flow.intercept": { needs: "act:intercept" },
  "flow.resume": { needs: "act:intercept" },
  "flow.marked": { needs: null },
  "flow.comment": { needs: null },
  "message.content": { needs: "write:tcp" },
  "server.address": { needs: "act:redirect" },
  "server.via": { needs: "act:redirect" },
  "server.kill": { needs: "act:kill" },
  "client.kill": { needs: "act:kill" },
  "layer.replace": { needs: "act:layer" },
  "stream.chunks": { needs: null },
} as const satisfies { readonly [A in ChangeAddress]: { readonly needs: PermissionName | null } };

export function isChangeAddress(text: unknown): text is ChangeAddress {
  return typeof text === "string" && Object.hasOwn(changeTable, text);
}

/** The first word of an address, as `events.ts` lists it under `mayChange`. */
export function changePrefix(address: ChangeAddress): ChangePrefix {
  const word = address.slice(0, address.indexOf("."));
  switch (word) {
    case "request": case "response": case "websocket": case "flow": case "server": case "client": case "layer": case "message": case "stream": return word;
    default: throw new Error(`change address without a known prefix: ${address}`);
  }
}
