// `HTTPFlow`: one exchange as addons see it, and its state. The state takes parts as they come, gives the faces of request and
// response on demand, and records a replaced response.
import type { PartName } from "../schema/view.ts";
import type { Attachments } from "./body.ts";
import { ClientConnection, ServerConnection, ServerState, ViewState } from "./connection.ts";
import { beginWrite, Owner, type Call, type Changes, type Draftable } from "./draft.ts";
import { FlowState, type FlowError } from "./flow-state.ts";
import { RequestState, Request } from "./request.ts";
import { Response, responseState, ResponseState } from "./response.ts";
import { expose, isObject } from "./intrinsics.ts";
import { refuse } from "./thrown.ts";
import type { ClientView } from "../schema/view.ts";
import { WebSocketState, type WebSocketData } from "./websocket.ts";

export class HttpFlowState implements Draftable {
  writer: Call | null = null;
  readonly owner: Owner;
  readonly request: RequestState;
  // PERF: most handlers touch the messages only; the rest is made when it is asked for (bench/isolate-entry).
  #flowText = "";
  #flow: FlowState | null = null;
  #server: ServerState | null = null;
  #client: ViewState<ClientView> | null = null;
  #webSocket: WebSocketState | null = null;
  #response: ResponseState | null = null;
  #face: HTTPFlow | null = null;
  #responseFace: Response | null = null;
  #saved: { readonly response: ResponseState | null; readonly face: Response | null } | null = null;

  constructor(owner: Owner) {
    this.owner = owner;
    this.request = new RequestState(owner, "request");
  }

  get flow(): FlowState {
    if (this.#flow !== null) return this.#flow;
    const flow = new FlowState(this.owner);
    if (this.#flowText !== "") flow.accept(this.#flowText);
    return (this.#flow = flow);
  }
  get server(): ServerState {
    return (this.#server ??= new ServerState(this.owner));
  }
  get client(): ViewState<ClientView> {
    return (this.#client ??= new ViewState<ClientView>());
  }

  accept(part: PartName, text: string, attachments: Attachments): void {
    switch (part) {
      case "flow":
        this.#flowText = text;
        return this.#flow?.accept(text);
      case "client": return this.client.accept(text);
      case "server": return this.server.accept(text);
      case "request": return this.request.acceptHead(text);
      case "request.trailers": return this.request.acceptTrailers(text);
      case "request.body": return this.request.acceptBody(text, attachments);
      case "response": return this.#ownResponse().acceptHead(text);
      case "response.trailers": return this.#response?.acceptTrailers(text);
      case "response.body": return this.#ownResponse().acceptBody(text, attachments);
      case "websocket": return (this.#webSocket ??= new WebSocketState(this.owner)).accept(text);
      case "message": return this.#webSocket?.acceptMessage(text, attachments);
      default: return;
    }
  }

  #ownResponse(): ResponseState {
    return (this.#response ??= new ResponseState(this.owner, "response"));
  }

  get face(): HTTPFlow {
    return (this.#face ??= new HTTPFlow(this));
  }
  get webSocket(): WebSocketState | null {
    return this.#webSocket;
  }
  get response(): ResponseState | null {
    return this.#response;
  }
  get responseFace(): Response | null {
    if (this.#response === null) return null;
    return (this.#responseFace ??= new Response(this.#response));
  }

  /** An addon's response takes the place; while the call runs it is this very object, so later edits of it count. */
  replaceResponse(value: unknown): void {
    const state = responseState(value);
    if (state === null || !(value instanceof Response)) throw refuse("flow.response", "flow.response must be a Response, as Response.make gives it");
    if (state === this.#response) return;
    beginWrite(this.owner, this, "response", "flow.response");
    this.#response = state.owner.isDetached ? state : state.copyFor(new Owner(true), true);
    this.#responseFace = state.owner.isDetached ? value : null;
  }

  /** A response that an addon before this one made. */
  assumeResponse(state: ResponseState): void {
    this.#response = state;
    this.#responseFace = null;
  }

  save(): void {
    this.#saved = { response: this.#response, face: this.#responseFace };
  }
  collect(changes: Changes): void {
    if (this.#saved !== null && this.#response !== this.#saved.response) this.#response?.collectWhole(changes);
  }
  commit(): void {
    if (this.#response !== null && this.#response !== this.#saved?.response) {
      // The object stays the author's (it may be assigned to many flows); the flow goes on with a copy.
      this.#response = this.#response.copyFor(this.owner, false);
      this.#responseFace = null;
    }
    this.#saved = null;
  }
  revert(): void {
    if (this.#saved !== null) {
      this.#response = this.#saved.response;
      this.#responseFace = this.#saved.face;
    }
    this.#saved = null;
  }

  /** The same flow for nobody: may be changed at any time, and nothing comes of it. */
  copy(): HttpFlowState {
    const copy = new HttpFlowState(new Owner(true));
    copy.flow.assumeView(this.flow);
    copy.client.assumeView(this.client);
    copy.server.assumeView(this.server);
    copy.request.assume(this.request.knownHead?.copy() ?? null, this.request.knownList, this.request.trailers, this.request.body.settled());
    if (this.#response !== null) copy.assumeResponse(this.#response.copyFor(copy.owner, false));
    return copy;
  }
}

/** How the rest of the guest reaches the private state of a flow; the class fills it in, addon code never sees it. */
const door: { stateOf: (value: unknown) => HttpFlowState | null } = { stateOf: () => null };
/** The state behind an HTTPFlow; `null` for whatever is none. */
export const httpFlowState = (value: unknown): HttpFlowState | null => door.stateOf(value);

/** One HTTP exchange. The same object in all its events; whatever an addon keeps in `metadata` stays until the flow ends. */
export class HTTPFlow {
  readonly #state: HttpFlowState;
  #request: Request | null = null;
  #client: ClientConnection | null = null;
  #server: ServerConnection | null = null;
  #metadata: { [key: string]: unknown } | null = null;

  /** Made by the proxy only. */
  constructor(state: HttpFlowState) {
    this.#state = state;
  }

  static {
    door.stateOf = (value) => (isObject(value) && #state in value ? value.#state : null);
  }

  /** Of this flow alone; the same in all its events and in saved flows. */
  get id(): string { return this.#state.flow.view.id; }
  /** What kind of flow it is. */
  get type(): "http" { return "http"; }
  /** The request as it is now; what was not granted throws a TypeError where it is touched. */
  get request(): Request {
    return (this.#request ??= new Request(this.#state.request));
  }
  /** `null` until there is one. Assign a `Response.make(…)` to answer or replace; edits of it count until the handler ends. */
  get response(): Response | null {
    return this.#state.responseFace;
  }
  set response(response: Response) {
    this.#state.replaceResponse(response);
  }
  /** Why there is no valid response. */
  get error(): FlowError | null { return this.#state.flow.values.error; }
  /** The client's connection. Without `read: ["connection"]` its attributes throw a TypeError. */
  get clientConn(): ClientConnection {
    return (this.#client ??= new ClientConnection(this.#state.client));
  }
  /** The server's connection; its address is known before it is opened. Without `read: ["connection"]` its attributes throw a TypeError. */
  get serverConn(): ServerConnection {
    return (this.#server ??= new ServerConnection(this.#state.server));
  }
  /** The addon's own notes about the flow; never leaves the isolate. */
  get metadata(): { [key: string]: unknown } {
    return (this.#metadata ??= {});
  }
  /** False once it has ended or was killed. */
  get live(): boolean { return this.#state.flow.values.live; }
  /** Whether it waits after this event. */
  get intercepted(): boolean { return this.#state.flow.values.intercepted; }
  /** A mark for the operator's list; "" for none. */
  get marked(): string { return this.#state.flow.values.marked; }
  set marked(text: string) {
    this.#state.flow.mark(text);
  }
  /** A note on the flow for the operator, kept in saved flows. */
  get comment(): string { return this.#state.flow.values.comment; }
  set comment(text: string) {
    this.#state.flow.note(text);
  }
  /** `"request"`: an addon or the operator sent it again. */
  get isReplay(): "request" | "response" | null { return this.#state.flow.view.isReplay; }
  /** Seconds since the epoch. */
  get timestampCreated(): number { return this.#state.flow.view.timestampCreated; }
  /** Messages of the WebSocket that the flow has become; `null` until there is one, and in copies. */
  get websocket(): WebSocketData | null {
    return this.#state.webSocket?.face ?? null;
  }

  /** Ends the flow without another byte. */
  kill(): void {
    this.#state.flow.kill();
  }
  /** The flow waits after this event until `resume`, the operator or the deadline. */
  intercept(): void {
    this.#state.flow.intercept();
  }
  /** Lets an intercepted flow go on; also outside its events, from a timer. */
  resume(): void {
    this.#state.flow.resume();
  }
  /** A detached copy, free to change. */
  copy(): HTTPFlow {
    return this.#state.copy().face;
  }
}
expose(HTTPFlow, "HTTPFlow");
