// HTTP/1 from a client: takes heads, finds out where each request goes, and hands it to an exchange, one after the other, as long
// as the connection lives. What an exchange does is its own business.
import type { ExchangeEnd } from "../exchange/exchange.ts";
import { exchange } from "../exchange/exchange.ts";
import { H1ClientSide } from "../exchange/h1-client-side.ts";
import { newHttpFlow, type RequestPlace } from "../exchange/new-flow.ts";
import { sendErrorPage } from "../exchange/send-page.ts";
import { exchangeFault, syntaxFault, type ExchangeFault } from "../http/fault-status.ts";
import type { RequestHead } from "../http/http-event.ts";
import { defaultPort, parseAuthority, parseRequestTarget, type RequestTarget } from "../http/request-target.ts";
import { isOnboarding, onboardingScope } from "./onboarding.ts";
import { admit, isAddressed } from "./admission.ts";
import { connectLayer } from "./connect.ts";
import { end, type LayerScope, type Link, type Next } from "./layer-scope.ts";
import { logRefusal, refuseRequest } from "./refusal.ts";
import { isRenamed, nameAsServer } from "./reverse.ts";
import { tunnelLayer } from "./tunnel.ts";

/** Serves requests until the connection ends or becomes a tunnel. The client's last response is sent, but may still be on its way. */
export async function http1Layer(scope: LayerScope, link: Link): Promise<Next> {
  const client = new H1ClientSide(link.duplex);
  for (;;) {
    const head = await nextHead(scope, client);
    if (head === null) return end;
    if (head.kind === "fault") {
      const { destination, isSecure } = link;
      const ended = await refuseRequest(scope, client, { fault: head.fault, head: null, destination, isSecure, version: "1.1" });
      if (ended.kind === "cut") link.duplex.destroy();
      return end;
    }
    const refused = isAddressed(scope, link) ? admit(scope.context, head) : null;
    const fault = refused instanceof Promise ? await refused : refused;
    if (fault !== null) {
      if (!(await refuseAdmission(scope, client, head, fault))) return end;
    } else if (head.method === "CONNECT") {
      client.next(); // its "end"
      const opened = await connectLayer(scope, link, head, client);
      if (opened.kind === "open") return { kind: "inside", link: opened.link };
      if (opened.kind === "killed") link.duplex.destroy();
      if (opened.kind === "killed" || !opened.persists) return end;
    } else {
      const ended = await serveRequest(scope, link, client, head);
      if (ended.kind === "tunnel") {
        if (!(await tunnelLayer(scope, client.tunnel(), ended))) link.duplex.reset();
        return end;
      }
      if (ended.kind === "cut") link.duplex.destroy();
      if (ended.kind !== "next") return end;
    }
    client.nextMessage();
  }
}

interface HeadFault { readonly kind: "fault"; readonly fault: ExchangeFault }

/** The next request's head; null when the connection is to end without another byte. */
async function nextHead(scope: LayerScope, client: H1ClientSide): Promise<RequestHead | HeadFault | null> {
  const { alarm, waker, context } = scope;
  let isInside = false;
  alarm.set(context.timeouts.idleMs);
  for (;;) {
    const event = client.next();
    if (event?.kind === "request-head") return event;
    if (event?.kind === "fault") return { kind: "fault", fault: syntaxFault(event.fault, "client") };
    if (client.isGone || client.hasEof) return null;
    if (client.isIdle ? context.isDraining() || alarm.hasPassed : alarm.hasPassed) {
      return client.isIdle ? null : { kind: "fault", fault: exchangeFault("request-timeout", "The head of the request did not come in time.") };
    }
    if (!client.isIdle && !isInside) {
      isInside = true;
      alarm.set(context.timeouts.headMs);
    }
    await waker.wait();
  }
}

async function serveRequest(scope: LayerScope, link: Link, client: H1ClientSide, head: RequestHead): Promise<ExchangeEnd> {
  const place = placeOf(scope, link, head);
  if ("cause" in place) return refuseRequest(scope, client, { fault: place, head, destination: link.destination, isSecure: link.isSecure, version: head.version });
  const own = isOnboarding(scope.context, place.host) ? onboardingScope(scope) : scope;
  return exchange(own, newHttpFlow(own, head, place, own.upstreams.recordFor(place)), head, client);
}

/** Where a request goes: where its tunnel leads, or where its target says. */
function placeOf(scope: LayerScope, link: Link, head: RequestHead): RequestPlace | ExchangeFault {
  const target = parseRequestTarget(head.target, head.method);
  if (target.kind === "fault") return exchangeFault("bad-target", target.message);
  if (target.kind === "absolute" && !agrees(scope, link, target, head)) return exchangeFault("bad-target", "The address in the request line and the Host field name different servers.");
  const path = target.kind === "asterisk" ? "*" : target.path;
  if (link.destination !== null) {
    const place = { scheme: link.isSecure ? "https" as const : "http" as const, host: link.destination.host, port: link.destination.port };
    if (isRenamed(scope, link)) return { ...place, path, authority: nameAsServer(head.headers, place) };
    return { ...place, path, authority: target.kind === "absolute" ? target.authority : "" };
  }
  if (target.kind === "absolute") return target;
  // A client that has the proxy's address but does not use it as a proxy yet, and knows the name.
  const named = parseAuthority(head.headers.get("host") ?? "", 80);
  if (named !== null && isOnboarding(scope.context, named.host)) return { scheme: "http", ...named, path, authority: "" };
  return exchangeFault("not-a-proxy-request", `The request names no server${hostHint(head)}: a proxy needs a whole address in the request line.`);
}

/**
 * WALL: addons, patterns and grants go by the address, some servers by Host; a request that means two servers is a trick. A client that
 * merely names the proxy there, as simple scripts do, gets the address's name in its place (RFC 9112 §3.2.2).
 */
function agrees({ client }: LayerScope, link: Link, { scheme, host, port, authority }: Extract<RequestTarget, { readonly kind: "absolute" }>, { headers }: RequestHead): boolean {
  const name = headers.get("host");
  if (name === null || name === undefined) return true;
  const named = parseAuthority(name, defaultPort(scheme));
  if (named === null) return false;
  if (named.port === port && named.host.toLowerCase() === host.toLowerCase()) return true;
  if (link.destination !== null || named.port !== client.sockname.port) return false;
  headers.set("Host", authority);
  return true;
}

function hostHint(head: RequestHead): string {
  const host = parseAuthority(head.headers.get("host") ?? "", 80)?.host;
  return host === undefined ? "" : ` but only ${host} in its Host field`;
}

/** LIMIT: body of a refused request that is read and dropped to keep the connection, in bytes. */
const mostRefusedBytes = 65_536;

/** Answers, and reads the rest of the request; true when another may follow. */
async function refuseAdmission(scope: LayerScope, client: H1ClientSide, head: RequestHead, fault: ExchangeFault): Promise<boolean> {
  const { alarm, waker, context } = scope;
  logRefusal(scope, fault);
  const isShort = head.endStream || (!head.expectContinue && head.framing.kind === "length" && head.framing.length <= mostRefusedBytes);
  const persists = sendErrorPage(client, fault, { head, url: head.method === "CONNECT" ? "" : head.target, mayPersist: isShort && head.keepAlive && !context.isDraining() });
  client.flush();
  alarm.set(context.timeouts.headMs);
  while (persists) {
    const event = client.next();
    if (event?.kind === "end") return true;
    if (event?.kind === "fault" || client.isGone || alarm.hasPassed) return false;
    if (event === null) await waker.wait();
  }
  return false;
}

