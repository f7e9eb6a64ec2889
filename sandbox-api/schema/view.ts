// What enters an isolate: an event's text is an envelope and the parts of the object that this addon has not seen yet, joined
// by NUL; bodies travel beside it. The guest splits the text and parses a part when the addon first touches it. These are the
// shapes of both; nothing here reads a flow or applies grants.
//
//   text  = envelope-JSON *( NUL part )         all of it latin1; JSON is ASCII with \u escapes
//   part  = JSON                                for every part but the two heads
//         / JSON LF count LF *( name ": " value CRLF )
//                                             for "request" and "response": own attributes, then the fields as sent
//
// Numbers called AttachmentIndex count the ArrayBuffers beside the text, from 0.
import type { AttachmentIndex, LayerKind } from "./changes.ts";
import type { EventName } from "./events.ts";

export const partNames = [
  "flow", "client", "server", "request", "request.trailers", "request.body", "response", "response.trailers", "response.body",
  "root", "layer", "options", "entry", "websocket", "message", "patch", "chunk",
] as const;
export type PartName = (typeof partNames)[number];

/** `stream` is no event of the table: it runs a stream function for one chunk. */
export type CallName = EventName | "stream";

export interface Envelope {
  readonly event: CallName;
  /** ObjectKey of the flow, root layer, layer or server connection; 0 where the object has no identity. */
  readonly key: number;
  /** The parts that follow, in this order. A part that is not named is unchanged since this instance last saw the object. */
  readonly parts: readonly PartName[];
}

/** Seconds since the epoch, with fraction, as in mitmproxy. */
export type Timestamp = number;
export interface AddressView { readonly host: string; readonly port: number }

export interface ClientView {
  readonly id: string;
  readonly address: AddressView;
  readonly sockname: AddressView;
  readonly mode: string;
  readonly tls: boolean;
  readonly sni: string | null;
  readonly alpn: string | null;
  readonly tlsVersion: string | null;
  readonly cipher: string | null;
  readonly timestampStart: Timestamp;
  readonly timestampTlsSetup: Timestamp | null;
  readonly timestampEnd: Timestamp | null;
}

export interface ServerView {
  readonly id: string;
  readonly address: AddressView | null;
  readonly via: (AddressView & { readonly scheme: "http" | "https" }) | null;
  readonly peername: AddressView | null;
  readonly sockname: AddressView | null;
  readonly tls: boolean;
  readonly sni: string | null;
  readonly alpn: string | null;
  readonly tlsVersion: string | null;
  readonly cipher: string | null;
  readonly timestampStart: Timestamp | null;
  readonly timestampTcpSetup: Timestamp | null;
  readonly timestampTlsSetup: Timestamp | null;
  readonly timestampEnd: Timestamp | null;
  readonly error: string | null;
}

export interface FlowView {
  readonly id: string;
  readonly type: "http" | "tcp";
  readonly live: boolean;
  readonly error: { readonly msg: string; readonly timestamp: Timestamp } | null;
  readonly intercepted: boolean;
  readonly marked: string;
  readonly comment: string;
  readonly isReplay: "request" | "response" | null;
  readonly timestampCreated: Timestamp;
  /** The request is the valid opening of a WebSocket. */
  readonly websocket: boolean;
}

/** First line of the part "request"; the fields follow as lines. Texts are byte strings (latin1). */
export interface RequestView {
  readonly method: string;
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** As the client wrote it: authority of an absolute-form target or CONNECT, or HTTP/2's :authority, otherwise "". */
  readonly authority: string;
  readonly httpVersion: string;
  readonly timestampStart: Timestamp;
  readonly timestampEnd: Timestamp | null;
}

/** First line of the part "response". */
export interface ResponseView {
  readonly statusCode: number;
  readonly reason: string;
  readonly httpVersion: string;
  readonly timestampStart: Timestamp;
  readonly timestampEnd: Timestamp | null;
}

/** Parts "request.body" and "response.body". All `null` and not truncated: not read (yet), or not granted. */
export interface BodyView {
  /** Bytes as on the wire. */
  readonly raw: AttachmentIndex | null;
  /** Decoded by Content-Encoding, where there is one; `null` with `raw` given and `contentError` null: same as `raw`. */
  readonly content: AttachmentIndex | null;
  readonly contentError: string | null;
  /** Larger than the limit `bodyBytes`, so not given. */
  readonly truncated: boolean;
  /** Passed on while it came. */
  readonly streamed: boolean;
}

/** Parts "request.trailers" and "response.trailers": fields in order, byte strings; `null`: none. */
export type TrailersView = readonly (readonly [name: string, value: string])[] | null;

export interface RootView { readonly mode: string; readonly live: boolean }

export interface ClientHelloView {
  readonly sni: string | null;
  readonly alpnProtocols: readonly string[];
  readonly cipherSuites: readonly number[];
}

export interface LayerView {
  readonly name: "tls" | "http1" | "http2" | "websocket" | "tcp";
  readonly dataClient: AttachmentIndex;
  readonly clientHello: ClientHelloView | null;
}

export interface OptionsView {
  readonly options: { readonly [name: string]: string | number | boolean | readonly string[] | null };
  readonly updated: readonly string[];
}

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];
export interface LogEntryView { readonly msg: string; readonly level: LogLevel }

/** Part "message": the newest message of a TCP flow. */
export interface MessageView { readonly fromClient: boolean; readonly timestamp: Timestamp; readonly content: AttachmentIndex }

/** Part "websocket": there once the handshake has succeeded. All `null` while it is open. */
export interface WebSocketView {
  /** As in the first close frame; 1005: it had none, 1006: there was no close frame. */
  readonly closeCode: number | null;
  readonly closeReason: string | null;
  readonly closedByClient: boolean | null;
  readonly timestampEnd: Timestamp | null;
}

/** Part "message" of an HTTP flow: the newest message of its WebSocket. */
export interface WebSocketMessageView {
  /** Its place among all messages, from 0. The same again: shown anew. */
  readonly index: number;
  readonly fromClient: boolean;
  readonly type: "text" | "binary";
  readonly timestamp: Timestamp;
  /** An addon put it in. */
  readonly injected: boolean;
  readonly dropped: boolean;
  /** `null`: larger than the limit `bodyBytes`, so not given. */
  readonly content: AttachmentIndex | null;
}

/** Part "chunk" of the pseudo event "stream". */
export interface ChunkView { readonly of: "request" | "response"; readonly content: AttachmentIndex | null }

/**
 * Part "patch": changes of the addons that ran before this one in the same chain, in order, as their change lists stood.
 * The guest applies them to its copy as somebody else's work (they are neither reported nor rolled back).
 */
export type PatchView = readonly (readonly unknown[])[];

/** What `next_layer` may return, by name; kept here so that guest and host agree. */
export type LayerChoice = LayerKind;

export const partSeparator = "\0";

/** JSON with every char outside printable ASCII escaped, so that it may travel as latin1. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
