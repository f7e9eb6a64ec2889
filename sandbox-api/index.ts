// What an addon imports as "flowcell": the values that exist inside the isolate, and the types of everything that events hand out.
// Nothing else of Flowcell is public. This file is for the compiler; inside the isolate the guest gives the values (guest/main.ts).
import type { Context } from "./guest/ctx.ts";

export { Headers, type HeadersInit } from "./guest/headers.ts";
export { Response } from "./guest/response.ts";
export { flowfilter, type FlowFilter, type FlowFilters } from "./guest/flow-filter.ts";
export { layers, type LayerChoice, type Layers } from "./guest/layers.ts";
/** The log, the addon's options, its name, and its storage. */
export declare const ctx: Context;

export type { Context };
export type { LogFunction, Options, OptionValue } from "./guest/ctx.ts";
export type { EditInManifest, Manifest, OptionInManifest, OptionsOf } from "./schema/manifest-types.ts";
export type { Storage, StoredValue, ListOptions } from "./guest/storage.ts";
/** What the global `fetch` takes and gives. */
export type FetchInit = RequestInit;
export type FetchResponse = globalThis.Response;
export type { HTTPFlow } from "./guest/http-flow.ts";
export type { FlowError } from "./guest/flow-state.ts";
export type { Request } from "./guest/request.ts";
export type { FormPart, FormPartInit, MultipartForm } from "./guest/multipart.ts";
export type { Pairs } from "./guest/pairs.ts";
export type { StreamFunction, StreamResult } from "./guest/message-state.ts";
export type { ClientConnection, Layer, RootLayer, ServerConnection } from "./guest/connection.ts";
export type { TCPFlow, TCPMessage } from "./guest/tcp-flow.ts";
export type { WebSocketData, WebSocketMessage } from "./guest/websocket.ts";
export type { Address, Via } from "./schema/changes.ts";
export type { ClientHelloView as ClientHello, LogEntryView as LogEntry, LogLevel } from "./schema/view.ts";
export type { EventName } from "./schema/events.ts";
