// `TCPFlow` and its messages, and their state. Messages stay readable up to a bounded history; only the newest can be changed, and
// only while its event runs.
import type { ClientView, MessageView, PartName } from "../schema/view.ts";
import { attachedBytes, bytesFrom, type Attachments } from "./body.ts";
import { encodeUtf8, decodeUtf8 } from "./byte-string.ts";
import { ClientConnection, ServerConnection, ServerState, ViewState } from "./connection.ts";
import { beginWrite, checkSize, type Call, type Changes, type Draftable, type Owner } from "./draft.ts";
import { FlowState, type FlowError } from "./flow-state.ts";
import { RealUint8Array, byteLengthOf, expose, isObject, jsonParse } from "./intrinsics.ts";
import { MessageHistory } from "./message-history.ts";
import { refuse } from "./thrown.ts";

export class TcpMessageState implements Draftable {
  writer: Call | null = null;
  readonly owner: Owner;
  readonly view: MessageView;
  content: Uint8Array;
  isNewest = true;
  #saved: Uint8Array | null = null;
  constructor(owner: Owner, view: MessageView, content: Uint8Array) {
    this.owner = owner;
    this.view = view;
    this.content = content;
  }
  write(field: string, make: (mostBytes: number) => Uint8Array): void {
    if (!this.isNewest) throw refuse(field, "only the newest message can be changed");
    const content = make(this.owner.call?.mutationBytes ?? Infinity);
    beginWrite(this.owner, this, "message", "message.content");
    this.content = content;
  }
  save(): void {
    this.#saved = this.content;
  }
  collect(changes: Changes): void {
    if (this.content !== this.#saved) changes.add("message.content", `${changes.attach(this.content)}`);
  }
  commit(): void {
    this.#saved = null;
  }
  revert(): void {
    if (this.#saved !== null) this.content = this.#saved;
    this.#saved = null;
  }
}

/** What was there to be read from a TCP connection: TCP keeps no borders, and what comes while an event is under way is in the next one (128 KiB at most). */
export class TCPMessage {
  readonly #state: TcpMessageState;
  constructor(state: TcpMessageState) {
    this.#state = state;
  }
  /** Who sent it. */
  get fromClient(): boolean { return this.#state.view.fromClient; }
  /** When it came, in seconds since the epoch. */
  get timestamp(): number { return this.#state.view.timestamp; }
  /** Empty sends nothing. The array is this addon's own: assign to change. A string is written as UTF-8. */
  get content(): Uint8Array { return this.#state.content; }
  set content(content: Uint8Array | string | null) {
    this.#state.write("message.content", (mostBytes) => bytesFrom("message.content", content, mostBytes, true));
  }
  /** The content as UTF-8; other bytes survive a round trip. */
  get text(): string { return decodeUtf8(this.#state.content) ?? ""; }
  set text(text: string) {
    if (typeof text !== "string") throw refuse("message.content", "message.text must be a string");
    this.#state.write("message.content", (mostBytes) => {
      checkSize(text.length, mostBytes);
      return encodeUtf8(text);
    });
  }
}
expose(TCPMessage, "TCPMessage");

export class TcpFlowState {
  readonly owner: Owner;
  readonly flow: FlowState;
  readonly server: ServerState;
  readonly client = new ViewState<ClientView>();
  #newest: TcpMessageState | null = null;
  readonly #history = new MessageHistory<TCPMessage>();
  #face: TCPFlow | null = null;

  constructor(owner: Owner) {
    this.owner = owner;
    this.flow = new FlowState(owner);
    this.server = new ServerState(owner);
  }

  accept(part: PartName, text: string, attachments: Attachments): void {
    switch (part) {
      case "flow": return this.flow.accept(text);
      case "client": return this.client.accept(text);
      case "server": return this.server.accept(text);
      case "message": return this.#acceptMessage(jsonParse(text), attachments);
      default: return;
    }
  }

  #acceptMessage(view: MessageView, attachments: Attachments): void {
    if (this.#newest !== null) this.#newest.isNewest = false;
    const state = new TcpMessageState(this.owner, view, attachedBytes(attachments, view.content) ?? new RealUint8Array(0));
    this.#newest = state;
    this.#history.add(new TCPMessage(state), byteLengthOf(state.content));
  }

  /** The newest message as an addon before this one left it. */
  assumeContent(content: Uint8Array): void {
    if (this.#newest !== null) this.#newest.content = content;
  }

  get messages(): readonly TCPMessage[] {
    return this.#history.messages;
  }
  get face(): TCPFlow {
    return (this.#face ??= new TCPFlow(this));
  }
}

/** How the rest of the guest reaches the private state of a flow; the class fills it in, addon code never sees it. */
const door: { stateOf: (value: unknown) => TcpFlowState | null } = { stateOf: () => null };
/** The state behind a TCPFlow; `null` for whatever is none. */
export const tcpFlowState = (value: unknown): TcpFlowState | null => door.stateOf(value);

/** One raw TCP connection. The same object in all its events. */
export class TCPFlow {
  readonly #state: TcpFlowState;
  #client: ClientConnection | null = null;
  #server: ServerConnection | null = null;
  #metadata: { [key: string]: unknown } | null = null;

  /** Made by the proxy only. */
  constructor(state: TcpFlowState) {
    this.#state = state;
  }

  static {
    door.stateOf = (value) => (isObject(value) && #state in value ? value.#state : null);
  }

  /** Of this flow alone; the same in all its events and in saved flows. */
  get id(): string { return this.#state.flow.view.id; }
  /** What kind of flow it is. */
  get type(): "tcp" { return "tcp"; }
  /** Newest last; older ones up to a bounded history. */
  get messages(): readonly TCPMessage[] { return this.#state.messages; }
  /** The client's connection. Without `read: ["connection"]` its attributes throw a TypeError. */
  get clientConn(): ClientConnection {
    return (this.#client ??= new ClientConnection(this.#state.client));
  }
  /** The server's connection. Without `read: ["connection"]` its attributes throw a TypeError. */
  get serverConn(): ServerConnection {
    return (this.#server ??= new ServerConnection(this.#state.server));
  }
  /** The addon's own notes about the flow; never leaves the isolate. */
  get metadata(): { [key: string]: unknown } {
    return (this.#metadata ??= {});
  }
  /** Why the connection broke; `null` while it has not. */
  get error(): FlowError | null { return this.#state.flow.values.error; }
  /** False once it has ended or was killed. */
  get live(): boolean { return this.#state.flow.values.live; }
  /** Whether it waits after this event. */
  get intercepted(): boolean { return this.#state.flow.values.intercepted; }
  /** A mark for the operator, kept in saved flows; `""`: none. */
  get marked(): string { return this.#state.flow.values.marked; }
  set marked(text: string) {
    this.#state.flow.mark(text);
  }
  /** A note on the flow for the operator, kept in saved flows. */
  get comment(): string { return this.#state.flow.values.comment; }
  set comment(text: string) {
    this.#state.flow.note(text);
  }
  /** When the flow began, in seconds since the epoch. */
  get timestampCreated(): number { return this.#state.flow.view.timestampCreated; }
  /** Closes both sides. */
  kill(): void {
    this.#state.flow.kill();
  }
  /** The flow waits after this event until `resume`, the operator or the deadline (limit `interceptMs`). */
  intercept(): void {
    this.#state.flow.intercept();
  }
  /** Lets an intercepted flow go on; also outside its events, from a timer. */
  resume(): void {
    this.#state.flow.resume();
  }
}
expose(TCPFlow, "TCPFlow");
