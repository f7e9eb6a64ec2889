// Applies the changes of addons that ran before this one in the same chain to this addon's copy (part "patch", schema/view.ts).
// They come from the host's side of the wall and are neither reported nor rolled back. Unknown addresses are left alone.
import { isFieldRun, type Address, type FieldReference, type MadeResponse, type Via } from "../schema/changes.ts";
import { mostFields } from "../schema/http.ts";
import type { PatchView } from "../schema/view.ts";
import { attachedBytes, assignedBody, noBody, type Attachments, type Body } from "./body.ts";
import type { ServerState } from "./connection.ts";
import { FieldList } from "./field-list.ts";
import { Field, type Fields } from "./fields.ts";
import type { FlowState } from "./flow-state.ts";
import type { HttpFlowState } from "./http-flow.ts";
import { bareArray, dateNow, freeze, indexOf, slice, RealUint8Array } from "./intrinsics.ts";
import type { Head, MessageState } from "./message-state.ts";
import { ResponseHead, ResponseState } from "./response.ts";

/** The list that `references` make of the one that stands. */
function referredFields(references: readonly FieldReference[], seen: Fields): Fields {
  const list = bareArray<Field>();
  // LIMIT: what a hostile addon sends here has not been checked.
  for (let index = 0; index < references.length && list.length <= mostFields; index++) {
    const reference = references[index]!;
    if (typeof reference === "number") keep(list, seen, reference, 1);
    else if (isFieldRun(reference)) keep(list, seen, reference[0], reference[1]);
    else list[list.length] = new Field(reference[0], reference[1]);
  }
  return list;
}

function keep(list: Field[], seen: Fields, from: number, count: number): void {
  for (let index = from < 0 ? 0 : from; index < from + count && index < seen.length; index++) if (seen[index] !== undefined) list[list.length] = seen[index]!;
}

/** PERF: further fields at the end, which is what most addons do, need no list of those there are. */
function referredList(references: readonly FieldReference[], seen: FieldList): FieldList {
  const first = references[0];
  if (typeof first !== "object" || !isFieldRun(first) || first[0] !== 0 || first[1] !== seen.length) return FieldList.of(referredFields(references, seen.fields));
  const added = bareArray<Field>();
  for (let index = 1; index < references.length; index++) {
    const reference = references[index]!;
    if (typeof reference === "number" || isFieldRun(reference)) return FieldList.of(referredFields(references, seen.fields));
    added[index - 1] = new Field(reference[0], reference[1]);
  }
  return seen.withAll(added);
}

function applyMessage<H extends Head<H>>(state: MessageState<H>, what: string, value: never, attachments: Attachments, setAttribute: (head: H) => void): void {
  switch (what) {
    case "body": case "content": {
      const bytes = attachedBytes(attachments, value) ?? new RealUint8Array(0);
      const body: Body = assignedBody(bytes, what === "body" ? "raw" : "content", state.hasEncoding);
      return state.assume(state.knownHead, state.knownList, state.trailers, body.settled());
    }
    case "trailers": return state.assume(state.knownHead, state.knownList, referredFields(value, state.trailers ?? bareArray<Field>()), state.body);
    case "stream": return;
    // What this addon may not see is not told to it by what others make of it either.
    case "headers": {
      const list = state.knownList;
      if (list !== null) state.assumeFields(referredList(value, list));
      return;
    }
    default: {
      const head = state.knownHead?.copy() ?? null;
      if (head === null) return;
      setAttribute(head);
      return state.assume(head, state.knownList, state.trailers, state.body);
    }
  }
}

function madeResponse(flow: HttpFlowState, made: MadeResponse, attachments: Attachments): ResponseState {
  const state = new ResponseState(flow.owner, "response");
  const now = dateNow() / 1_000;
  const fields = bareArray<Field>();
  for (let index = 0; index < made.fields.length; index++) fields[index] = new Field(made.fields[index]![0], made.fields[index]![1]);
  const head = new ResponseHead({ statusCode: made.statusCode, reason: made.reason, httpVersion: "HTTP/1.1", timestampStart: now, timestampEnd: now });
  const list = FieldList.of(fields);
  state.assume(head, list, null, noBody);
  const bytes = attachedBytes(attachments, made.body) ?? new RealUint8Array(0);
  state.assume(head, list, null, assignedBody(bytes, made.encode ? "content" : "raw", state.hasEncoding).settled());
  return state;
}

function applyFlow(state: FlowState, what: string, value: never): void {
  switch (what) {
    case "kill": case "intercept": case "resume": case "marked": case "comment": return state.assume(what, value);
    default: return;
  }
}

export function applyServer(state: ServerState, what: string, value: Address & Via): void {
  const { address, via, isKilled } = state.choice;
  if (what === "address") state.assume(freeze({ address: freeze<Address>({ host: value.host, port: value.port }), via, isKilled }));
  else if (what === "via") state.assume(freeze({ address, via: value === null ? null : freeze<Via>({ scheme: value.scheme, host: value.host, port: value.port }), isKilled }));
  else if (what === "kill") state.assume(freeze({ address, via, isKilled: true }));
}

/** What a patch may apply to; parts that an object does not have are `null`. */
export interface Patchable {
  readonly http: HttpFlowState | null;
  readonly flow: FlowState | null;
  readonly server: ServerState | null;
  readonly assumeContent: ((content: Uint8Array) => void) | null;
  readonly assumeKilled: (() => void) | null;
}

export function applyPatch(target: Patchable, patch: PatchView, attachments: Attachments): void {
  // One list for each addon before this one. What a hostile one sends here the host refuses, and asks this addon again.
  for (let addon = 0; addon < patch.length; addon++) {
    const changes = patch[addon]!;
    for (let index = 0; index < changes.length; index++) {
      const change = changes[index] as readonly [address: string, value: never];
      const address = change[0];
      const dot = indexOf(address, ".");
      applyOne(target, slice(address, 0, dot), slice(address, dot + 1), change[1], attachments);
    }
  }
}

function applyOne({ http, flow, server, assumeContent, assumeKilled }: Patchable, part: string, what: string, value: never, attachments: Attachments): void {
  switch (part) {
    case "request":
      if (http !== null) applyMessage(http.request, what, value, attachments, (head) => {
        if (what === "method" || what === "scheme" || what === "host" || what === "port" || what === "path") head[what] = value;
      });
      return;
    case "response":
      if (http === null) return;
      if (what === "make") return http.assumeResponse(madeResponse(http, value, attachments));
      if (http.response !== null) applyMessage(http.response, what, value, attachments, (head) => {
        if (what === "statusCode" || what === "reason") head[what] = value;
      });
      return;
    case "flow":
      if (flow !== null) applyFlow(flow, what, value);
      return;
    case "server":
      if (server !== null) applyServer(server, what, value);
      return;
    case "websocket":
      if (what === "content") http?.webSocket?.assumeContent(attachedBytes(attachments, value) ?? new RealUint8Array(0));
      else if (what === "drop") http?.webSocket?.assumeDropped();
      // What was put in comes as a message of its own.
      return;
    case "message":
      if (assumeContent !== null) assumeContent(attachedBytes(attachments, value) ?? new RealUint8Array(0));
      return;
    case "client":
      if (assumeKilled !== null) assumeKilled();
      return;
    default: return;
  }
}
