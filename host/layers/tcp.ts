// Raw TCP with events: one flow per connection, one message for what is there to be read, half-close kept. Without addons that care it is a plain relay
// that makes no messages.
import { eventTable, type TcpEventName } from "../../sandbox-api/schema/events.ts";
import { nowSeconds } from "../exchange/context.ts";
import type { ServerLink } from "../exchange/server-link.ts";
import type { ServerConnection, TcpFlow } from "../flows/flow.ts";
import { cutBoth, relay, relayTimes, type ChunkHook, type RelayEnd } from "../net/relay.ts";
import { openWatched } from "./first-speaker.ts";
import { end, targetOf, type LayerScope, type Link, type Next } from "./layer-scope.ts";

const tcpEvents = ["tcp_start", "tcp_message", "tcp_error", "tcp_end"] as const satisfies readonly (TcpEventName & keyof typeof eventTable)[];

/** Needs a destination. Ends when both sides have, or an addon killed the flow. */
export async function tcpLayer(scope: LayerScope, link: Link): Promise<Next> {
  const { destination } = link;
  if (destination === null) return end;
  const { gate, log } = scope.context;
  const target = targetOf(link, destination);
  const record = scope.upstreams.recordFor(target);
  const opened = scope.upstreams.takeUnspoken(target) ?? (await openWatched(scope, link, target));
  const isWanted = tcpEvents.some((event) => gate.wants(event, destination.host));
  const flow = isWanted ? newTcpFlow(scope, record) : null;
  if (flow !== null) await start(scope, flow);
  if ("cause" in opened) {
    log.info(opened.message, { event: "tcp", host: destination.host, port: destination.port });
    if (flow !== null) finish(scope, flow, opened.message);
    link.duplex.reset();
    return end;
  }
  const server = opened;
  const result = await carry(scope, link, server, flow);
  const isBroken = result.kind === "broken" || (result.kind === "stopped" && flow !== null && flow.refusal !== null);
  if (result.kind !== "ended") cutBoth(link.duplex, server.duplex);
  if (flow !== null) finish(scope, flow, isBroken ? brokenMessage(result, flow) : null);
  server.close(result.kind === "ended");
  return end;
}

async function start(scope: LayerScope, flow: TcpFlow): Promise<void> {
  const held = scope.context.gate.held("tcp_start", flow);
  if (held !== null) await held;
}

async function carry(scope: LayerScope, link: Link, server: ServerLink, flow: TcpFlow | null): Promise<RelayEnd> {
  const { waker, alarm, context } = scope;
  const stopped: RelayEnd = { kind: "stopped", error: null, isFromClient: true };
  if (flow !== null && isStopped(flow)) return stopped;
  const options = { waker, alarm, ...relayTimes(context.timeouts), isOver: () => alarm.hasPassed };
  const isShown = flow !== null && context.gate.wants("tcp_message", link.destination?.host ?? null);
  return relay(link.duplex, server.duplex, isShown ? { ...options, hook: messageHook(scope, flow) } : options);
}

function messageHook(scope: LayerScope, flow: TcpFlow): ChunkHook {
  return (content, fromClient) => {
    flow.message = { fromClient, content, timestamp: nowSeconds() };
    const held = scope.context.gate.held("tcp_message", flow);
    if (held === null) return content;
    return held.then(() => (isStopped(flow) ? null : flow.message?.content ?? content));
  };
}

const isStopped = (flow: TcpFlow): boolean => flow.killedBy !== null || flow.refusal !== null;

function brokenMessage(result: RelayEnd, flow: TcpFlow): string {
  if (flow.refusal !== null) return `The addon "${flow.refusal.addon}" failed in ${flow.refusal.event}: ${flow.refusal.fault.message}`;
  const side = result.isFromClient ? "client" : "server";
  return `The ${side}'s connection broke${result.error === null ? "" : ` (${result.error.message})`}.`;
}

function finish({ context }: LayerScope, flow: TcpFlow, error: string | null): void {
  flow.live = false;
  flow.version++;
  if (error !== null) {
    flow.error ??= { msg: error, timestamp: nowSeconds() };
    context.gate.tell("tcp_error", flow);
  }
  context.gate.tell("tcp_end", flow);
  context.gate.release(flow);
}

function newTcpFlow(scope: LayerScope, server: ServerConnection): TcpFlow {
  const key = scope.context.keys.next();
  return {
    kind: "tcp", key, id: scope.context.keys.idOf(key), client: scope.client, server, error: null, live: true, killedBy: null,
    intercepted: false, marked: "", comment: "", timestampCreated: nowSeconds(), refusal: null, history: [], version: 0, message: null,
  };
}
