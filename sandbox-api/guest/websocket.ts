// The WebSocket of an HTTP flow: `flow.websocket`, its messages, and their state. Messages stay readable up to a bounded history; only
// the newest can be changed or dropped, and only while its event runs. What is put in is sent after it.
import { mostInjections } from "../schema/websocket.ts";
import type { WebSocketMessageView, WebSocketView } from "../schema/view.ts";
import { attachedBytes, bytesFrom, type Attachments } from "./body.ts";
import { decodeUtf8, encodeUtf8 } from "./byte-string.ts";
import { beginWrite, checkSize, type Call, type Changes, type Draftable, type Owner } from "./draft.ts";
import { ViewState } from "./connection.ts";
import { bareArray, byteLengthOf, expose, jsonParse } from "./intrinsics.ts";
import { MessageHistory } from "./message-history.ts";
import { refuse } from "./thrown.ts";

class WebSocketMessageState implements Draftable {
  writer: Call | null = null;
  readonly owner: Owner;
  view: WebSocketMessageView;
  /** `null`: larger than this addon may see. */
  content: Uint8Array | null;
  isDropped: boolean;
  isNewest = true;
  #saved: { readonly content: Uint8Array | null; readonly isDropped: boolean } | null = null;

  constructor(owner: Owner, view: WebSocketMessageView, content: Uint8Array | null) {
    this.owner = owner;
    this.view = view;
    this.content = content;
    this.isDropped = view.dropped;
  }

  /** As the host sees it now. */
  assume(view: WebSocketMessageView, content: Uint8Array | null): void {
    this.view = view;
    this.content = content;
    this.isDropped = view.dropped;
  }

  write(make: (mostBytes: number) => Uint8Array): void {
    this.#checkNewest("websocket.content");
    const content = make(this.owner.call?.mutationBytes ?? Infinity);
    beginWrite(this.owner, this, "websocket", "websocket.content");
    this.content = content;
  }
  drop(): void {
    this.#checkNewest("websocket.drop");
    if (this.isDropped) return;
    beginWrite(this.owner, this, "websocket", "websocket.drop");
    this.isDropped = true;
  }
  #checkNewest(field: string): void {
    if (!this.isNewest) throw refuse(field, "only the newest message can be changed");
  }

  get bytes(): Uint8Array {
    if (this.content === null) throw refuse("websocket.content", "this message is larger than what this addon is given (limit bodyBytes)");
    return this.content;
  }

  save(): void {
    this.#saved = { content: this.content, isDropped: this.isDropped };
  }
  collect(changes: Changes): void {
    if (this.#saved === null) return;
    if (this.content !== null && this.content !== this.#saved.content) changes.add("websocket.content", `${changes.attach(this.content)}`);
    if (this.isDropped && !this.#saved.isDropped) changes.add("websocket.drop", "true");
  }
  commit(): void {
    this.#saved = null;
  }
  revert(): void {
    if (this.#saved !== null) {
      this.content = this.#saved.content;
      this.isDropped = this.#saved.isDropped;
    }
    this.#saved = null;
  }
}

/** One message of a WebSocket, whole and decompressed. */
export class WebSocketMessage {
  readonly #state: WebSocketMessageState;
  /** Made by the proxy only. */
  constructor(state: WebSocketMessageState) {
    this.#state = state;
  }
  /** Who sent it. */
  get fromClient(): boolean { return this.#state.view.fromClient; }
  /** A text is UTF-8. */
  get type(): "text" | "binary" { return this.#state.view.type; }
  /** Seconds since the epoch. */
  get timestamp(): number { return this.#state.view.timestamp; }
  /** An addon put it in (`flow.websocket.inject`). Nothing can be put in while its event runs. */
  get injected(): boolean { return this.#state.view.injected; }
  /** It is not sent on. */
  get dropped(): boolean { return this.#state.isDropped; }
  /** Larger than this addon is given (limit `bodyBytes`): `content` and `text` throw. */
  get isTooLarge(): boolean { return this.#state.content === null; }
  /** The array is this addon's own: assign to change. A string is written as UTF-8. The type of the message stays; text must stay UTF-8. */
  get content(): Uint8Array { return this.#state.bytes; }
  set content(content: Uint8Array | string | null) {
    this.#state.write((mostBytes) => bytesFrom("websocket.content", content, mostBytes, true));
  }
  /** The content as UTF-8. */
  get text(): string { return decodeUtf8(this.#state.bytes) ?? ""; }
  set text(text: string) {
    if (typeof text !== "string") throw refuse("websocket.content", "message.text must be a string");
    this.#state.write((mostBytes) => {
      checkSize(text.length, mostBytes);
      return encodeUtf8(text);
    });
  }
  /** It is not sent on. Later addons still see it. */
  drop(): void {
    this.#state.drop();
  }
}
expose(WebSocketMessage, "WebSocketMessage");

interface Injection { readonly toClient: boolean; readonly isText: boolean; readonly content: Uint8Array }

/** What one call puts in; nothing of it is kept. */
class InjectionState implements Draftable {
  writer: Call | null = null;
  readonly #owner: Owner;
  #list = bareArray<Injection>();
  constructor(owner: Owner) {
    this.#owner = owner;
  }

  add(toClient: boolean, data: unknown): void {
    if (typeof toClient !== "boolean") throw refuse("websocket.inject", "inject(toClient, data): toClient must be true or false");
    const content = bytesFrom("websocket.inject", data, this.#owner.call?.mutationBytes ?? Infinity, true);
    beginWrite(this.#owner, this, "websocket", "websocket.inject");
    if (this.#list.length >= mostInjections) throw refuse("websocket.inject", `one call may put in ${mostInjections} messages at most`);
    this.#list[this.#list.length] = { toClient, isText: typeof data === "string", content };
  }

  save(): void {
    this.#list = bareArray<Injection>();
  }
  collect(changes: Changes): void {
    if (this.#list.length === 0) return;
    let json = "";
    for (let index = 0; index < this.#list.length; index++) {
      const { toClient, isText, content } = this.#list[index]!;
      json += `${index === 0 ? "" : ","}{"toClient":${toClient ? "true" : "false"},"type":"${isText ? "text" : "binary"}","content":${changes.attach(content)}}`;
    }
    changes.add("websocket.inject", `[${json}]`);
  }
  commit(): void {
    this.#list = bareArray<Injection>();
  }
  revert(): void {
    this.#list = bareArray<Injection>();
  }
}

export class WebSocketState {
  readonly given = new ViewState<WebSocketView>();
  readonly injections: InjectionState;
  readonly #owner: Owner;
  readonly #history = new MessageHistory<WebSocketMessage>();
  #newest: WebSocketMessageState | null = null;
  #face: WebSocketData | null = null;

  constructor(owner: Owner) {
    this.#owner = owner;
    this.injections = new InjectionState(owner);
  }

  accept(text: string): void {
    this.given.accept(text);
  }
  acceptMessage(text: string, attachments: Attachments): void {
    const view: WebSocketMessageView = jsonParse(text);
    const content = attachedBytes(attachments, view.content);
    if (this.#newest !== null && this.#newest.view.index === view.index) return this.#newest.assume(view, content);
    if (this.#newest !== null) this.#newest.isNewest = false;
    this.#newest = new WebSocketMessageState(this.#owner, view, content);
    this.#history.add(new WebSocketMessage(this.#newest), content === null ? 0 : byteLengthOf(content));
  }

  /** The newest message as an addon before this one left it. */
  assumeContent(content: Uint8Array): void {
    if (this.#newest !== null) this.#newest.content = content;
  }
  assumeDropped(): void {
    if (this.#newest !== null) this.#newest.isDropped = true;
  }

  get messages(): readonly WebSocketMessage[] {
    return this.#history.messages;
  }
  get face(): WebSocketData {
    return (this.#face ??= new WebSocketData(this));
  }
}

/** What follows a WebSocket's handshake. The same object in all events of its flow. */
export class WebSocketData {
  readonly #state: WebSocketState;
  /** Made by the proxy only. */
  constructor(state: WebSocketState) {
    this.#state = state;
  }
  /** Newest last; older ones up to a bounded history. */
  get messages(): readonly WebSocketMessage[] { return this.#state.messages; }
  /** As in the first close frame; 1005: it had no code, 1006: the connection ended without one; `null` while it is open. */
  get closeCode(): number | null { return this.#state.given.view.closeCode; }
  /** What the first close frame said; `null` while it is open. */
  get closeReason(): string | null { return this.#state.given.view.closeReason; }
  /** Who closed first; `null` while it is open. */
  get closedByClient(): boolean | null { return this.#state.given.view.closedByClient; }
  /** Seconds since the epoch; `null` while it is open. */
  get timestampEnd(): number | null { return this.#state.given.view.timestampEnd; }
  /** Sends a message of the addon's own, after the newest one: a string as text, bytes as binary. In `websocket_start` and `websocket_message`. */
  inject(toClient: boolean, data: string | Uint8Array | ArrayBuffer): void {
    this.#state.injections.add(toClient, data);
  }
}
expose(WebSocketData, "WebSocketData");
