// The objects that events are about, by key: one face for one flow, root layer or server connection as long as it lives, so that
// an addon meets the same object again (events.md §1.5). Takes their parts, forgets them when the host says so.
import { eventTable, type EventObject } from "../schema/events.ts";
import type { CallName, ClientView, PartName } from "../schema/view.ts";
import type { Attachments } from "./body.ts";
import { ClientConnection, Layer, LayerState, RootLayer, RootState, ServerConnection, ServerState, ViewState } from "./connection.ts";
import { Owner } from "./draft.ts";
import type { FlowState } from "./flow-state.ts";
import { HttpFlowState } from "./http-flow.ts";
import { RealMap, charCodeAt, jsonParse, mapDelete, mapGet, mapSet } from "./intrinsics.ts";
import { applyPatch, type Patchable } from "./patch.ts";
import { TcpFlowState } from "./tcp-flow.ts";

/** An object of events: what the handler gets, and where its parts go. */
export interface EventSubjectState extends Patchable {
  readonly owner: Owner;
  readonly face: object;
  accept(part: PartName, text: string, attachments: Attachments): void;
}

class HttpSubject implements EventSubjectState {
  readonly owner: Owner;
  readonly http: HttpFlowState;
  readonly assumeContent = null;
  readonly assumeKilled = null;
  constructor(key: number, resumeOutside: () => void) {
    this.owner = new Owner(false, resumeOutside, key);
    this.http = new HttpFlowState(this.owner);
  }
  get flow(): FlowState {
    return this.http.flow;
  }
  get server(): ServerState {
    return this.http.server;
  }
  get face(): object {
    return this.http.face;
  }
  accept(part: PartName, text: string, attachments: Attachments): void {
    if (part === "patch") applyPatch(this, jsonParse(text), attachments);
    else this.http.accept(part, text, attachments);
  }
}

class TcpSubject implements EventSubjectState {
  readonly owner: Owner;
  readonly http = null;
  readonly #state: TcpFlowState;
  readonly assumeContent = (content: Uint8Array): void => this.#state.assumeContent(content);
  readonly assumeKilled = null;
  constructor(resumeOutside: () => void) {
    this.owner = new Owner(false, resumeOutside);
    this.#state = new TcpFlowState(this.owner);
  }
  get flow(): FlowState {
    return this.#state.flow;
  }
  get server(): ServerState {
    return this.#state.server;
  }
  get face(): object {
    return this.#state.face;
  }
  accept(part: PartName, text: string, attachments: Attachments): void {
    if (part === "patch") applyPatch(this, jsonParse(text), attachments);
    else this.#state.accept(part, text, attachments);
  }
}

/** Root layer, layer and server connection: two connections and what is particular. */
class ConnectionSubject implements EventSubjectState {
  readonly owner = new Owner(false);
  readonly http = null;
  readonly flow = null;
  readonly server = new ServerState(this.owner);
  readonly #client = new ViewState<ClientView>();
  readonly #root = new RootState(this.owner);
  readonly #layer = new LayerState();
  readonly face: object;
  readonly assumeContent = null;
  readonly assumeKilled = (): void => this.#root.assumeKilled();

  constructor(kind: "root-layer" | "layer" | "server-connection") {
    const server = new ServerConnection(this.server);
    if (kind === "server-connection") this.face = server;
    else if (kind === "layer") this.face = new Layer(this.#layer, new ClientConnection(this.#client), server);
    else this.face = new RootLayer(this.#root, new ClientConnection(this.#client), server);
  }
  accept(part: PartName, text: string, attachments: Attachments): void {
    switch (part) {
      case "client": return this.#client.accept(text);
      case "server": return this.server.accept(text);
      case "root": return this.#root.given.accept(text);
      case "layer": return this.#layer.acceptLayer(text, attachments);
      case "patch": return applyPatch(this, jsonParse(text), attachments);
      default: return;
    }
  }
}

function newSubject(kind: EventObject, key: number, resumeOutside: () => void): EventSubjectState | null {
  switch (kind) {
    case "http-flow": return new HttpSubject(key, resumeOutside);
    case "tcp-flow": return new TcpSubject(resumeOutside);
    case "root-layer": case "layer": case "server-connection": return new ConnectionSubject(kind);
    default: return null;
  }
}

export class Objects {
  readonly #byKey = new RealMap<number, EventSubjectState>();
  readonly #resume: (key: number) => void;

  /** `resume` tells the host that an intercepted flow may go on. */
  constructor(resume: (key: number) => void) {
    this.#resume = resume;
  }

  /** The object of an event; made when its key is new. `null` for events that are about none. */
  find(event: CallName, key: number): EventSubjectState | null {
    const known = key === 0 ? undefined : mapGet(this.#byKey, key);
    if (known !== undefined) return known;
    const made = event === "stream" ? null : newSubject(eventTable[event].object, key, () => this.#resume(key));
    if (made !== null && key !== 0) mapSet(this.#byKey, key, made);
    return made;
  }

  /** `keys`: comma-separated numbers, or "". */
  release(keys: string): void {
    for (let at = 0, key = 0; at <= keys.length && keys !== ""; at++) {
      const digit = at < keys.length ? charCodeAt(keys, at) - 48 : -1;
      if (digit >= 0 && digit <= 9) key = key * 10 + digit;
      else {
        mapDelete(this.#byKey, key);
        key = 0;
      }
    }
  }
}

