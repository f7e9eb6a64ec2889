// Every intended difference between what Debian's mitmproxy (8.1.1) tells its addons and what Flowcell does, as a table: why it is so, and how
// mitmproxy's events of one scenario become Flowcell's. docs/parity.md explains the same rows. A row that changes nothing is stale.
import type { Recorded } from "./recordings.ts";

export interface Difference {
  readonly why: string;
  /** The events as Flowcell would have told them, as far as this row goes. */
  readonly apply: (events: readonly Recorded[]) => readonly Recorded[];
}

interface HttpRecorded extends Recorded {
  readonly request: { readonly [name: string]: unknown };
  readonly response: { readonly headers: readonly (readonly [string, string])[] } | null;
  readonly server: { readonly address: unknown; readonly tls: boolean };
}

const isHttp = (event: Recorded): event is HttpRecorded => "request" in event;
const placeOf = ({ request }: HttpRecorded): string => `${String(request["host"])}:${String(request["port"])}`;
const eachHttp = (change: (event: HttpRecorded, events: readonly Recorded[]) => Recorded) => (events: readonly Recorded[]): readonly Recorded[] => events.map((event) => (isHttp(event) ? change(event, events) : event));
const hasTunnel = (events: readonly Recorded[]): boolean => events.some(({ event }) => event === "http_connect");
const request = (event: HttpRecorded, changes: { readonly [name: string]: unknown }): Recorded => ({ ...event, request: { ...event.request, ...changes } });

export const differences: Readonly<Record<string, Difference>> = {
  "next-layer-once": {
    why: "mitmproxy asks next_layer for the whole connection before its first byte, too; Flowcell asks when there is something to choose by",
    apply: (events) => events.filter(({ event, first }) => event !== "next_layer" || first !== ""),
  },
  "no-server-connected": {
    why: "server_connected is not on the source page; serverConn.timestampTcpSetup says the same in every later event",
    apply: (events) => events.filter(({ event }) => event !== "server_connected"),
  },
  "server-leaves-first": {
    why: "clientdisconnect is the last event of a connection; mitmproxy tells it before the servers' ends that it causes",
    apply: (events) => [...events.filter(({ event }) => event !== "clientdisconnect"), ...events.filter(({ event }) => event === "clientdisconnect")],
  },
  "authority-as-written": {
    why: "request.authority is what the client wrote in an absolute-form target; mitmproxy keeps it for CONNECT and HTTP/2 alone",
    apply: eachHttp((event, events) => (event.request["authority"] === "" && !hasTunnel(events) ? request(event, { authority: placeOf(event) }) : event)),
  },
  "server-address-known": {
    why: "flow.serverConn.address is where the request will go, as soon as that is known; mitmproxy has none until it connects",
    apply: eachHttp((event) => (event.server.address === null ? { ...event, server: { ...event.server, address: [event.request["host"], event.request["port"]] } } : event)),
  },
  "server-when-needed": {
    why: "after CONNECT mitmproxy connects at once; Flowcell when somebody needs the server: for the client's handshake if that depends on it, else for the first request",
    apply(events) {
      const connect = events.find(({ event }) => event === "serverconnect");
      if (!hasTunnel(events) || connect === undefined) return events;
      const before = events.filter((event) => event !== connect).map((event) => (isHttp(event) && /^request/.test(event.event) ? { ...event, server: { ...event.server, tls: false } } : event));
      const at = before.findIndex(({ event }) => event === "request" || event === "tcp_start");
      return before.toSpliced(before[at]?.event === "request" ? at + 1 : at, 0, connect);
    },
  },
  "connect-has-a-scheme": {
    why: "scheme and url of a CONNECT are never empty",
    apply: eachHttp((event) => (event.event === "http_connect" ? request(event, { scheme: "http", url: `http://${placeOf(event)}`, prettyUrl: `http://${placeOf(event)}` }) : event)),
  },
  "words-of-errors": {
    why: "error texts are sentences for people, not Python's; a kill is told without a full stop, as the specification has it",
    apply: eachHttp((event) => {
      if (event["error"] === "Connection killed.") return { ...event, error: "Connection killed" };
      return typeof event["error"] === "string" && event["error"].includes("Connect call failed") ? { ...event, error: `${placeOf(event)} refused the connection (ECONNREFUSED).` } : event;
    }),
  },
  "host-owns-framing": {
    why: "a response that an addon makes has no Content-Length of its own: the host frames it when it goes out",
    apply: eachHttp((event) => {
      const { response } = event;
      if (response === null || !response.headers.some(([name]) => name === "X-Own")) return event;
      return { ...event, response: { ...response, headers: response.headers.filter(([name]) => name.toLowerCase() !== "content-length") } };
    }),
  },
  "websockets-handshake": {
    why: "websockets_handshake is on the source page, and gone from mitmproxy since 7",
    apply(events) {
      if (!events.some(({ event }) => event === "websocket_start")) return events;
      return events.flatMap((event) => (event.event === "request" ? [event, { ...event, event: "websockets_handshake" }] : [event]));
    },
  },
};
