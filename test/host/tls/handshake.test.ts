// Handshakes over real sockets: Node, Python, openssl and curl as clients of our leaves; servers good and bad for the proxy as a client.
import test, { type ExecutionContext } from "ava";
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, TLSSocket, type ConnectionOptions, type TLSSocketOptions } from "node:tls";
import type { TlsFaultCode } from "../../../host/tls/explain.ts";
import { acceptClient, connectUpstream, type HandshakeResult } from "../../../host/tls/handshake.ts";
import { LeafCache } from "../../../host/tls/leaf-cache.ts";
import type { LeafSubject } from "../../../host/tls/leaf.ts";
import { clientSideOptions, type UpstreamTarget } from "../../../host/tls/policy.ts";
import { parseClientHello } from "../../../host/tls/client-hello.ts";
import { openUpstreamTrust } from "../../../host/tls/trust.ts";
import { requireProgram } from "../../helpers/programs.ts";
import { listen, run, temporaryAuthority } from "./support.ts";

const patience = (): AbortSignal => AbortSignal.timeout(10_000);

interface Intercepted {
  readonly port: number;
  /** Results of handshakes in the order in which they ended. */
  readonly results: HandshakeResult[];
}

/** Reads bytes until they are a ClientHello or are not, and puts them back. */
async function peek(socket: Socket): Promise<string | undefined> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const [chunk] = await once(socket, "data") as [Buffer];
    bytes = Buffer.concat([bytes, chunk]);
    const result = parseClientHello(bytes);
    if (result.kind === "need-more") continue;
    socket.pause();
    socket.unshift(bytes);
    return result.kind === "client-hello" ? result.hello.sni : undefined;
  }
}

/** What the proxy does with a client: peek, find the leaf for the SNI or the host, shake hands, echo. */
async function intercept(t: ExecutionContext, cache: LeafCache, subject: LeafSubject = {}, alpn?: string): Promise<Intercepted> {
  const results: HandshakeResult[] = [];
  const port = await listen(t, async (socket) => {
    const sni = await peek(socket);
    const leaf = await cache.contextFor({ ...subject, sni });
    const result = await acceptClient(socket, { leaf, alpn, host: sni ?? subject.host ?? "?", signal: patience() });
    results.push(result);
    if (result.kind !== "open") return;
    result.socket.on("error", () => undefined).on("data", (chunk: Buffer) => result.socket.end(chunk));
  });
  return { port, results };
}

/** A client that says "ping" and gives what comes back, or the error. */
function ping(options: ConnectionOptions): Promise<{ readonly answer: string; readonly error: string | undefined; readonly socket: TLSSocket; readonly session: Buffer | undefined; readonly isReused: boolean | undefined }> {
  return new Promise((resolve) => {
    let answer = "";
    let error: string | undefined;
    let session: Buffer | undefined;
    let isReused: boolean | undefined;
    const socket = connectTls({ host: "127.0.0.1", ...options }, () => {
      isReused = socket.isSessionReused();
      socket.write("ping");
    });
    socket.on("session", (ticket: Buffer) => { session = ticket; });
    socket.on("data", (chunk: Buffer) => { answer += chunk.toString(); }).on("error", (failure: NodeJS.ErrnoException) => { error = failure.code; });
    socket.on("close", () => resolve({ answer, error, socket, session, isReused }));
  });
}

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  test(`Node as client over ${version}: names, addresses, no SNI, ALPN`, async (t) => {
    const { authority } = await temporaryAuthority();
    const cache = new LeafCache(authority);
    const common = { ca: authority.certificatePem, minVersion: version, maxVersion: version } as const;
    const byName = await intercept(t, cache, { host: "192.0.2.1" }, "http/1.1");
    const named = await ping({ ...common, port: byName.port, servername: "www.example.com", ALPNProtocols: ["h2", "http/1.1"] });
    t.is(named.answer, "ping", named.error);
    t.is(named.socket.alpnProtocol, "http/1.1");
    const byAddress = await intercept(t, cache, { host: "127.0.0.1" });
    const addressed = await ping({ ...common, port: byAddress.port });
    t.is(addressed.answer, "ping", addressed.error);
    const wrong = await ping({ ...common, port: byName.port });
    t.is(wrong.error, "ERR_TLS_CERT_ALTNAME_INVALID");
  });

  test(`Python as client over ${version}`, async (t) => {
    const python = requireProgram(t, "python3", "python3");
    if (python === undefined) return;
    const { authority } = await temporaryAuthority();
    const { port, results } = await intercept(t, new LeafCache(authority), { host: "127.0.0.1" });
    const script = (host: string, trust: boolean): string => `
import socket, ssl
context = ssl.create_default_context(${trust ? `cafile=${JSON.stringify(authority.files.certPem)}` : ""})
context.verify_flags |= ssl.VERIFY_X509_STRICT
context.minimum_version = context.maximum_version = ssl.TLSVersion.${version.replace(".", "_")}
with context.wrap_socket(socket.create_connection(("127.0.0.1", ${port})), server_hostname="${host}") as secured:
    secured.sendall(b"ping")
    print(secured.recv(4), secured.version(), secured.getpeercert()["subjectAltName"])
`;
    for (const host of ["py.example", "127.0.0.1"]) {
      const { output } = await run(python, ["-c", script(host, true)]);
      t.true(output.includes(`b'ping' ${version}`) && output.includes(host), output);
    }
    const distrust = await run(python, ["-c", script("py.example", false)]);
    t.regex(distrust.output, /CERTIFICATE_VERIFY_FAILED/);
    const last = results.at(-1);
    t.is(last?.kind === "fault" ? last.fault.code : last?.kind, "client-does-not-trust-authority");
    t.regex(last?.kind === "fault" ? last.fault.message : "", /py\.example.*flowcell ca install-help/);
  });
}

test("curl accepts names and addresses, and its distrust is explained", async (t) => {
  const curl = requireProgram(t, "curl", "curl");
  if (curl === undefined) return;
  const { authority } = await temporaryAuthority();
  const { port, results } = await intercept(t, new LeafCache(authority), { host: "127.0.0.1" });
  const get = (host: string, ...args: string[]) => run(curl, ["-sS", "-m", "5", "--http0.9", "--resolve", `${host}:${port}:127.0.0.1`, ...args, `https://${host}:${port}/path`]);
  t.regex((await get("curl.example", "--cacert", authority.files.certPem)).output, /^GET \/path HTTP\/1\.1/);
  t.regex((await get("127.0.0.1", "--cacert", authority.files.certPem)).output, /^GET \/path HTTP\/1\.1/);
  t.is((await get("curl.example")).status, 60);
  const last = results.at(-1);
  t.is(last?.kind === "fault" ? last.fault.code : last?.kind, "client-does-not-trust-authority");
});

test("openssl verifies the leaf and its chain end", async (t) => {
  const openssl = requireProgram(t, "openssl", "openssl");
  if (openssl === undefined) return;
  const { authority } = await temporaryAuthority();
  const { port } = await intercept(t, new LeafCache(authority));
  const { output } = await run(openssl, ["s_client", "-connect", `127.0.0.1:${port}`, "-servername", "s.example", "-verify_hostname", "s.example", "-x509_strict", "-CAfile", authority.files.certPem], "ping");
  t.regex(output, /Verify return code: 0 \(ok\)/);
  t.regex(output, /Verified peername: s\.example/);
});

test("a session resumes after its context was dropped and made again, and never with another host", async (t) => {
  const { authority } = await temporaryAuthority();
  const cache = new LeafCache(authority, { maxEntries: 1 });
  const { port } = await intercept(t, cache);
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    const common = { port, ca: authority.certificatePem, minVersion: version, maxVersion: version } as const;
    const first = await ping({ ...common, servername: "a.example" });
    t.is(first.isReused, false);
    t.truthy(first.session);
    await cache.contextFor({ sni: "b.example" });
    const session = first.session ?? Buffer.alloc(0);
    t.is((await ping({ ...common, servername: "a.example", session })).isReused, true, version);
    const other = await ping({ ...common, servername: "b.example", session });
    t.is(other.answer, "ping");
    t.is(other.isReused, false, version);
  }
});

const badClients: readonly (readonly [what: string, send: (socket: Socket) => unknown, code: TlsFaultCode])[] = [
  ["closes at once", (socket) => socket.end(), "closed"],
  ["resets", (socket) => socket.resetAndDestroy(), "closed"],
  ["speaks HTTP", (socket) => socket.write("GET / HTTP/1.1\r\n\r\n"), "not-tls"],
  ["speaks noise", (socket) => socket.write(Buffer.alloc(100, 0xee)), "not-tls"],
  ["sends a broken hello", (socket) => socket.write(Buffer.from([22, 3, 1, 0, 8, 1, 0, 0, 4, 9, 9, 9, 9])), "malformed"],
  ["sends an alert in place of a hello", (socket) => socket.write(Buffer.from([21, 3, 1, 0, 2, 2, 48])), "malformed"],
];
for (const [what, send, code] of badClients) {
  test(`a client that ${what} is a fault`, async (t) => {
    const { authority } = await temporaryAuthority();
    const leaf = await new LeafCache(authority).contextFor({ sni: "a.example" });
    const result = await new Promise<HandshakeResult>((resolve, reject) => {
      listen(t, (socket) => {
        acceptClient(socket, { leaf, alpn: undefined, host: "a.example", mostMs: 10_000 }).then(resolve, reject);
      }).then((port) => {
        const client = connectTcp(port, "127.0.0.1", () => send(client));
        client.on("error", () => undefined).on("close", () => client.destroy()).resume();
      }, reject);
    });
    t.is(result.kind === "fault" ? result.fault.code : result.kind, code);
    t.true(result.kind === "fault" && result.fault.message.includes("a.example"));
  });
}

test("an old client is told apart", async (t) => {
  const openssl = requireProgram(t, "openssl", "openssl");
  if (openssl === undefined) return;
  const { authority } = await temporaryAuthority();
  const { port, results } = await intercept(t, new LeafCache(authority));
  await run(openssl, ["s_client", "-connect", `127.0.0.1:${port}`, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
  await run(openssl, ["s_client", "-connect", `127.0.0.1:${port}`, "-tls1_2", "-cipher", "AES128-SHA"]);
  t.deepEqual(results.map((result) => result.kind === "fault" ? result.fault.code : result.kind), ["protocol-version", "no-shared-cipher"]);
});

test("a signal ends a handshake on both sides, before and while it runs", async (t) => {
  const { authority } = await temporaryAuthority();
  const leaf = await new LeafCache(authority).contextFor({ sni: "a.example" });
  const trust = await openUpstreamTrust({ sslInsecure: true });
  const port = await listen(t, () => undefined);
  for (const signal of [AbortSignal.abort(), AbortSignal.timeout(50)]) {
    const [one, two] = [connectTcp(port, "127.0.0.1"), connectTcp(port, "127.0.0.1")];
    const target = { host: "a.example", place: "127.0.0.1:1", alpnProtocols: [] };
    t.is((await acceptClient(one, { leaf, alpn: undefined, host: "a.example", signal })).kind, "aborted");
    t.is((await connectUpstream(two, { target, trust, signal })).kind, "aborted");
    t.true(one.destroyed && two.destroyed);
  }
});

test("a handshake that takes too long ends on both sides", async (t) => {
  const { authority } = await temporaryAuthority();
  const leaf = await new LeafCache(authority).contextFor({ sni: "a.example" });
  const trust = await openUpstreamTrust({ sslInsecure: true });
  const port = await listen(t, () => undefined);
  const [one, two] = [connectTcp(port, "127.0.0.1"), connectTcp(port, "127.0.0.1")];
  t.is((await acceptClient(one, { leaf, alpn: undefined, host: "a.example", mostMs: 20 })).kind, "expired");
  t.is((await connectUpstream(two, { target: { host: "a.example", place: "127.0.0.1:1", alpnProtocols: [] }, trust, mostMs: 20 })).kind, "expired");
  t.true(one.destroyed && two.destroyed);
});

interface Upstream {
  /** Names of the server's certificate. */
  readonly subject?: LeafSubject;
  readonly daysAgo?: number;
  readonly server?: TLSSocketOptions;
  /** In place of a TLS server. */
  readonly raw?: (socket: Socket) => unknown;
  readonly target?: Partial<UpstreamTarget>;
  readonly isUntrusted?: boolean;
}

const upstreams: readonly (readonly [what: string, upstream: Upstream, outcome: TlsFaultCode | "open"])[] = [
  ["verifies by name", {}, "open"],
  ["verifies by SNI rather than host", { target: { host: "192.0.2.1", sni: "Good.Example" } }, "open"],
  ["verifies by address", { subject: { host: "192.0.2.1" }, target: { host: "192.0.2.1" } }, "open"],
  ["verifies by IPv6 address", { subject: { host: "2001:db8::1" }, target: { host: "[2001:db8::1]" } }, "open"],
  ["has another name", { target: { host: "other.example" } }, "server-certificate-wrong-name"],
  ["has a name, not this address", { target: { host: "192.0.2.1" } }, "server-certificate-wrong-name"],
  ["comes from an unknown authority", { isUntrusted: true }, "server-certificate-unknown-issuer"],
  ["has expired", { daysAgo: 300 }, "server-certificate-expired"],
  ["is not valid yet", { daysAgo: -30 }, "server-certificate-not-yet-valid"],
  ["speaks plain HTTP", { raw: (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n") }, "not-tls"],
  ["closes", { raw: (socket) => socket.once("data", () => socket.end()) }, "closed"],
  ["resets", { raw: (socket) => socket.once("data", () => socket.resetAndDestroy()) }, "closed"],
  ["sends handshake_failure", { raw: (socket) => socket.once("data", () => socket.end(Buffer.from([21, 3, 3, 0, 2, 2, 40]))) }, "handshake-refused"],
  ["sends protocol_version", { raw: (socket) => socket.once("data", () => socket.end(Buffer.from([21, 3, 3, 0, 2, 2, 70]))) }, "protocol-version"],
  ["sends unrecognized_name", { raw: (socket) => socket.once("data", () => socket.end(Buffer.from([21, 3, 3, 0, 2, 2, 112]))) }, "unknown-server-name"],
  ["shares no application protocol", { server: { ALPNProtocols: ["x"] }, target: { alpnProtocols: ["http/1.1"] } }, "no-application-protocol"],
];
for (const [what, upstream, outcome] of upstreams) {
  test(`a server that ${what}: ${outcome}`, async (t) => {
    const { authority } = await temporaryAuthority();
    const now = (): number => Date.now() - (upstream.daysAgo ?? 0) * 86_400_000;
    // Before its authority's time a leaf is cut to nothing, so the clock that runs ahead moves both.
    const { secureContext } = await new LeafCache({ issuer: { ...authority.issuer, notBefore: new Date(0) } }, { now }).contextFor(upstream.subject ?? { sni: "good.example" });
    const port = await listen(t, upstream.raw ?? ((socket) => {
      new TLSSocket(socket, { ...clientSideOptions({ secureContext }, undefined), ...upstream.server }).on("error", () => undefined);
    }));
    const trust = await openUpstreamTrust({ sslInsecure: false, ...(upstream.isUntrusted ? {} : { upstreamCaFile: authority.files.certPem }) });
    const target = { host: "good.example", place: "127.0.0.1:1", alpnProtocols: [], ...upstream.target };
    const result = await connectUpstream(connectTcp(port, "127.0.0.1"), { target, trust, signal: patience() });
    t.is(result.kind === "fault" ? result.fault.code : result.kind, outcome, result.kind === "fault" ? result.fault.message : "");
    if (result.kind === "open") result.socket.on("error", () => undefined).destroy();
  });
}
