// The cookbook does what it says: each of its addons takes one flow (a message, a connection) in a real isolate, and what comes out is in
// the table. A sample without a row is an error. That samples compile and have types is samples.test.ts's.
import { writeFile } from "node:fs/promises";
import path from "node:path";
import test from "ava";
import { makeRequestFlow, makeResponseFlow, makeTcpFlow, makeWebSocketFlow, loadAddon, type HttpTestEvent, type RequestInit, type ResponseInit, type TestAddon } from "../../host/testing/index.ts";
import { samples } from "../helpers/doc-samples.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

type Try = (addon: TestAddon) => Promise<unknown>;

const http = async (addon: TestAddon, init: RequestInit & { readonly response?: ResponseInit }): Promise<ReturnType<typeof makeRequestFlow>> => {
  const flow = init.response === undefined ? makeRequestFlow(init) : makeResponseFlow(init);
  const events: readonly HttpTestEvent[] = init.response === undefined ? ["requestheaders", "request"] : ["responseheaders", "response"];
  for (const event of events) if (addon.handlers.includes(event)) await addon.event(event, flow);
  return flow;
};
const post = (type: string, body: string): RequestInit => ({ method: "POST", headers: { "Content-Type": type }, body });
const answer = (type: string, body: string): { readonly response: ResponseInit } => ({ response: { headers: { "Content-Type": type }, body } });

const changedHeaders: Try = async (addon) => {
  const { request } = await http(addon, { headers: { "If-None-Match": "\"a\"", "Accept-Language": "en" } });
  const { response } = await http(addon, { response: {} });
  return [request.headers.get("accept-language"), request.headers.has("if-none-match"), response?.headers.get("x-seen-by")];
};

/** By title, one entry for each addon below it: what is tried, and what must come of it. */
const recipes: { readonly [title: string]: readonly (readonly [Try, unknown])[] } = {
  "Change a header": [[changedHeaders, ["de", false, "flowcell"]], [changedHeaders, ["de", false, "flowcell"]]],
  "Change a body": [[async (addon) => (await http(addon, answer("text/html", "colour, colours"))).response?.text, "color, colors"]],
  "Change JSON": [[async (addon) => [(await http(addon, answer("application/json", '{"name":"ada","plan":"free"}'))).response?.json(), (await http(addon, answer("text/plain", "no"))).response?.text], [{ name: "ada", plan: "gold" }, "no"]]],
  "Answer without a server": [[async (addon) => {
    const [made, other] = [await http(addon, { url: "https://example.com/api/version" }), await http(addon, {})];
    return [made.response?.statusCode, made.response?.json(), made.response?.headers.get("content-type"), other.response];
  }, [200, { version: "2.0" }, "application/json", null]]],
  "Send to another server": [
    [async (addon) => [(await http(addon, { url: "https://api.example.com/a" })).request.url, (await http(addon, { url: "https://example.com/a" })).request.url], ["http://localhost:3000/a", "https://example.com/a"]],
    [async (addon) => {
      const { response } = await http(addon, { url: "http://example.com/a?b" });
      return [response?.statusCode, response?.headers.get("location")];
    }, [308, "https://example.com/a?b"]],
  ],
  Block: [[async (addon) => {
    const [ad, news, other] = [await http(addon, { url: "https://x.ads.example/" }), await http(addon, { url: "https://news.example/" }), await http(addon, {})];
    return [ad.isKilled, news.response?.statusCode, other.isKilled, other.response];
  }, [true, 403, false, null]]],
  "Change a query": [[async (addon) => (await http(addon, { url: "https://example.com/?utm_source=a&page=7&b=%7e&utm_x" })).request.path, "/?page=1&b=%7e"]],
  "Change a form": [[async (addon) => {
    const parts = "--x\r\nContent-Disposition: form-data; name=\"avatar\"; filename=\"me.png\"\r\nContent-Type: image/png\r\n\r\nabc\r\n--x--\r\n";
    const [form, multipart] = [await http(addon, post("application/x-www-form-urlencoded", "user=ada&a=1")), await http(addon, post("multipart/form-data; boundary=x", parts))];
    return [form.request.text, /filename="none\.txt"\r\nContent-Type: text\/plain\r\n\r\nno picture\r\n/.test(multipart.request.text ?? "")];
  }, ["user=guest&a=1", true]]],
  "Change a cookie": [[async (addon) => {
    const { request } = await http(addon, { headers: { Cookie: "tracker=1; a=2; theme=light" } });
    const { response } = await http(addon, { response: { headers: [["Set-Cookie", "session=1; Path=/"], ["Set-Cookie", "b=2"]] } });
    return [request.headers.get("cookie"), response?.headers.getAll("set-cookie")];
  }, ["a=2; theme=dark", ["session=1; Path=/; Secure", "b=2"]]]],
  "Stream a big body": [[async (addon) => {
    const streamed: unknown[] = [];
    for (const type of ["video/mp4", "text/html"]) streamed.push((await addon.responseheaders(makeResponseFlow(answer(type, "x")))).response?.isStreamed);
    return streamed;
  }, [true, false]]],
  "Change a WebSocket message": [[async (addon) => {
    const flow = makeWebSocketFlow();
    const seen: unknown[] = [];
    for (const text of ["cats", "secret", "ping?"]) {
      const { message, injected } = await addon.websocketMessage(flow, text);
      seen.push([message?.text, message?.isDropped, injected.map((each) => each.text)]);
    }
    return seen;
  }, [["dogs", false, []], ["secret", true, []], ["ping?", false, ["pong!"]]]]],
  "Change raw TCP": [[async (addon) => {
    const flow = makeTcpFlow();
    const seen: string[] = [];
    for (const fromClient of [true, false]) seen.push(Buffer.from((await addon.tcpMessage(flow, "HELO old.example\r\n", fromClient)).message?.content ?? []).toString());
    return seen;
  }, ["HELO new.example\r\n", "HELO old.example\r\n"]]],
  "Remember things": [[async (addon) => {
    const visits: unknown[] = [];
    for (const host of ["a.test", "b.test", "a.test"]) visits.push((await http(addon, { url: `https://${host}/`, response: {} })).response?.headers.get("x-visits"));
    return visits;
  }, ["1", "1", "2"]]],
  // Nothing can be fetched here: what it does then. A fetch that succeeds: cookbook-traffic.
  "Ask another server": [[async (addon) => [(await http(addon, {})).request.headers.get("x-token"), addon.logs.some(({ message }) => message.startsWith("no token:"))], ["none", true]]],
  "Have options": [[async (addon) => {
    await addon.configure({ server_name: "me", hide: ["via"] });
    const { response } = await http(addon, { response: { headers: { Server: "x", Via: "1.1 a" } } });
    return [response?.headers.get("server"), response?.headers.has("via"), await addon.configure({ server_name: "" }).catch((error: unknown) => String(error).includes("must not be empty"))];
  }, ["me", false, true]]],
  Filter: [[async (addon) => [await http(addon, { response: { status: 404, headers: { "Content-Type": "application/json" } } }), await http(addon, answer("application/json", "{}"))].map(({ marked }) => marked), ["look", ""]]],
  // Nothing can be sent again here: that it is asked for. A replay that happens: cookbook-traffic.
  "Send a request again": [[async (addon) => [(await http(addon, { response: {} })).response?.statusCode, await http(addon, { response: { status: 503 } }).catch((error: unknown) => /replay/.test(String(error)))], [200, true]]],
  Delay: [[async (addon) => {
    const start = performance.now();
    const { request } = await http(addon, { method: "POST" });
    return [request.headers.get("x-delayed"), performance.now() - start >= 190];
  }, ["true", true]]],
  Log: [[async (addon) => {
    await http(addon, { response: { status: 502 } });
    return addon.logs.map(({ level, message }) => [level, message]);
  }, [["info", "GET https://example.com/ 502"], ["warn", "example.com is unwell"]]]],
  "Go on after a mistake": [[async (addon) => {
    const { request } = await http(addon, { url: "https://broken.example/" });
    return [request.headers.get("x-counted"), addon.logs.map(({ level, message }) => [level, message.split("\n")[0]])];
  }, ["1", [["warn", "not counted: Error: no such counter"]]]]],
  // Choosing layers needs a connection: cookbook-traffic.
  "Leave TLS alone": [[async (addon) => Promise.resolve(addon.handlers), ["next_layer"]]],
  "Test an addon": [[async (addon) => (await http(addon, { url: "https://example.com/a/b/c" })).request.headers.get("x-depth"), "3"]],
};

const cookbook = samples.filter(({ page, kind }) => page === "docs/cookbook.md" && kind === "addon");

test("each addon of the cookbook is tried", (t) => {
  t.deepEqual(Object.entries(recipes).flatMap(([title, rows]) => rows.map(() => title)), cookbook.map(({ title }) => title));
});

for (const [title, rows] of Object.entries(recipes)) {
  test.serial(title, async (t) => {
    const folder = temporaryFolder("cookbook");
    for (const [index, [act, expected]] of rows.entries()) {
      const file = path.join(folder, `recipe-${index}.ts`);
      await writeFile(file, cookbook.filter((sample) => sample.title === title)[index]?.text ?? "");
      await using addon = await loadAddon(file);
      t.deepEqual(await act(addon), expected);
    }
  });
}
