// Sends a flow's request again: a flow of its own through an exchange like any other, with its own records of the client and of
// servers, no socket behind it, and nobody in front of it. Whether it may, and how often, is decided by who calls (addons/replays.ts).
import { lastingId } from "../net/keys.ts";
import type { ClientConnection, Via } from "../flows/connection.ts";
import type { HttpFlow } from "../flows/flow.ts";
import type { ReplayEnd } from "../flows/saved/client-replay.ts";
import type { BodyFraming } from "../http/body-framing.ts";
import type { HttpVersion, RequestHead } from "../http/http-event.ts";
import { Alarm, type TimeoutWheel } from "../net/timeouts.ts";
import { Waker } from "../net/waker.ts";
import { nowSeconds, type ClientScope, type ExchangeContext } from "./context.ts";
import { exchange } from "./exchange.ts";
import { newHttpFlow, type RequestPlace } from "./new-flow.ts";
import { ReplaySide } from "./replay-side.ts";
import { Upstreams } from "./upstreams.ts";

export interface RunningReplay {
  /** Resolves when the new flow has ended; never rejects. */
  readonly done: Promise<ReplayEnd>;
  /** Gives up, as if a client had left. */
  cut(): void;
}

const empty = Buffer.alloc(0);

/** Begins now, with the request as it is now. A body must be whole. `via`: the upstream proxy that it goes through. */
export function replayRequest(context: ExchangeContext, wheel: TimeoutWheel, original: HttpFlow, via: Via | null): RunningReplay {
  const { trailers, body } = original.request;
  const waker = new Waker();
  const side = new ReplaySide({ body: body.raw ?? empty, trailers: trailers?.clone() ?? null });
  const scope: ClientScope = { context, client: clientOf(context, original.client), waker, alarm: new Alarm(wheel, waker.wake), upstreams: new Upstreams(context, via) };
  const cut = (): void => {
    side.isGone = true;
    waker.wake();
  };
  return { done: run(scope, original, side), cut };
}

async function run(scope: ClientScope, original: HttpFlow, side: ReplaySide): Promise<ReplayEnd> {
  const { context, client, upstreams, alarm } = scope;
  const { scheme, host, port, path, authority } = original.request;
  const place: RequestPlace = { scheme, host, port, path, authority };
  const head = headOf(original);
  let replayed: ReplayEnd = { kind: "failed", message: "a bug in Flowcell ended it" };
  try {
    sameOffer(upstreams, original, head.version);
    const flow = newHttpFlow(scope, head, place, upstreams.recordFor(place), original.replayDepth + 1);
    // The head has to say how its body is framed now.
    flow.request.version++;
    const ended = await exchange(scope, flow, head, side);
    // Nobody is there to speak another protocol.
    if (ended.kind === "tunnel") ended.upstream.abandon();
    replayed = endOf(flow);
  } catch (error) {
    context.log.error("A bug in Flowcell ended one replay", { event: "invariant", client: client.id, error: error instanceof Error ? error.stack ?? error.message : String(error) });
  }
  alarm.dispose();
  upstreams.close();
  client.timestampEnd = nowSeconds();
  client.version++;
  return replayed;
}

function endOf({ response, error }: HttpFlow): ReplayEnd {
  if (error !== null) return { kind: "failed", message: error.msg };
  return response === null ? { kind: "failed", message: "no response came" } : { kind: "answered", status: response.statusCode };
}

/** What the server was offered under TLS, where it is still the same server. */
function sameOffer(upstreams: Upstreams, { server, request: { scheme, host, port } }: HttpFlow, version: HttpVersion): void {
  if (version === "2") upstreams.preferHttp2();
  const { address, sni } = server;
  if (sni === null || address?.host !== host || address.port !== port) return;
  upstreams.offer({ scheme, host, port }, { sni, alpnProtocols: version === "2" ? ["h2", "http/1.1"] : ["http/1.1"] });
}

function headOf({ request }: HttpFlow): RequestHead {
  const framing = framingOf(request);
  return {
    kind: "request-head", version: versionOf(request.httpVersion), method: request.method, target: request.path, headers: request.headers.clone(), framing,
    endStream: framing.kind === "none", keepAlive: true, upgrade: [], expectContinue: false,
  };
}

function framingOf({ headers, body, trailers }: HttpFlow["request"]): BodyFraming {
  const length = body.raw?.length ?? 0;
  if (trailers !== null) return { kind: "chunked" };
  return length > 0 || headers.has("content-length") || headers.has("transfer-encoding") ? { kind: "length", length } : { kind: "none" };
}

const versionOf = (text: string): HttpVersion => (text === "HTTP/2.0" ? "2" : text === "HTTP/1.0" ? "1.0" : "1.1");

/** A record of its own: from where the original came, without its TLS. */
function clientOf(context: ExchangeContext, { address, sockname, mode }: ClientConnection): ClientConnection {
  return {
    kind: "client", key: context.keys.next(), id: lastingId(), address, sockname, mode, timestampStart: nowSeconds(), timestampEnd: null, version: 0,
    tls: false, sni: null, alpn: null, tlsVersion: null, cipher: null, timestampTlsSetup: null,
  };
}
