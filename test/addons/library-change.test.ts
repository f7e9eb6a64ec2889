// The library's addons that change or answer messages, each in a real isolate, by tables: options, a flow in, what is there afterwards.
// How they fare over real sockets is the pipeline's business; options that make no sense are refused with the option's name.
import test from "ava";
import path from "node:path";
import { loadAddon, makeRequestFlow, makeResponseFlow, type HttpTestEvent, type TestAddon, type TestFlow } from "../../host/testing/index.ts";
import { projectRoot } from "../helpers/flowcell.ts";

type Settings = Parameters<typeof loadAddon>[1];
type Init = Parameters<typeof makeRequestFlow>[0];
type Answer = Parameters<typeof makeResponseFlow>[0];

const load = (name: string, options: NonNullable<Settings>["options"] = {}): Promise<TestAddon> => loadAddon(path.join(projectRoot, "addons", name), { options });

interface Case {
  readonly addon: string;
  readonly options?: NonNullable<Settings>["options"];
  readonly what: string;
  readonly request?: Init;
  /** With one, `responseheaders` and `response` run too. */
  readonly response?: Answer;
  readonly see: (flow: TestFlow) => unknown;
  readonly expected: unknown;
}

const asking: readonly HttpTestEvent[] = ["requestheaders", "request"];
const example = { url: "http://example.com/a/b?x=1&y=2" };
const fields = ({ request }: TestFlow): unknown => request.headers.fields.filter(([name]) => name.toLowerCase() !== "host");
const url = ({ request }: TestFlow): unknown => request.url;
const answer = ({ response }: TestFlow): unknown => (response === null ? null : [response.statusCode, response.text]);
const text = ({ response }: TestFlow): unknown => response?.text;
const page = (body: string, type = "text/html"): Answer => ({ ...example, response: { status: 200, headers: { "Content-Type": type }, body } });

const cases: readonly Case[] = [
  { addon: "anti-cache", what: "conditions go", request: { ...example, headers: [["If-None-Match", "\"a\""], ["Accept", "*/*"], ["if-modified-since", "x"]] }, see: fields, expected: [["Accept", "*/*"]] },
  { addon: "anti-compression", what: "identity", request: { ...example, headers: [["accept-encoding", "gzip, br"]] }, see: fields, expected: [["accept-encoding", "identity"]] },
  { addon: "modify-headers", what: "sets, replaces all, removes", options: { modify_headers: ["/X-New/1", "/~q/Accept/de", "/x-old/", "|~d other.test|X-No|1"] }, request: { ...example, headers: [["Accept", "a"], ["accept", "b"], ["X-Old", "1"]] }, see: fields, expected: [["X-New", "1"], ["Accept", "de"]] },
  { addon: "modify-headers", what: "two values of one name", options: { modify_headers: ["/A/1", "/A/2"] }, request: { ...example, headers: [["A", "0"]] }, see: fields, expected: [["A", "1"], ["A", "2"]] },
  { addon: "modify-headers", what: "of responses only", options: { modify_headers: ["/~s/Server/none"] }, response: page("x"), see: ({ response }) => response?.headers.getAll("server"), expected: ["none"] },
  { addon: "modify-body", what: "in responses, with groups", options: { modify_body: ["/~s & ~ts html/(cat)s?/dog of $1"] }, response: page("<p>cats</p> cat"), see: text, expected: "<p>dog of cat</p> dog of cat" },
  { addon: "modify-body", what: "across lines; other types stay", options: { modify_body: ["|~ts html|a.b|c"] }, response: page("a\nb", "text/plain"), see: text, expected: "a\nb" },
  { addon: "modify-body", what: "across lines", options: { modify_body: ["|a.b|c"] }, response: page("a\nb"), see: text, expected: "c" },
  { addon: "map-remote", what: "host and path", options: { map_remote: ["|//example\\.com/a/|//localhost:8000/"] }, request: example, see: url, expected: "http://localhost:8000/b?x=1&y=2" },
  { addon: "map-remote", what: "another scheme", options: { map_remote: ["|~m GET|^http:|https:"] }, request: example, see: url, expected: "https://example.com/a/b?x=1&y=2" },
  { addon: "map-remote", what: "what does not match stays", options: { map_remote: ["|~m POST|^http:|https:"] }, request: example, see: url, expected: example.url },
  { addon: "map-local", what: "one file", options: { map_local: ["|example.com/a/b|hello.html"] }, request: example, see: ({ response }) => [response?.statusCode, response?.headers.get("content-type"), response?.text?.includes("comes out of the addon")], expected: [200, "text/html; charset=utf-8", true] },
  { addon: "map-local", what: "a folder", options: { map_local: ["|example.com/|/"] }, request: { url: "http://example.com/style.css?v=2" }, see: ({ response }) => [response?.statusCode, response?.headers.get("content-type")], expected: [200, "text/css; charset=utf-8"] },
  { addon: "map-local", what: "a folder without that file", options: { map_local: ["|example.com/|/"] }, request: { url: "http://example.com/__proto__" }, see: answer, expected: [404, "map-local has no file \"__proto__\"\n"] },
  { addon: "block-list", what: "a status", options: { block_list: ["/~d example.com/404"] }, request: example, see: answer, expected: [404, ""] },
  { addon: "block-list", what: "others pass", options: { block_list: [":~d other.test:404"] }, request: example, see: answer, expected: null },
  { addon: "block-list", what: "444 closes", options: { block_list: ["/~u a.b/444"] }, request: example, see: ({ isKilled, response }) => [isKilled, response], expected: [true, null] },
  { addon: "reply-locally", what: "a text with separators in it", options: { reply_locally: ["/~m GET/201/text/plain/a/b"] }, request: example, see: ({ response }) => [response?.statusCode, response?.headers.get("content-type"), response?.text], expected: [201, "text", "plain/a/b"] },
  { addon: "reply-locally", what: "JSON", options: { reply_locally: ["|~all|200|application/json|{\"a\": [1, 2]}"] }, request: example, see: answer, expected: [200, "{\"a\": [1, 2]}"] },
  { addon: "inject-html", what: "before the last </body>", options: { inject_html: "<hr>" }, response: page("<body><script>'</body>'</script></body >"), see: text, expected: "<body><script>'</body>'</script><hr></body >" },
  { addon: "inject-html", what: "into the head, $& as it stands", options: { inject_html: "$&", inject_place: "head-start" }, response: page("<html><head lang=en><title>"), see: text, expected: "<html><head lang=en>$&<title>" },
  { addon: "inject-html", what: "JSON stays", options: { inject_html: "<hr>" }, response: page("\"</body>\"", "application/json"), see: text, expected: "\"</body>\"" },
  { addon: "rewrite-query", what: "sets, adds, removes", options: { rewrite_query: ["/x/9", "/new/a b", "|~d other.test|y|", "/gone/"] }, request: example, see: url, expected: "http://example.com/a/b?x=9&y=2&new=a+b" },
  { addon: "rewrite-query", what: "untouched spelling", options: { rewrite_query: ["/gone/"] }, request: { url: "http://example.com/?a=%7e&&b" }, see: url, expected: "http://example.com/?a=%7e&&b" },
  { addon: "rewrite-form", what: "urlencoded", options: { rewrite_form: ["/user/guest", "/csrf/", "/other/1"] }, request: { ...example, method: "POST", headers: { "Content-Type": "application/x-www-form-urlencoded" }, body: "user=ada&csrf=1&z=%7e" }, see: ({ request }) => request.text, expected: "user=guest&z=%7e" },
  { addon: "redirect-hosts", what: "host and port", options: { redirect_hosts: ["Example.com=localhost:81"] }, request: example, see: ({ request }) => [request.host, request.port, request.headers.get("host")], expected: ["localhost", 81, "localhost:81"] },
  { addon: "json-patch", what: "a patch", options: { json_patch: "|~d example.com|[{\"op\":\"replace\",\"path\":\"/a/0\",\"value\":2},{\"op\":\"add\",\"path\":\"/a/-\",\"value\":{}}]" }, response: page("{\"a\":[1]}", "application/json"), see: text, expected: "{\"a\":[2,{}]}" },
  { addon: "json-patch", what: "one that does not fit leaves all as it was", options: { json_patch: "|~all|[{\"op\":\"add\",\"path\":\"/b\",\"value\":1},{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]" }, response: page("{\"a\": 1}", "application/problem+json"), see: text, expected: "{\"a\": 1}" },
  { addon: "cors-unlock", what: "a preflight", request: { ...example, method: "OPTIONS", headers: { Origin: "https://a.test", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-a" } }, see: ({ response }) => [response?.statusCode, ...["origin", "methods", "headers"].map((name) => response?.headers.get(`access-control-allow-${name}`))], expected: [204, "https://a.test", "PUT", "x-a"] },
];

for (const [name, group] of Object.entries(Object.groupBy(cases, ({ addon }) => addon))) {
  test.serial(name, async (t) => {
    for (const { addon, options, what, request, response, see, expected } of group ?? []) {
      await using loaded = await load(addon, options);
      const flow = response === undefined ? makeRequestFlow(request ?? example) : makeResponseFlow(response);
      for (const event of response === undefined ? asking : asking.concat("responseheaders", "response")) if (loaded.handlers.includes(event)) await loaded.event(event, flow);
      t.deepEqual(see(flow), expected, what);
    }
  });
}

const refused: readonly (readonly [addon: string, options: NonNullable<Settings>["options"], why: RegExp])[] = [
  ["modify-headers", { modify_headers: ["/only"] }, /modify_headers: "\/only" is not/], ["modify-headers", { modify_headers: ["/a b/1"] }, /modify_headers/], ["modify-headers", { modify_headers: ["/~bogus/a/b"] }, /bogus/],
  ["modify-body", { modify_body: ["/(/x"] }, /regular expression/i], ["map-remote", { map_remote: ["x"] }, /map_remote/], ["map-local", { map_local: ["|a|nothere.html"] }, /nothere\.html.*hello\.html/],
  ["block-list", { block_list: ["/~all/100"] }, /block_list/], ["reply-locally", { reply_locally: ["/~all/99/x/y"] }, /reply_locally/], ["redirect-hosts", { redirect_hosts: ["a=b:99999"] }, /redirect_hosts/],
  ["json-patch", { json_patch: "|~all|[{\"op\":\"bogus\",\"path\":\"\"}]" }, /json_patch: operation 0: "op"/], ["json-patch", { json_patch: "|~all|[" }, /json_patch/], ["rewrite-query", { rewrite_query: [""] }, /rewrite_query/], ["rewrite-form", { rewrite_form: ["/a/b/c/d"] }, /rewrite_form/],
];

test.serial("options that make no sense are refused by name", async (t) => {
  for (const [addon, options, why] of refused) await t.throwsAsync(load(addon, options), { message: why }, `${addon} ${JSON.stringify(options)}`);
});

test.serial("sticky-auth repeats what was sent to the same place, and nowhere else", async (t) => {
  await using addon = await load("sticky-auth");
  const ask = async (place: string, authorization?: string): Promise<string | null> => {
    const flow = makeRequestFlow({ url: place, headers: authorization === undefined ? {} : { Authorization: authorization } });
    await addon.requestheaders(flow);
    return flow.request.headers.get("authorization");
  };
  t.is(await ask("https://a.test/1"), null);
  t.is(await ask("https://a.test/2", "Basic eA=="), "Basic eA==");
  t.is(await ask("https://a.test/3"), "Basic eA==");
  for (const place of ["https://b.test/", "http://a.test/", "https://a.test:8443/"]) t.is(await ask(place), null, place);
});

test.serial("sticky-cookie repeats cookies by domain, port and path, and forgets what has expired", async (t) => {
  await using addon = await load("sticky-cookie");
  const set = async (place: string, ...cookies: string[]): Promise<void> => {
    const flow = makeResponseFlow({ url: place, response: { headers: cookies.map((cookie): [string, string] => ["Set-Cookie", cookie]) } });
    await addon.responseheaders(flow);
  };
  const ask = async (place: string, cookie?: string): Promise<string | null> => {
    const flow = makeRequestFlow({ url: place, headers: cookie === undefined ? {} : { Cookie: cookie } });
    await addon.requestheaders(flow);
    return flow.request.headers.get("cookie");
  };
  await set("http://shop.example.com/a", "id=1; Path=/", "deep=2; Path=/a", "wide=3; Domain=.example.com", "evil=4; Domain=other.test");
  t.is(await ask("http://shop.example.com/a/b"), "deep=2; id=1; wide=3");
  t.is(await ask("http://shop.example.com/ab"), "id=1; wide=3");
  t.is(await ask("http://www.example.com/"), "wide=3");
  t.is(await ask("http://other.test/"), null);
  t.is(await ask("http://shop.example.com:81/"), null);
  t.is(await ask("http://shop.example.com/", "own=1"), "own=1");
  await set("http://shop.example.com/", "id=; Max-Age=0", "wide=x; Domain=example.com; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
  t.is(await ask("http://shop.example.com/"), null);
});

test.serial("cors-unlock sets one origin and exposes what is there", async (t) => {
  await using addon = await load("cors-unlock");
  const flow = makeResponseFlow({ ...example, headers: { Origin: "https://a.test" }, response: { headers: [["X-One", "1"], ["Set-Cookie", "a=b"], ["Access-Control-Allow-Origin", "*"]] } });
  await addon.responseheaders(flow);
  const { headers } = flow.response ?? {};
  t.is(headers?.get("access-control-allow-origin"), "https://a.test");
  t.regex(headers?.get("access-control-expose-headers") ?? "", /x-one/);
  t.notRegex(headers?.get("access-control-expose-headers") ?? "", /set-cookie/);
});

test.serial("rewrite-form changes multipart fields and leaves files alone", async (t) => {
  await using addon = await load("rewrite-form", { rewrite_form: ["/user/guest"] });
  const body = "--b\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nada\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n\u0001\u0002\r\n--b--\r\n";
  const flow = makeRequestFlow({ ...example, method: "POST", headers: { "Content-Type": "multipart/form-data; boundary=b" }, body });
  await addon.request(flow);
  t.is(flow.request.text, body.replace("ada", "guest"));
});
