// A flow that has ended, as plain data: what is written to files, read from them and played again. It holds no connection, no version
// and no addon, and nobody changes it. Texts of the protocol are latin1, one char per byte; comments and errors are text.
import type { ClientView, ServerView } from "../../../sandbox-api/schema/view.ts";
import type { FlowError } from "../flow.ts";

export type SavedField = readonly [name: string, value: string];

/**
 * The bytes as on the wire, or why they are not here: never read (`unread`), larger than what is kept (`too-large`), passed on by an
 * addon's wish without being kept (`streamed`), ended before their time (`broken-off`), or absent from the file that they were read from (`not-recorded`).
 * `size`: bytes that passed, if known.
 */
export type SavedBody =
  | { readonly kind: "whole"; readonly bytes: Buffer }
  | { readonly kind: "missing"; readonly why: MissingBody; readonly size: number | null };

export const missingBodies = ["unread", "streamed", "too-large", "broken-off", "not-recorded"] as const;
export type MissingBody = (typeof missingBodies)[number];

interface SavedMessage {
  readonly httpVersion: string;
  readonly headers: readonly SavedField[];
  readonly trailers: readonly SavedField[] | null;
  readonly body: SavedBody;
  /** Seconds since the epoch, as everywhere in flows. */
  readonly timestampStart: number;
  readonly timestampEnd: number | null;
}

export interface SavedRequest extends SavedMessage {
  readonly method: string;
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly authority: string;
}

export interface SavedResponse extends SavedMessage {
  readonly statusCode: number;
  readonly reason: string;
}

export interface SavedWebSocketMessage {
  readonly fromClient: boolean;
  readonly type: "text" | "binary";
  /** Whole and decompressed; a text's UTF-8. */
  readonly content: Buffer;
  readonly timestamp: number;
  /** An addon put it in. */
  readonly injected: boolean;
  /** An addon dropped it: the other side never got it. */
  readonly dropped: boolean;
}

export interface SavedWebSocket {
  readonly messages: readonly SavedWebSocketMessage[];
  /** Of the first close frame; 1005: it had none, 1006: there was no close frame; null: not known. */
  readonly closeCode: number | null;
  readonly closeReason: string | null;
  readonly closedByClient: boolean | null;
  readonly timestampEnd: number | null;
  readonly leftOut: LeftOut;
}

export interface SavedTcpMessage { readonly fromClient: boolean; readonly content: Buffer; readonly timestamp: number }

/** Messages beyond what is kept of one flow. */
export interface LeftOut { readonly messages: number; readonly bytes: number }

interface SavedParts {
  readonly id: string;
  readonly timestampCreated: number;
  readonly marked: string;
  readonly comment: string;
  readonly error: FlowError | null;
  readonly client: ClientView;
  readonly server: ServerView;
}

export interface SavedHttpFlow extends SavedParts {
  readonly kind: "http";
  readonly isReplay: "request" | "response" | null;
  readonly request: SavedRequest;
  readonly response: SavedResponse | null;
  /** Null: it is none. */
  readonly websocket: SavedWebSocket | null;
}

export interface SavedTcpFlow extends SavedParts {
  readonly kind: "tcp";
  readonly messages: readonly SavedTcpMessage[];
  readonly leftOut: LeftOut;
}

export type SavedFlow = SavedHttpFlow | SavedTcpFlow;

export const nothingLeftOut: LeftOut = { messages: 0, bytes: 0 };

/** What a flow is counted with where memory is bounded: its bodies, and a little for everything else. */
export function weightOf(flow: SavedFlow): number {
  const ofMessages = (messages: readonly { readonly content: Buffer }[]): number => messages.reduce((sum, { content }) => sum + content.length + 100, 0);
  if (flow.kind === "tcp") return 2_000 + ofMessages(flow.messages);
  const ofBody = (body: SavedBody | undefined): number => (body?.kind === "whole" ? body.bytes.length : 0);
  return 4_000 + ofBody(flow.request.body) + ofBody(flow.response?.body) + ofMessages(flow.websocket?.messages ?? []);
}
