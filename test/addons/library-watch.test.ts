// The library's addons that watch, remember, delay, sign and replay, each in a real isolate, flow by flow. Those that choose connections
// are in library-connections.test.ts.
import test from "ava";
import { createHash, createHmac } from "node:crypto";
import path from "node:path";
import { loadAddon, makeErrorFlow, makeRequestFlow, makeResponseFlow, makeTcpFlow, type TestAddon, type TestFlow } from "../../host/testing/index.ts";
import { projectRoot } from "../helpers/flowcell.ts";

type Settings = NonNullable<Parameters<typeof loadAddon>[1]>;

const load = (name: string, options: Settings["options"] = {}): Promise<TestAddon> => loadAddon(path.join(projectRoot, "addons", name), { options });
const messages = (addon: TestAddon): string[] => addon.logs.map(({ message }) => message);

const refused: readonly (readonly [addon: string, options: Settings["options"], why: RegExp])[] = [
  ["server-replay", { server_replay: "maybe" }, /server_replay/], ["har-dump", { har_dump: "~bogus" }, /bogus/], ["throttle", { throttle_latency_ms: 9_999 }, /throttle_latency_ms/],
  ["fault-injection", { fault_error_share: 0.6, fault_drop_share: 0.6 }, /no more than 1/], ["fault-injection", { fault_status: 200 }, /fault_status/], ["tcp-rewrite", { tcp_rewrite: ["/a"] }, /tcp_rewrite/],
  ["tcp-rewrite", { tcp_rewrite: ["/\\q/a"] }, /\\q/], ["tls-passthrough-learner", { passthrough_after: 0 }, /passthrough_after/], ["request-signer", { signer_hosts: ["a"] }, /signer_secret/],
  ["oauth-token-cache", { oauth_url: "http://a/" }, /oauth_url/], ["upstream-by-host", { upstream_by_host: ["a=b"] }, /upstream_by_host/], ["dns-spoof-by-sni", { dns_spoof: ["a"] }, /dns_spoof/],
];

test.serial("options that make no sense are refused by name", async (t) => {
  for (const [addon, options, why] of refused) await t.throwsAsync(load(addon, options), { message: why }, addon);
});

test.serial("server-replay answers what it has learned, by method, address and body, and cuts the rest when asked to", async (t) => {
  await using addon = await load("server-replay");
  const learned = makeResponseFlow({ method: "POST", url: "http://a.test/x?1", body: "one", response: { status: 201, reason: "Made", headers: [["Content-Type", "text/plain"], ["X-A", "1"], ["X-A", "2"]], body: "answer" } });
  await addon.response(learned);
  const ask = async (init: Parameters<typeof makeRequestFlow>[0]): Promise<TestFlow> => addon.request(makeRequestFlow(init));
  t.is((await ask({ method: "POST", url: "http://a.test/x?1", body: "one" })).response, null, "it still learns");
  await using replaying = await load("server-replay", { server_replay: "replay", server_replay_kill_extra: true });
  t.true((await replaying.request(makeRequestFlow({ url: "http://a.test/" }))).isKilled);
});

test.serial("har-dump serves what it has noted as HAR and forgets it", async (t) => {
  await using addon = await load("har-dump");
  await addon.response(makeResponseFlow({ method: "POST", url: "https://a.test/p?q=1", headers: { "Content-Type": "application/json" }, body: "{}", response: { headers: { "Content-Type": "text/html" }, body: "<p>" } }));
  await addon.error(makeErrorFlow({ url: "http://gone.test/" }));
  const ask = async (method: string): Promise<{ log: { version: string; entries: { request: { url: string; postData?: { text: string } }; response: { status: number; content: { text?: string } }; _error?: string }[] } }> => JSON.parse((await addon.request(makeRequestFlow({ method, url: "http://har.flowcell/" }))).response?.text ?? "");
  const { log } = await ask("GET");
  t.is(log.version, "1.2");
  t.deepEqual(log.entries.map(({ request, response, _error }) => [request.url, request.postData?.text, response.status, response.content.text, _error]), [["https://a.test/p?q=1", "{}", 200, "<p>", undefined], ["http://gone.test/", undefined, 0, undefined, "Connection refused"]]);
  t.is((await ask("DELETE")).log.entries.length, 0);
});

test.serial("fault-injection: all, none, each kind", async (t) => {
  const run = async (options: Settings["options"]): Promise<TestFlow> => {
    await using addon = await load("fault-injection", options);
    return await addon.requestheaders(makeRequestFlow({ url: "http://a.test/" }));
  };
  t.true((await run({ fault_drop_share: 1 })).isKilled);
  t.is((await run({ fault_error_share: 1, fault_status: 502 })).response?.statusCode, 502);
  const untouched = await run({ fault: "~d other.test", fault_drop_share: 1 });
  t.false(untouched.isKilled);
  const before = Date.now();
  t.is((await run({ fault_delay_share: 1, fault_delay_ms: 300 })).response, null);
  t.true(Date.now() - before >= 300);
});

test.serial("header-audit names what is missing, once for each site", async (t) => {
  await using addon = await load("header-audit");
  const page = (headers: readonly (readonly [string, string])[]): TestFlow => makeResponseFlow({ url: "https://weak.test/", response: { headers: [["Content-Type", "text/html"], ...headers], body: "" } });
  const weak = [["Set-Cookie", "a=1; Secure"], ["Server", "Thing/1.2"]] as const;
  await addon.responseheaders(page(weak));
  await addon.responseheaders(page(weak));
  const said = messages(addon);
  for (const part of ["strict-transport-security", "content-security-policy", "nosniff", "referrer-policy", "cookies without HttpOnly, SameSite or Secure: a", "server tells a version"]) t.is(said.filter((line) => line.includes(part)).length, 1, part);
  const good = [["Strict-Transport-Security", "max-age=31536000"], ["Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'"], ["X-Content-Type-Options", "nosniff"], ["Referrer-Policy", "no-referrer"]] as const;
  await addon.responseheaders(makeResponseFlow({ url: "https://good.test/", response: { headers: [["Content-Type", "text/html"], ...good], body: "" } }));
  t.deepEqual(messages(addon).filter((line) => line.includes("good.test")), ["https://good.test: nothing is missing"]);
});

test.serial("secrets-detector says what and where, and never the secret", async (t) => {
  await using addon = await load("secrets-detector");
  const key = `AKIA${"A".repeat(16)}`;
  await addon.request(makeRequestFlow({ url: `https://a.test/x?api_key=${key}&page=1` }));
  await addon.request(makeRequestFlow({ url: "http://b.test/", headers: { Authorization: "Basic eA==" } }));
  await addon.response(makeResponseFlow({ url: "https://c.test/app.js", response: { headers: { "Content-Type": "application/javascript" }, body: `var k = "ghp_${"b".repeat(36)}";` } }));
  await addon.request(makeRequestFlow({ url: "https://fine.test/?page=1", headers: { Authorization: "Basic eA==" } }));
  const said = messages(addon);
  t.deepEqual(said.map((line) => line.replace(/^.*?: /, "")).sort(), ["a GitHub token in what the server sent", "an AWS access key in the address, which logs and referrers keep", "an Authorization header without TLS", 'the parameter "api_key" in the address, which logs and referrers keep']);
  t.false(said.join().includes(key) || said.join().includes("ghp_"));
});

test.serial("graphql-log: names, variables, batches, persisted queries, hidden errors; other JSON is none of its business", async (t) => {
  await using addon = await load("graphql-log");
  const ask = (sent: unknown, answered: unknown, url = "https://api.test/graphql"): Promise<TestFlow> => addon.response(makeResponseFlow({ method: "POST", url, headers: { "Content-Type": "application/json" }, body: JSON.stringify(sent), response: { headers: { "Content-Type": "application/json" }, body: JSON.stringify(answered) } }));
  await ask({ query: "# c\nmutation AddUser($name: String!) { add }", variables: { name: "x" } }, { errors: [{ message: "no" }] });
  await ask([{ query: "{ a }" }, { operationName: "B", query: "query A { a } query B { b }" }], [{}, { data: 1 }]);
  await ask({ extensions: { persistedQuery: { sha256Hash: "abcdef0123456789" } } }, {});
  await ask({ a: 1 }, {}, "https://api.test/other");
  t.deepEqual(messages(addon), ["graphql api.test: mutation AddUser (name) 200: no", "graphql api.test: query (no name) 200", "graphql api.test: query B 200", "graphql api.test: query (persisted abcdef012345) 200"]);
});

test.serial("tcp-rewrite replaces bytes in one direction", async (t) => {
  await using addon = await load("tcp-rewrite", { tcp_rewrite: ["|FLUSH\\x00|PING", "/\\n/!"], tcp_direction: "client" });
  const flow = makeTcpFlow();
  await addon.tcpStart(flow);
  const bytes = async (content: Uint8Array, fromClient: boolean): Promise<string> => Buffer.from((await addon.tcpMessage(flow, content, fromClient)).message?.content ?? []).toString("latin1");
  t.is(await bytes(Buffer.from("a FLUSH\x00\xff\n", "latin1"), true), "a PING\xff!");
  t.is(await bytes(Buffer.from("FLUSH\x00\n", "latin1"), false), "FLUSH\x00\n");
});

test.serial("request-signer signs what is sent", async (t) => {
  await using addon = await load("request-signer", { signer_hosts: ["api.test"], signer_key_id: "me", signer_secret: "key" });
  const flow = await addon.request(makeRequestFlow({ method: "PUT", url: "https://api.test/a?b", body: "hello" }));
  const { headers } = flow.request;
  const text = ["PUT", "api.test", "/a?b", headers.get("x-date"), createHash("sha256").update("hello").digest("hex")].join("\n");
  t.is(headers.get("x-signature"), createHmac("sha256", "key").update(text).digest("hex"));
  t.is(headers.get("x-key-id"), "me");
  t.is((await addon.request(makeRequestFlow({ url: "https://other.test/" }))).request.headers.get("x-signature"), null);
});

test.serial("oauth-token-cache: without a token the request goes as it is, and nobody asks again at once", async (t) => {
  await using addon = await load("oauth-token-cache", { oauth_hosts: ["api.test"], oauth_url: "https://login.example.com/token" });
  for (let i = 0; i < 2; i++) t.is((await addon.requestheaders(makeRequestFlow({ url: "https://api.test/" }))).request.headers.get("authorization"), null);
  t.is(messages(addon).filter((line) => line.startsWith("no token: ")).length, 1);
  t.is((await addon.requestheaders(makeRequestFlow({ url: "https://api.test/", headers: { Authorization: "Bearer own" } }))).request.headers.get("authorization"), "Bearer own");
});

test.serial("ssl-strip changes links, asks by https what it changed, and takes promises of TLS away", async (t) => {
  await using addon = await load("ssl-strip");
  const flow = makeResponseFlow({ url: "http://a.test/", response: { status: 302, headers: [["Content-Type", "text/html"], ["Location", "https://b.test/x"], ["Strict-Transport-Security", "max-age=1"], ["Set-Cookie", "a=1; Secure; Path=/"]], body: '<a href="https://c.test:8443/">' } });
  await addon.response(flow);
  t.is(flow.response?.text, '<a href="http://c.test:8443/">');
  t.is(flow.response?.headers.get("location"), "http://b.test/x");
  t.is(flow.response?.headers.get("strict-transport-security"), null);
  t.is(flow.response?.headers.get("set-cookie"), "a=1; Path=/");
  const next = await addon.requestheaders(makeRequestFlow({ url: "http://b.test/x" }));
  t.is(next.request.url, "https://b.test/x");
  t.is((await addon.requestheaders(makeRequestFlow({ url: "http://other.test/" }))).request.scheme, "http");
});

test.serial("response-cache: fresh ones again with Age; private, varying and personal ones never; a POST makes it old", async (t) => {
  await using addon = await load("response-cache");
  const keep = (url: string, headers: readonly (readonly [string, string])[], request: Record<string, string> = {}): Promise<TestFlow> => addon.response(makeResponseFlow({ url, headers: request, response: { headers, body: "kept" } }));
  const ask = async (url: string, headers: Record<string, string> = {}): Promise<string | null> => {
    const { response } = await addon.requestheaders(makeRequestFlow({ url, headers }));
    return response === null ? null : `${response.text} ${response.headers.get("age")} ${response.headers.get("content-type")}`;
  };
  await keep("http://a.test/1", [["Cache-Control", "max-age=60"], ["Content-Type", "text/plain"], ["Age", "5"]]);
  t.regex((await ask("http://a.test/1")) ?? "", /^kept [5-9] text\/plain$/);
  t.is(await ask("http://a.test/1", { Cookie: "a=1" }), null);
  t.is(await ask("http://a.test/1", { "Cache-Control": "no-cache" }), null);
  for (const [index, headers] of ([[["Cache-Control", "private, max-age=60"]], [["Cache-Control", "max-age=60"], ["Vary", "Accept"]], [["Cache-Control", "max-age=60"], ["Set-Cookie", "a=1"]], [["Cache-Control", "max-age=5"], ["Age", "9"]], []] as const).entries()) {
    await keep(`http://a.test/no${index}`, headers);
    t.is(await ask(`http://a.test/no${index}`), null, String(headers));
  }
  await keep("http://a.test/auth", [["Cache-Control", "max-age=60"]], { Authorization: "Basic eA==" });
  t.is(await ask("http://a.test/auth"), null);
  await addon.response(makeResponseFlow({ method: "POST", url: "http://a.test/1", response: {} }));
  t.is(await ask("http://a.test/1"), null);
});
