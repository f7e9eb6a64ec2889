// Fetches of addons: which addresses and URLs are let through (tables of tricks), what a name that changes its mind, a redirect or a
// hostile server can do, and the bounds. Real servers on this machine, names from a resolver of the test.
import test, { type ExecutionContext } from "ava";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createServer as createTcpServer, type AddressInfo, type Server } from "node:net";
import zlib from "node:zlib";
import { classifyAddress, type AddressClass } from "../../../host/services/address-classes.ts";
import { boundedLookup } from "../../../host/services/bounded-lookup.ts";
import { AddonFetch, type FetchNetwork, type FetchRequest } from "../../../host/services/fetch.ts";
import { judgeOrigin, originWarnings, parseOrigin } from "../../../host/services/fetch-origins.ts";
import { sendHop } from "../../../host/services/fetch-send.ts";
import { openAuthority } from "../../../host/tls/authority.ts";
import { createLeafCache } from "../../../host/tls/leaf-cache.ts";
import { openUpstreamTrust } from "../../../host/tls/trust.ts";
import { defaultLimits, type Limits } from "../../../sandbox-api/schema/limits.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const addresses: readonly (readonly [address: string, is: AddressClass])[] = [
  ["93.184.215.14", "public"], ["8.8.8.8", "public"], ["1.1.1.1", "public"], ["172.15.255.255", "public"], ["172.32.0.0", "public"], ["100.63.255.255", "public"], ["100.128.0.0", "public"],
  ["198.17.255.255", "public"], ["198.20.0.0", "public"], ["223.255.255.255", "public"], ["192.0.1.0", "public"], ["2606:4700:4700::1111", "public"], ["[2a00:1450:4001:810::200e]", "public"],
  ["0.0.0.0", "unspecified"], ["0.1.2.3", "unspecified"], ["10.0.0.0", "private"], ["10.255.255.255", "private"], ["172.16.0.0", "private"], ["172.31.255.255", "private"], ["192.168.0.1", "private"],
  ["127.0.0.1", "loopback"], ["127.255.255.254", "loopback"], ["100.64.0.0", "shared (carrier NAT)"], ["100.127.255.255", "shared (carrier NAT)"], ["169.254.0.1", "link-local"],
  ["169.254.169.254", "metadata service"], ["169.254.170.2", "metadata service"], ["100.100.100.200", "metadata service"], ["168.63.129.16", "metadata service"], ["fd00:ec2::254", "metadata service"],
  ["192.0.0.8", "protocol assignments"], ["192.0.2.1", "documentation"], ["198.51.100.1", "documentation"], ["203.0.113.255", "documentation"], ["198.18.0.1", "benchmarking"], ["198.19.255.255", "benchmarking"],
  ["192.88.99.1", "6to4 relay"], ["192.31.196.1", "AS112"], ["224.0.0.1", "multicast"], ["239.255.255.255", "multicast"], ["240.0.0.1", "reserved"], ["255.255.255.254", "reserved"], ["255.255.255.255", "broadcast"],
  ["::", "unspecified"], ["::1", "loopback"], ["[::1]", "loopback"], ["0:0:0:0:0:0:0:1", "loopback"], ["::ffff:127.0.0.1", "loopback"], ["::ffff:7f00:1", "loopback"], ["::ffff:10.1.2.3", "private"], ["::ffff:8.8.8.8", "public"],
  ["::127.0.0.1", "loopback"], ["::7f00:1", "loopback"], ["::ffff:0:127.0.0.1", "loopback"], ["64:ff9b::7f00:1", "loopback"], ["64:ff9b::169.254.169.254", "metadata service"], ["64:ff9b::8.8.8.8", "public"], ["64:ff9b:1::1", "private"],
  ["2002:7f00:1::", "loopback"], ["2002:a00:1::1", "private"], ["2002:808:808::1", "public"], ["2001:0:4136:e378:8000:63bf:80ff:fffe", "loopback"], ["2001:0:4136:e378:8000:63bf:f7f7:f7f7", "public"], ["2001:db8::1", "documentation"],
  ["2001:10::1", "protocol assignments"], ["2001:2::1", "protocol assignments"], ["3fff::1", "documentation"], ["100::1", "discard"], ["100:0:0:1::1", "reserved"], ["5f00::1", "segment routing"], ["fc00::1", "unique local"], ["fdff:ffff::1", "unique local"],
  ["fe80::1", "link-local"], ["fe80::1%eth0", "link-local"], ["febf::1", "link-local"], ["fec0::1", "site-local"], ["ff02::1", "multicast"], ["4000::1", "unassigned"], ["1::", "unassigned"], ["2620:4f:8000::1", "AS112"],
  ["", "invalid"], ["localhost", "invalid"], ["127.1", "invalid"], ["0177.0.0.1", "invalid"], ["1.2.3.4.5", "invalid"], ["1.2.3.256", "invalid"], ["::1::", "invalid"], ["1:2:3:4:5:6:7", "invalid"], ["1:2:3:4:5:6:7:8:9", "invalid"], ["::1.2.3", "invalid"], [":::", "invalid"], ["12345::", "invalid"], ["1.2.3.4:80", "invalid"],
];
test(`${addresses.length} addresses and what they are`, (t) => {
  for (const [address, is] of addresses) t.is(classifyAddress(address), is, address);
});

test("grants: what is one, and what it covers", (t) => {
  for (const bad of ["https://*.com", "https://*", "https://a.*.com", "https://x.example/path", "https://x.example/?q", "https://u@x.example", "ftp://x.example", "x.example", "", "https://", "file:///etc/passwd", "javascript:1"]) t.is(parseOrigin(bad), null, bad);
  const covers = (grant: string, url: string): string => { const verdict = judgeOrigin(new URL(url), [grant]); return verdict.kind === "granted" ? verdict.reach : "no"; };
  for (const [grant, url, expected] of [
    ["https://api.example.com", "https://api.example.com/x?y#z", "public"], ["https://api.example.com", "https://API.EXAMPLE.com:443/", "public"], ["https://api.example.com", "http://api.example.com/", "no"],
    ["https://api.example.com", "https://api.example.com:8443/", "no"], ["https://api.example.com:8443", "https://api.example.com:8443/", "public"], ["https://api.example.com", "https://api.example.com./", "no"],
    ["https://api.example.com", "https://api.example.com.evil.example/", "no"], ["https://api.example.com", "https://evilapi.example.com/", "no"], ["https://api.example.com", "https://api.example.com@evil.example/", "no"],
    ["https://api.example.com", "https://user@api.example.com/", "no"], ["https://api.example.com", "https://:secret@api.example.com/", "no"], ["https://api.example.com", "https:\\\\evil.example\\api.example.com", "no"],
    ["https://*.example.com", "https://a.b.example.com/", "public"], ["https://*.example.com", "https://example.com/", "no"], ["https://*.example.com", "https://badexample.com/", "no"], ["https://*.example.com", "https://.example.com/", "no"],
    ["https://b\u00fccher.example", "https://xn--bcher-kva.example/", "public"], ["https://api.example.com", "https://api\u200b.example.com/", "public"], ["https://api.example.com", "https://\uff41pi.example.com/", "public"], ["https://api.example.com", "https://\u0430pi.example.com/", "no"],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080/", "literal"], ["http://127.0.0.1:8080", "http://2130706433:8080/", "literal"], ["http://[::1]:8080", "http://[0:0:0:0:0:0:0:1]:8080/", "literal"], ["http://127.0.0.1", "http://127.0.0.2/", "no"],
    ["http://localhost", "http://localhost/", "loopback"], ["http://localhost", "http://localhost./", "no"], ["http://localhost", "http://127.0.0.1/", "no"],
  ] as const) t.is(covers(grant, url), expected, `${grant} ${url}`);
});

test("what the operator is warned of", (t) => {
  t.deepEqual(originWarnings(["https://api.example.com", "https://*.example.com", "http://8.8.8.8"]), []);
  t.deepEqual(originWarnings(["http://localhost:1", "http://10.0.0.1", "http://0x7f.1", "https://*.com"]).map((warning) => warning.includes("its network") ? "inside" : "nothing"), ["inside", "inside", "inside", "nothing"]);
});

/** Names of the test, answered from a table; every question is counted. */
const zone: Readonly<Record<string, readonly string[]>> = {
  "loop.rebind.example": ["127.0.0.1"], "private.rebind.example": ["10.1.2.3"], "mixed.rebind.example": ["93.184.215.14", "192.168.1.1"], "meta.rebind.example": ["169.254.169.254"], "six.rebind.example": ["::1"],
  "mapped.rebind.example": ["::ffff:10.0.0.1"], "ula.rebind.example": ["fd12::1"], "nat64.rebind.example": ["64:ff9b::a00:1"], "zero.rebind.example": ["0.0.0.0"], "odd.rebind.example": ["not an address"], "none.rebind.example": [],
  "cgnat.rebind.example": ["100.64.1.1"], "multicast.rebind.example": ["224.0.0.251"], "six-to-four.rebind.example": ["2002:a00:1::"], "teredo.rebind.example": ["2001:0:4136:e378:8000:63bf:80ff:fffe"], "scoped.rebind.example": ["fe80::1%lo"],
};
const lookupIn = (table: Readonly<Record<string, readonly string[]>>): FetchNetwork["resolve"] => (name) => {
  const found = table[name];
  return found === undefined ? Promise.reject(Object.assign(new Error(name), { code: "ENOTFOUND" })) : Promise.resolve(found.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })));
};

interface Options { readonly grants?: readonly string[]; readonly network?: Partial<FetchNetwork>; readonly limits?: Partial<Limits>; readonly request?: Partial<FetchRequest>; readonly signal?: AbortSignal; readonly addon?: AddonFetch }

const makeFetch = (network: Partial<FetchNetwork> = {}): AddonFetch => new AddonFetch({ resolve: lookupIn(zone), isOwn: () => false, tls: {}, ...network });

async function run(url: string, { grants = ["http://*.rebind.example"], network, limits, request, signal, addon }: Options = {}): Promise<{ readonly said: string; readonly body: string; readonly headers: string }> {
  const result = await (addon ?? makeFetch(network)).run({ url, method: "GET", headers: [], redirect: "follow", body: null, ...request }, grants, { ...defaultLimits, wallMs: 5_000, ...limits }, signal ?? new AbortController().signal);
  result.release();
  return result.kind === "refused" ? { said: result.message, body: "", headers: "" } : { said: `${result.fetched.status} ${result.fetched.url}`, body: result.body.toString(), headers: JSON.stringify(result.fetched.headers) };
}

const refusedUrls: readonly (readonly [url: string, reason: RegExp])[] = [
  ...["http://127.0.0.1/", "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://017700000001/", "http://0177.0.0.1/", "http://127.1/", "http://127.0.1/", "http://0/", "http://0.0.0.0/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
    "http://[::]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://169.254.169.254/latest/meta-data/", "http://0xa9fea9fe/", "http://2852039166/", "http://[fd00:ec2::254]/", "http://localhost/", "http://LOCALHOST/", "http://localhost./", "http://127.0.0.1./",
    "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/", "http://\uff11\uff12\uff17.0.0.1/", "http://127\u30020\u30020\u30021/", "http://127.0.0.1\u200b/", "http://10.0.0.1/", "http://192.168.1.1:8080/", "http://100.64.0.1/", "http://metadata.google.internal/",
    "http://good.rebind.example.evil.example/", "http://rebind.example/", "http://a.rebind.example:81/", "https://a.rebind.example/", "http://a.rebind.example./"].map((url) => [url, /is not granted \(permissions\.fetch\)/] as const),
  ...["http://a.rebind.example@127.0.0.1/", "http://127.0.0.1@a.rebind.example/", "http://user:pass@a.rebind.example/", "http://a.rebind.example:80@10.0.0.1/"].map((url) => [url, /user name or password/] as const),
  ...["file:///etc/passwd", "gopher://a.rebind.example/", "data:text/plain,x", "javascript:alert(1)", "ftp://a.rebind.example/", "unix:/var/run/docker.sock", "blob:http://a.rebind.example/x", "ws://a.rebind.example/"].map((url) => [url, /only http: and https:/] as const),
  ...["", "/relative", "//a.rebind.example/", "http://", "http://a b/", "http://[::1", "http://256.1.1.1/", "http://1.2.3.4.5/", "http://a.rebind.example:99999/", "http://%00/", "http://a.rebind.example%2f@x:y/", "http://[fe80::1%25eth0]/"].map((url) => [url, /is not a whole URL/] as const),
  ["http://loop.rebind.example/", /not of the public internet \(loopback\)/], ["http://private.rebind.example/", /\(private\)/], ["http://mixed.rebind.example/", /\(private\)/], ["http://meta.rebind.example/", /\(metadata service\)/],
  ["http://six.rebind.example/", /\(loopback\)/], ["http://mapped.rebind.example/", /\(private\)/], ["http://ula.rebind.example/", /\(unique local\)/], ["http://nat64.rebind.example/", /\(private\)/], ["http://zero.rebind.example/", /\(unspecified\)/],
  ["http://odd.rebind.example/", /\(invalid\)/], ["http://none.rebind.example/", /has no address/], ["http://unknown.rebind.example/", /could not be resolved/], ["http://cgnat.rebind.example/", /carrier NAT/], ["http://multicast.rebind.example/", /multicast/],
  ["http://six-to-four.rebind.example/", /\(private\)/], ["http://teredo.rebind.example/", /\(loopback\)/], ["http://scoped.rebind.example/", /link-local/], ["http://LOOP.rebind.example/", /loopback/], ["http://lo\u200bop.rebind.example/", /loopback/],
];
test(`${refusedUrls.length} URLs that lead where they must not`, async (t) => {
  for (const [url, reason] of refusedUrls) t.regex((await run(url)).said, reason, url);
});

async function serve(t: ExecutionContext, listener: RequestListener): Promise<string> {
  return listen(t, Object.assign(createServer(listener)), "http");
}
async function listen(t: ExecutionContext, server: Server & { closeAllConnections?: () => void }, scheme: string): Promise<string> {
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  t.teardown(() => { server.close(); server.closeAllConnections?.(); });
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("a name that answers differently the second time is asked once, and the connection goes where was looked", async (t) => {
  let hits = 0;
  const origin = new URL(await serve(t, (_, response) => { hits++; response.end("inside"); }));
  let questions = 0;
  const resolve: FetchNetwork["resolve"] = () => { questions++; return Promise.resolve([{ address: questions === 1 ? "198.51.100.1" : "127.0.0.1", family: 4 }]); };
  // A second question would have led inside.
  t.regex((await run(`http://flip.rebind.example:${origin.port}/`, { grants: [`http://*.rebind.example:${origin.port}`], network: { resolve } })).said, /documentation/);
  t.deepEqual([questions, hits], [1, 0]);
});

test("the connection goes to the address that was checked, whatever the name says, and is looked at once more before a byte is sent", async (t) => {
  const seen: string[] = [];
  const origin = new URL(await serve(t, (request, response) => { seen.push(request.headers.host ?? ""); response.end("x"); }));
  const url = new URL(`http://name.invalid:${origin.port}/`);
  const hop = { url, method: "GET", headers: [], body: null, addresses: [{ address: "127.0.0.1", family: 4 }] };
  const { signal } = new AbortController();
  const message = await sendHop({ ...hop, refuse: () => null }, {}, signal);
  message.destroy();
  t.deepEqual(seen, [url.host]);
  // What a route or a translation could do: the socket ends up elsewhere than was asked for.
  await t.throwsAsync(sendHop({ ...hop, refuse: (address) => `led to ${address}` }, {}, signal), { message: "led to 127.0.0.1" });
  t.is(seen.length, 1);
});

test("a granted address answers; the proxy's own listener does not, even when granted", async (t) => {
  const origin = await serve(t, (request, response) => response.end(`hello ${request.headers.host} ${request.rawHeaders.filter((_, at) => at % 2 === 0).join()}`));
  const { port } = new URL(origin);
  t.is((await run(`${origin}/`, { grants: [origin] })).body, `hello 127.0.0.1:${port} Host,Accept,User-Agent,Accept-Encoding,Connection`);
  t.is((await run(`http://localhost:${port}/`, { grants: [`http://localhost:${port}`] })).body.slice(0, 15), "hello localhost");
  t.regex((await run(`${origin}/`, { grants: [origin], network: { isOwn: (address, at) => address === "127.0.0.1" && at === Number(port) } })).said, /is this proxy itself/);
  t.regex((await run(`http://localhost:${port}/`, { grants: [`http://localhost:${port}`], network: { isOwn: (address) => address === "127.0.0.1" } })).said, /is this proxy itself/);
});

test("redirects are followed only to what is granted, without credentials to others, five times", async (t) => {
  const seen: string[] = [];
  const other = await serve(t, (request, response) => { seen.push(`other ${request.headers.authorization} ${request.headers.cookie} ${request.headers["x-plain"]}`); response.end("other"); });
  const targets: Readonly<Record<string, string>> = { "/inside": "http://127.0.0.1:1/", "/meta": "http://169.254.169.254/", "/name": "http://loop.rebind.example/", "/file": "file:///etc/passwd", "/user": "http://a:b@127.0.0.1/", "/bad": "http://[", "/loop": "/loop", "/other": `${other}/x`, "/here": "/end" };
  const origin = await serve(t, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => {
      seen.push(`${request.method} ${request.url} ${request.headers.authorization} ${Buffer.concat(chunks).length} ${request.headers["content-type"]}`);
      const [path = "", status] = (request.url ?? "").split("?");
      const location = targets[path];
      if (location === undefined) return response.end("end");
      response.writeHead(Number(status ?? 302), { location });
      response.end("moved");
    });
  });
  const grants = [origin, other, "http://*.rebind.example"];
  const headers = [["Authorization", "secret"], ["Cookie", "c=1"], ["X-Plain", "p"], ["Content-Type", "text/x"]] as const;
  const go = async (path: string, request: Partial<FetchRequest> = {}): Promise<string> => (await run(`${origin}${path}`, { grants, request: { headers, ...request } })).said;
  for (const [path, reason] of [["/inside", /origin http:\/\/127\.0\.0\.1:1 is not granted/], ["/meta", /not granted/], ["/name", /loopback/], ["/file", /only http/], ["/user", /user name/], ["/bad", /not a URL/], ["/loop", /more than 5 redirects/]] as const) t.regex(await go(path), reason);
  t.is(seen.filter((line) => line.startsWith("GET /loop")).length, 6);
  t.is(await go("/other"), `200 ${other}/x`);
  t.is(seen.at(-1), "other undefined undefined p");
  const post = { method: "POST", body: Buffer.from("body") };
  for (const [status, expected] of [[301, "GET /end secret 0 undefined"], [302, "GET /end secret 0 undefined"], [303, "GET /end secret 0 undefined"], [307, "POST /end secret 4 text/x"], [308, "POST /end secret 4 text/x"]] as const) {
    await go(`/here?${status}`, post);
    t.is(seen.at(-1), expected, String(status));
  }
  t.is(await go("/here", { redirect: "manual" }), `302 ${origin}/here`);
  t.regex(await go("/here", { redirect: "error" }), /redirect is "error"/);
});

const KiB64 = Buffer.alloc(65_536, 120);
const gzipBomb = zlib.gzipSync(Buffer.alloc(50_000_000), { level: 1 });
const brotliBomb = zlib.brotliCompressSync(Buffer.alloc(50_000_000), { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } });
const hostileServers: readonly (readonly [name: string, listener: RequestListener, expected: RegExp])[] = [
  ["a body that is announced too large", (_, response) => { response.writeHead(200, { "content-length": "999999999" }); response.write("x"); }, /larger than 100000 bytes \(limit fetchResponseBytes\)/],
  ["a body without end", (_, response) => { const more = (): void => { while (!response.destroyed && response.write(KiB64)); response.once("drain", more); }; more(); }, /larger than 100000 bytes/],
  ["a body that unpacks to a thousand times its size", (_, response) => { response.writeHead(200, { "content-encoding": "gzip" }); response.end(gzipBomb); }, /larger than 100000 bytes/],
  ["brotli, likewise", (_, response) => { response.writeHead(200, { "content-encoding": "br" }); response.end(brotliBomb); }, /larger than 100000 bytes/],
  ["a coding that is none", (_, response) => { response.writeHead(200, { "content-encoding": "gzip" }); response.end("not gzip at all"); }, /not what its Content-Encoding says/],
  ["a coding that was not asked for", (_, response) => { response.writeHead(200, { "content-encoding": "gzip, gzip" }); response.end("x"); }, /which was not asked for/],
  ["no answer", () => {}, /no whole answer within 700 ms \(limit wallMs\)/],
  ["a head and then nothing", (_, response) => { response.writeHead(200); response.write("x"); }, /no whole answer within 700 ms/],
  ["a byte now and then", (_, response) => { const timer = setInterval(() => response.write("x"), 50); response.once("close", () => clearInterval(timer)); }, /no whole answer within 700 ms/],
  ["a body that breaks off", (_, response) => { response.writeHead(200, { "content-length": "10" }); response.write("x"); setTimeout(() => response.destroy(), 20); }, /could not be fetched from/],
  ["a connection that closes", (request) => { request.socket.destroy(); }, /could not be fetched from/],
  ["a head without end", (request) => { for (let i = 0; i < 100; i++) request.socket.write(`${i === 0 ? "HTTP/1.1 200 OK\r\n" : ""}X-${i}: ${"y".repeat(1_000)}\r\n`); }, /head of the response .* too large/],
  ["no HTTP at all", (request) => { request.socket.end("220 mail.example ESMTP\r\n"); }, /could not be fetched from .*HPE_/],
  ["another protocol", (request) => { request.socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"); }, /switched protocols|could not be fetched/],
];
for (const [name, listener, expected] of hostileServers) {
  test(`a server with ${name}`, async (t) => {
    const origin = await serve(t, listener);
    const startedAt = performance.now();
    t.regex((await run(`${origin}/`, { grants: [origin], limits: { fetchResponseBytes: 100_000, wallMs: expected.source.includes("700 ms") ? 700 : 20_000 } })).said, expected);
    t.true(performance.now() - startedAt < 15_000);
  });
}

test("what fits is taken, packed or not, also where there is no body", async (t) => {
  const origin = await serve(t, (request, response) => {
    const packed = request.url === "/gzip" ? zlib.gzipSync(KiB64) : request.url === "/br" ? zlib.brotliCompressSync(KiB64) : request.url === "/deflate" ? zlib.deflateSync(KiB64) : null;
    response.writeHead(request.url === "/204" ? 204 : 200, packed === null ? request.url === "/204" ? { "content-encoding": "gzip" } : {} : { "content-encoding": request.url?.slice(1) ?? "" });
    response.end(packed ?? (request.url === "/204" ? undefined : KiB64));
  });
  for (const path of ["/gzip", "/br", "/deflate", "/plain"]) t.is((await run(`${origin}${path}`, { grants: [origin], limits: { fetchResponseBytes: 65_536 } })).body.length, 65_536, path);
  t.is((await run(`${origin}/204`, { grants: [origin] })).said, `204 ${origin}/204`);
  t.is((await run(`${origin}/gzip`, { grants: [origin], request: { method: "HEAD" } })).said, `200 ${origin}/gzip`);
});

test("so many at once, so many a second, so many bytes at once", async (t) => {
  const waiting: (() => void)[] = [];
  const origin = await serve(t, (request, response) => { if (request.url === "/big") response.end(KiB64); else waiting.push(() => response.end("x")); });
  const addon = makeFetch();
  const limits = { fetchesAtOnce: 2, fetchesPerSecond: 4, fetchResponseBytes: 70_000 };
  const two = [run(`${origin}/`, { addon, grants: [origin], limits }), run(`${origin}/`, { addon, grants: [origin], limits })];
  t.regex((await run(`${origin}/`, { addon, grants: [origin], limits })).said, /2 fetches are under way already \(limit fetchesAtOnce\)/);
  while (waiting.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  for (const end of waiting) end();
  t.deepEqual((await Promise.all(two)).map(({ body }) => body), ["x", "x"]);
  const held = [];
  const roomy = { ...defaultLimits, fetchesPerSecond: 1_000, fetchResponseBytes: 70_000 };
  for (let i = 0; i < 5; i++) held.push(await addon.run({ url: `${origin}/big`, method: "GET", headers: [], redirect: "follow", body: null }, [origin], roomy, new AbortController().signal));
  t.deepEqual(held.map(({ kind }) => kind), ["fetched", "fetched", "fetched", "fetched", "refused"]);
  for (const { release } of held) release();
  t.regex((await run(`${origin}/`, { addon, grants: [origin], limits })).said, /more than 4 fetches in one second \(limit fetchesPerSecond\)/);
  t.is((await run(`${origin}/big`, { addon, grants: [origin], limits: roomy })).body.length, 65_536);
});

test("a signal cuts a fetch while it waits for a name, a connection, a body", async (t) => {
  const origin = await serve(t, (_, response) => { response.write("x"); });
  for (const [url, network] of [[`${origin}/`, {}], ["http://slow.rebind.example/", { resolve: () => new Promise<never>(() => {}) }]] as const) {
    const abort = new AbortController();
    const running = run(url, { grants: [origin, "http://*.rebind.example"], network, signal: abort.signal });
    setTimeout(() => abort.abort(), 50);
    t.regex((await running).said, /cut off|could not be fetched/);
  }
});

test("TLS is verified with the proxy's trust; the name is checked", async (t) => {
  const authority = await openAuthority(temporaryFolder("fetch"));
  const { secureContext } = await createLeafCache(authority).contextFor({ sni: "localhost", host: "localhost" });
  const origin = await listen(t, createTlsServer({ SNICallback: (_name, done) => done(null, secureContext) }, (request, response) => response.end(`${request.socket.constructor.name} ${request.headers.host}`)), "https");
  const url = origin.replace("127.0.0.1", "localhost");
  const trust = async (options: Parameters<typeof openUpstreamTrust>[0]): Promise<Partial<FetchNetwork>> => {
    const opened = await openUpstreamTrust(options);
    return { tls: { secureContext: opened.secureContext, rejectUnauthorized: opened.isVerified } };
  };
  t.regex((await run(`${url}/`, { grants: [url], network: await trust({ sslInsecure: false }) })).said, /the certificate of localhost:\d+ is not trusted \(\w+\)/);
  const trusting = await trust({ sslInsecure: false, upstreamCaFile: authority.files.certPem });
  t.is((await run(`${url}/`, { grants: [url], network: trusting })).body, `TLSSocket ${new URL(url).host}`);
  t.regex((await run(`${origin}/`, { grants: [origin], network: trusting })).said, /is not trusted|could not be fetched/);
});

test("slow names do not take all the threads of the resolver", async (t) => {
  let running = 0;
  let most = 0;
  const resolve = boundedLookup(async () => { most = Math.max(most, ++running); await new Promise((done) => setTimeout(done, 20)); running--; return []; });
  await Promise.all(Array.from({ length: 9 }, (_, index) => resolve(`${index}.example`)));
  t.is(most, 2);
  const failing = boundedLookup(() => Promise.reject(new Error("no")));
  for (let i = 0; i < 5; i++) await t.throwsAsync(failing("x"));
});

test("a refused connection, and a port where nothing speaks HTTP", async (t) => {
  const silent = await listen(t, createTcpServer((socket) => { socket.on("error", () => {}); }), "http");
  t.regex((await run(`${silent}/`, { grants: [silent], limits: { wallMs: 300 } })).said, /no whole answer within 300 ms/);
  t.regex((await run("http://127.0.0.1:1/", { grants: ["http://127.0.0.1:1"] })).said, /127\.0\.0\.1:1 refused the connection/);
});
