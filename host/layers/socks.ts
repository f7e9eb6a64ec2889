// SOCKS5 from a client (RFC 1928, RFC 1929): greeting, user and password where they are wanted, one CONNECT, and then whatever is inside.
// It contacts no server, as with HTTP's CONNECT: whatever is chosen inside does, when it needs to. BIND and UDP are refused.
import type { Address } from "../flows/connection.ts";
import type { Verdict } from "../access/proxy-auth.ts";
import {
  readCredentials, readGreeting, readRequest, socksMethods, socksReplies, writeMethod, writeReply, writeVerdict, type SocksRead,
} from "../net/socks-messages.ts";
import { end, type LayerScope, type Link, type Next } from "./layer-scope.ts";

/** Ends, or goes on inside. A client that does something else is answered as far as SOCKS has words for it, and logged. */
export async function socksLayer(scope: LayerScope, link: Link): Promise<Next> {
  scope.alarm.set(scope.context.timeouts.headMs);
  const conversation = new SocksConversation(scope, link);
  const why = (await conversation.greet()) ?? (await conversation.authenticate());
  const address = why ?? (await conversation.takePlace());
  if (typeof address === "string") {
    const { context, client } = scope;
    if (address !== "") context.log.info(`A SOCKS client was refused: ${address}.`, { event: "refused", client: `${client.address.host}:${client.address.port}` });
    link.duplex.flush();
    return end;
  }
  const { server } = scope.root;
  server.address = address;
  server.version++;
  scope.upstreams.records.plan(address, server);
  return { kind: "inside", link: { duplex: link.duplex, destination: address, isSecure: false, stage: "inside", alpn: null, depth: link.depth + 1 } };
}

const left = "";

/** Each step gives null to go on, or why the client is refused ("": it left). */
class SocksConversation {
  readonly #scope: LayerScope;
  readonly #link: Link;
  #held: Buffer = Buffer.alloc(0);

  constructor(scope: LayerScope, link: Link) {
    this.#scope = scope;
    this.#link = link;
  }

  async greet(): Promise<string | null> {
    const methods = await this.#read(readGreeting);
    if (typeof methods === "string") return methods;
    const isClosed = this.#scope.context.proxyAuth !== null;
    const wanted = isClosed ? socksMethods.password : socksMethods.none;
    const isOffered = methods.has(wanted);
    this.#say(writeMethod(isOffered ? wanted : socksMethods.noneFits));
    if (isOffered) return null;
    return isClosed ? "it offers no user and password, which --proxy-auth wants" : "it insists on authentication, and there is no --proxy-auth";
  }

  /** Nothing to do where everybody is let in. */
  async authenticate(): Promise<string | null> {
    const { proxyAuth } = this.#scope.context;
    if (proxyAuth === null) return null;
    const credentials = await this.#read(readCredentials);
    if (typeof credentials === "string") return credentials;
    const verifying = proxyAuth.verify(credentials);
    const verdict: Verdict = verifying instanceof Promise ? await verifying : verifying;
    this.#say(writeVerdict(verdict === "right"));
    if (verdict === "right") return null;
    return verdict === "busy" ? "too many users and passwords are being looked at" : "its user or password is wrong";
  }

  async takePlace(): Promise<Address | string> {
    const request = await this.#read(readRequest);
    if (typeof request === "string") return request;
    if (request.kind === "refused") {
      this.#say(writeReply(request.reply));
      return request.reason;
    }
    const { host, port } = request.address;
    if (this.#scope.context.own.includes(host, port)) {
      this.#say(writeReply(socksReplies.notAllowed));
      return `${host}:${port} is this proxy itself`;
    }
    this.#say(writeReply(socksReplies.succeeded));
    this.#link.duplex.unread(this.#held);
    return request.address;
  }

  async #read<T extends object>(read: (bytes: Buffer) => SocksRead<T>): Promise<T | string> {
    const { waker, alarm, context } = this.#scope;
    const { duplex } = this.#link;
    for (;;) {
      for (let chunk = duplex.take(); chunk !== null; chunk = duplex.take()) this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
      const result = read(this.#held);
      if (result.kind === "fault") return result.reason;
      if (result.kind === "message") {
        this.#held = this.#held.subarray(result.length);
        return result.message;
      }
      if (duplex.isEnded) return left;
      if (alarm.hasPassed) return "it took too long to say what it wants";
      if (context.isDraining()) return left;
      await waker.wait();
    }
  }

  #say(bytes: Buffer): void {
    this.#link.duplex.write(bytes);
    this.#link.duplex.flush();
  }
}
