// The event table: every event an addon can handle, what object it gets, whether traffic waits for it, and which parts of
// that object it shows and lets change. Pure data (spec: events.md). A new event is one row here; mapped types elsewhere
// make the compiler name every file that must learn of it. This file decides nothing at run time.

/** What a handler receives as its first argument. */
export type EventObject = "none" | "options" | "log-entry" | "root-layer" | "layer" | "server-connection" | "http-flow" | "tcp-flow";

/** `held`: the flow waits for the answer. `told`: a notice; never delays traffic and its answer is discarded. */
export type EventKind = "held" | "told";

/** Where an event belongs; lifecycle events concern the addon itself and no traffic. */
export type EventSubject = "lifecycle" | "connection" | "http" | "websocket" | "tcp";

export interface EventRow {
  /** Other mitmproxy versions' names of the same handler (events.md §7). */
  readonly aliases: readonly string[];
  readonly object: EventObject;
  readonly kind: EventKind;
  readonly subject: EventSubject;
  /** Read permissions of which at least one must be granted for the event to be delivered; empty: always delivered. */
  readonly about: readonly ReadPermission[];
  /** Whether bodies collected so far travel with the event, and which. */
  readonly bodies: readonly ("request" | "response")[];
  /** Changes are addressed by prefix (`schema/changes.ts`); anything not listed fails the call. */
  readonly mayChange: readonly ChangePrefix[];
}

export type ReadPermission = "request" | "request.body" | "response" | "response.body" | "websocket" | "tcp" | "connection";

/** First word of a change address; see `schema/changes.ts`. */
export type ChangePrefix = "request" | "response" | "websocket" | "flow" | "server" | "client" | "layer" | "message" | "stream";

const row = <const R extends EventRow>(value: R): R => value;

export const eventTable = {
  start: row({ aliases: ["running", "load"], object: "none", kind: "held", subject: "lifecycle", about: [], bodies: [], mayChange: [] }),
  configure: row({ aliases: [], object: "options", kind: "held", subject: "lifecycle", about: [], bodies: [], mayChange: [] }),
  tick: row({ aliases: [], object: "none", kind: "told", subject: "lifecycle", about: [], bodies: [], mayChange: [] }),
  log: row({ aliases: ["add_log"], object: "log-entry", kind: "told", subject: "lifecycle", about: [], bodies: [], mayChange: [] }),
  done: row({ aliases: [], object: "none", kind: "held", subject: "lifecycle", about: [], bodies: [], mayChange: [] }),

  clientconnect: row({ aliases: ["client_connected"], object: "root-layer", kind: "held", subject: "connection", about: ["connection"], bodies: [], mayChange: ["client", "server"] }),
  clientdisconnect: row({ aliases: ["client_disconnected"], object: "root-layer", kind: "told", subject: "connection", about: ["connection"], bodies: [], mayChange: [] }),
  next_layer: row({ aliases: [], object: "layer", kind: "held", subject: "connection", about: ["connection"], bodies: [], mayChange: ["layer"] }),
  serverconnect: row({ aliases: ["server_connect"], object: "server-connection", kind: "held", subject: "connection", about: ["connection"], bodies: [], mayChange: ["server"] }),
  serverdisconnect: row({ aliases: ["server_disconnected"], object: "server-connection", kind: "told", subject: "connection", about: ["connection"], bodies: [], mayChange: [] }),

  http_connect: row({ aliases: [], object: "http-flow", kind: "held", subject: "http", about: ["request", "connection"], bodies: [], mayChange: ["request", "response", "flow"] }),
  requestheaders: row({ aliases: [], object: "http-flow", kind: "held", subject: "http", about: ["request"], bodies: [], mayChange: ["request", "response", "flow"] }),
  request: row({ aliases: [], object: "http-flow", kind: "held", subject: "http", about: ["request", "request.body"], bodies: ["request"], mayChange: ["request", "response", "flow"] }),
  websockets_handshake: row({ aliases: ["websocket_handshake"], object: "http-flow", kind: "held", subject: "http", about: ["request", "websocket"], bodies: ["request"], mayChange: ["request", "response", "flow"] }),
  responseheaders: row({ aliases: [], object: "http-flow", kind: "held", subject: "http", about: ["response"], bodies: ["request"], mayChange: ["response", "flow"] }),
  response: row({ aliases: [], object: "http-flow", kind: "held", subject: "http", about: ["response", "response.body"], bodies: ["request", "response"], mayChange: ["response", "flow"] }),
  error: row({ aliases: [], object: "http-flow", kind: "held", subject: "http", about: ["request", "response"], bodies: ["request"], mayChange: ["response", "flow"] }),

  websocket_start: row({ aliases: [], object: "http-flow", kind: "held", subject: "websocket", about: ["websocket"], bodies: [], mayChange: ["websocket", "flow"] }),
  websocket_message: row({ aliases: [], object: "http-flow", kind: "held", subject: "websocket", about: ["websocket"], bodies: [], mayChange: ["websocket", "flow"] }),
  websocket_end: row({ aliases: [], object: "http-flow", kind: "told", subject: "websocket", about: ["websocket"], bodies: [], mayChange: [] }),

  tcp_start: row({ aliases: [], object: "tcp-flow", kind: "held", subject: "tcp", about: ["tcp"], bodies: [], mayChange: ["flow"] }),
  tcp_message: row({ aliases: [], object: "tcp-flow", kind: "held", subject: "tcp", about: ["tcp"], bodies: [], mayChange: ["message", "flow"] }),
  tcp_error: row({ aliases: [], object: "tcp-flow", kind: "told", subject: "tcp", about: ["tcp"], bodies: [], mayChange: [] }),
  tcp_end: row({ aliases: [], object: "tcp-flow", kind: "told", subject: "tcp", about: ["tcp"], bodies: [], mayChange: [] }),
} as const satisfies Record<string, EventRow>;

export type EventName = keyof typeof eventTable;
export type HeldEvent = { [E in EventName]: (typeof eventTable)[E]["kind"] extends "held" ? E : never }[EventName];
export type ToldEvent = Exclude<EventName, HeldEvent>;
export type EventsWith<O extends EventObject> = { [E in EventName]: (typeof eventTable)[E]["object"] extends O ? E : never }[EventName];
type EventsAbout<S extends EventSubject> = { [E in EventName]: (typeof eventTable)[E]["subject"] extends S ? E : never }[EventName];
/** Events of an exchange; those of the WebSocket that may follow it are apart. */
export type HttpEventName = EventsAbout<"http">;
export type WebSocketEventName = EventsAbout<"websocket">;
export type TcpEventName = EventsAbout<"tcp">;
export type LifecycleEvent = EventsAbout<"lifecycle">;
export type TrafficEvent = Exclude<EventName, LifecycleEvent>;

export const eventNames: readonly EventName[] = Object.keys(eventTable).filter(isEventName);

/** Whether `name` is a canonical event name (aliases are not). */
export function isEventName(name: string): name is EventName {
  return Object.hasOwn(eventTable, name);
}

const canonicalByName: ReadonlyMap<string, EventName> = new Map(
  eventNames.flatMap((name): [string, EventName][] => [[name, name], ...eventTable[name].aliases.map((alias): [string, EventName] => [alias, name])]),
);

/** The canonical event for a handler name or one of its aliases; `undefined` for any other word. */
export function canonicalEvent(name: string): EventName | undefined {
  return canonicalByName.get(name);
}
