// The flows as the host keeps them: what was received, what will be sent, and who changed what. A flow is advanced by one async
// function (its exchange or relay); addons' changes come in only through the gate while that function waits. No I/O here.
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import type { ObjectKey } from "../../sandbox-api/schema/ids.ts";
import type { LayerKind } from "../../sandbox-api/schema/changes.ts";
import type { ClientHelloView, LayerView } from "../../sandbox-api/schema/view.ts";
import type { HeaderFields } from "../http/header-fields.ts";
import type { ClientConnection, RootLayer, ServerConnection } from "./connection.ts";
import type { MessageBody } from "./message-body.ts";
import type { HistoryEntry } from "./history.ts";

/** Why a flow is refused: an addon with failure policy `closed` failed. */
export interface Refusal { readonly addon: string; readonly event: string; readonly fault: Fault }

export interface FlowError { readonly msg: string; readonly timestamp: number }

/** Passes chunks of a body through an addon's stream function; an empty chunk means the end. */
export type StreamFunction = (chunk: Buffer) => Promise<readonly Buffer[]>;

interface MessageParts {
  headers: HeaderFields;
  trailers: HeaderFields | null;
  readonly body: MessageBody;
  /** Set in `requestheaders`/`responseheaders`: pass the body on while it comes. */
  stream: boolean | StreamFunction;
  timestampStart: number;
  timestampEnd: number | null;
  /** Grows with each change of the head (own attributes or fields). */
  version: number;
  /** Grows with each change of the trailers. */
  trailersVersion: number;
}

export interface HttpRequest extends MessageParts {
  method: string;
  scheme: "http" | "https";
  host: string;
  port: number;
  /** Origin-form or `*`; for CONNECT "". */
  path: string;
  /** Authority of an absolute-form target or of CONNECT, or HTTP/2's :authority, as the client wrote it, else "". */
  authority: string;
  readonly httpVersion: string;
}

export interface HttpResponse extends MessageParts {
  statusCode: number;
  reason: string;
  readonly httpVersion: string;
  /** Made by an addon, or read from a file: there is no server body to read. */
  readonly made: boolean;
  /** Recorded, and given in place of a server's. */
  readonly isReplayed?: true;
}

interface FlowParts {
  readonly key: ObjectKey;
  readonly id: string;
  readonly client: ClientConnection;
  server: ServerConnection;
  error: FlowError | null;
  live: boolean;
  /** An addon called `flow.kill()`; who. */
  killedBy: string | null;
  /** An addon called `flow.intercept()` and nobody has resumed yet. */
  intercepted: boolean;
  marked: string;
  comment: string;
  readonly timestampCreated: number;
  refusal: Refusal | null;
  /** Who changed what; bounded. */
  readonly history: HistoryEntry[];
  /** Grows with each change of what the part "flow" shows. */
  version: number;
}

export interface WebSocketMessage {
  /** Its place among all messages, from 0; -1 for one that is still to be sent. */
  index: number;
  readonly fromClient: boolean;
  readonly type: "text" | "binary";
  /** Whole and decompressed. */
  content: Buffer;
  readonly timestamp: number;
  /** An addon put it in. */
  readonly injected: boolean;
  /** An addon does not let it pass. */
  dropped: boolean;
  /** Grows with each change. */
  version: number;
}

/** What followed a successful handshake, where addons look at messages. */
export interface WebSocketState {
  /** Newest message while its event runs; earlier ones are remembered by the guests that saw them. */
  message: WebSocketMessage | null;
  /** Messages of addons that are still to be sent, in order. */
  readonly injections: WebSocketMessage[];
  /** Of the first close frame; 1005: it had none, 1006: there was no close frame; null: still open. */
  closeCode: number | null;
  closeReason: string | null;
  closedByClient: boolean | null;
  timestampEnd: number | null;
  version: number;
}

export interface HttpFlow extends FlowParts {
  readonly kind: "http";
  readonly request: HttpRequest;
  response: HttpResponse | null;
  /** The request is the valid opening of a WebSocket. */
  isWebSocket: boolean;
  webSocket: WebSocketState | null;
  /** 0: a client's own request; n: sent again by an addon, from a flow with n - 1. */
  readonly replayDepth: number;
}

export interface TcpMessage { readonly fromClient: boolean; content: Buffer; readonly timestamp: number }

export interface TcpFlow extends FlowParts {
  readonly kind: "tcp";
  /** Newest message; earlier ones are remembered by the guests that saw them. */
  message: TcpMessage | null;
}

/** Object of `next_layer`. */
export interface LayerProposal {
  readonly kind: "layer";
  readonly key: ObjectKey;
  readonly name: LayerView["name"];
  readonly client: ClientConnection;
  readonly server: ServerConnection;
  readonly dataClient: Buffer;
  readonly clientHello: ClientHelloView | null;
  /** What an addon returned instead. */
  replacement: LayerKind | null;
}

export type Flow = HttpFlow | TcpFlow;
export type { ClientConnection, RootLayer, ServerConnection };
