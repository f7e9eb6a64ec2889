// Sessions with servers: kept within bounds, used by the target they belong to and no other, and resumed over real sockets.
import test from "ava";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { createSecureContext, TLSSocket, type SecureVersion } from "node:tls";
import { connectUpstream } from "../../../host/tls/handshake.ts";
import { createLeafKey, mintLeaf } from "../../../host/tls/leaf.ts";
import { LeafCache } from "../../../host/tls/leaf-cache.ts";
import { clientSideOptions } from "../../../host/tls/policy.ts";
import { openUpstreamTrust } from "../../../host/tls/trust.ts";
import { UpstreamSessions, type SessionTarget } from "../../../host/tls/upstream-sessions.ts";
import { listen, temporaryAuthority } from "./support.ts";

const target = (changes: Partial<SessionTarget> = {}): SessionTarget => ({ host: "a.example", place: "192.0.2.1:443", alpnProtocols: ["http/1.1"], ...changes });
const session = (text: string, bytes = 0): { session: Buffer; certificate: Buffer } => ({ session: Buffer.concat([Buffer.from(text), Buffer.alloc(bytes)]), certificate: Buffer.from(`certificate of ${text}`) });

test("a session is given once, to its own target, the newest first", (t) => {
  const sessions = new UpstreamSessions();
  sessions.keep(target(), session("one"));
  sessions.keep(target(), session("two"));
  for (const other of [{ host: "b.example" }, { place: "192.0.2.2:443" }, { sni: "a.example" }, { alpnProtocols: [] }, { alpnProtocols: ["h2", "http/1.1"] }]) t.is(sessions.take(target(other)), null);
  t.is(String(sessions.take(target())?.session), "two");
  t.is(String(sessions.take(target())?.certificate), "certificate of one");
  t.is(sessions.take(target()), null);
});

test("sessions are bounded in number, size and age", (t) => {
  let now = 0;
  const sessions = new UpstreamSessions(() => now);
  sessions.keep(target(), session("large", 20_000));
  t.is(sessions.take(target()), null);
  for (let i = 0; i < 10; i++) sessions.keep(target(), session(String(i)));
  t.false(sessions.wants(target()));
  t.is(String(sessions.take(target())?.session), "3");
  t.true(sessions.wants(target()));
  now = 3_600_001;
  t.is(sessions.take(target()), null);
  for (let i = 0; i < 600; i++) sessions.keep(target({ host: `host-${i}.example` }), session("x"));
  t.is(sessions.take(target({ host: "host-99.example" })), null);
  t.not(sessions.take(target({ host: "host-100.example" })), null);
});

for (const version of ["TLSv1.2", "TLSv1.3"] as const satisfies readonly SecureVersion[]) {
  test(`the second connection to a server resumes, with the certificate of the first: ${version}`, async (t) => {
    const { authority } = await temporaryAuthority();
    const { certificatePem, keyPem } = mintLeaf({ sni: "a.example", host: "b.example" }, authority.issuer, createLeafKey(), new Date());
    const secureContext = createSecureContext({ cert: certificatePem, key: keyPem, maxVersion: version });
    const port = await listen(t, (socket) => {
      new TLSSocket(socket, clientSideOptions({ secureContext }, undefined)).on("error", () => undefined).on("data", function (this: TLSSocket) { this.end("bye"); });
    });
    const trust = await openUpstreamTrust({ sslInsecure: false, upstreamCaFile: authority.files.certPem });
    const sessions = new UpstreamSessions();
    const connect = async (host: string): Promise<{ readonly isReused: boolean; readonly certificate: Buffer | null }> => {
      const result = await connectUpstream(connectTcp({ port, host: "127.0.0.1", allowHalfOpen: true }), { target: target({ host, alpnProtocols: [] }), trust, sessions, mostMs: 10_000 });
      if (result.kind !== "open") return t.fail(JSON.stringify(result)) as never;
      t.is(result.socket.getProtocol(), version);
      const isReused = result.socket.isSessionReused();
      t.true(result.socket.authorized);
      // Tickets of TLS 1.3 come after the handshake: with the answer at the latest.
      result.socket.write("hello");
      await once(result.socket.resume(), "end");
      result.socket.destroy();
      return { isReused, certificate: result.certificate };
    };
    const [first, second, third, other] = [await connect("a.example"), await connect("a.example"), await connect("a.example"), await connect("b.example")];
    t.deepEqual([first.isReused, second.isReused, third.isReused, other.isReused], [false, true, true, false]);
    t.true(first.certificate !== null && second.certificate !== null && first.certificate.equals(second.certificate));
  });
}

test("a server that was not verified leaves no session behind", async (t) => {
  const { authority } = await temporaryAuthority();
  const { secureContext } = await new LeafCache(authority).contextFor({ sni: "other.example" });
  const port = await listen(t, (socket) => {
    new TLSSocket(socket, clientSideOptions({ secureContext }, undefined)).on("error", () => undefined);
  });
  const trust = await openUpstreamTrust({ sslInsecure: false, upstreamCaFile: authority.files.certPem });
  const sessions = new UpstreamSessions();
  const result = await connectUpstream(connectTcp(port, "127.0.0.1"), { target: target(), trust, sessions, mostMs: 10_000 });
  t.is(result.kind === "fault" ? result.fault.code : result.kind, "server-certificate-wrong-name");
  t.is(sessions.take(target()), null);
});
