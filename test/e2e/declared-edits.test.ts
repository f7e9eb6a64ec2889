// Declared edits on the wire: HTTP/1, intercepted HTTPS, HTTP/2 on both sides; bodies that stream go on streaming and are not collected;
// what is hostile or too much is refused at loading. Real sockets, real isolates, in the test's process; one run of the program.
import test, { type ExecutionContext } from "ava";
import { writeFile } from "node:fs/promises";
import { useCells } from "../helpers/addon-stage.ts";
import { testCertificate, type TestCertificate } from "../helpers/certificate.ts";
import { rawClient } from "../helpers/client.ts";
import { curl, startHttpsOrigin } from "../helpers/e2e.ts";
import { startFlowcell, writeAddon } from "../helpers/flowcell.ts";
import { ask, h2Client, h2Origin } from "../helpers/h2.ts";
import { answering, rawOrigin } from "../helpers/origin.ts";
import { startProxy, type TestProxy, type TestProxyOptions } from "../helpers/proxy.ts";

const cells = useCells(test);
let certificate: TestCertificate;
test.before(async () => { certificate = await testCertificate(); });

const source = (edits: readonly object[], rest: object = {}): string => `export const manifest = ${JSON.stringify({ permissions: { write: ["request", "response"] }, ...rest, edits })};`;
const both = source([
  { event: "requestheaders", remove: ["X-Gone"], set: { "X-Set": "new" }, append: { "X-Added": ["1", "2"] } },
  { event: "responseheaders", remove: ["Server"], set: { "X-Seen": "yes" } },
]);

async function proxyWith(t: ExecutionContext, sources: { readonly [name: string]: string }, options: TestProxyOptions = {}): Promise<TestProxy> {
  const { host, problems } = await cells.stage(t, sources);
  t.deepEqual(problems, []);
  return startProxy(t, { gate: host.gate, ...options });
}

test.serial("HTTP/1: places, spelling and what was not touched stay, twice on one connection", async (t) => {
  const origin = await rawOrigin(answering("HTTP/1.1 200 OK\r\nserver: x\r\nX-Odd:  y \r\nContent-Length: 2\r\n\r\nok"));
  t.teardown(() => origin.close());
  const { port } = await proxyWith(t, { tool: both });
  const client = await rawClient(port);
  t.teardown(() => client.close());
  for (const turn of [1, 2]) {
    client.clear();
    client.send(`GET http://127.0.0.1:${origin.port}/${turn} HTTP/1.1\r\nHost: 127.0.0.1:${origin.port}\r\nx-gone: a\r\nx-SET: old\r\nX-Gone: b\r\nX-Kept:  1\r\n\r\n`);
    const answer = await client.until(/ok$/);
    t.regex(answer, /^HTTP\/1\.1 200 OK\r\nX-Odd: {1,2}y ?\r\nContent-Length: 2\r\nX-Seen: yes\r\n\r\nok$/);
    t.regex(origin.received[0]?.toString("latin1").split(`/${turn} HTTP/1.1`)[1] ?? "", /\r\nx-SET: new\r\nX-Kept: {1,2}1\r\nX-Added: 1\r\nX-Added: 2\r\n/);
  }
  t.notRegex(origin.received[0]?.toString("latin1") ?? "", /x-gone/i);
});

test.serial("HTTP/2 on both sides, beside a handler that goes on from there", async (t) => {
  let seen: readonly string[] = [];
  const origin = await h2Origin(t, certificate, (stream, _headers, raw) => {
    seen = raw.flatMap((name, at) => (at % 2 === 0 && name.startsWith("x-") ? [`${name}: ${raw[at + 1] ?? ""}`] : []));
    stream.respond({ ":status": 200, server: "x", "content-length": 2 });
    stream.end("ok");
  });
  const after = `export function request(flow) { flow.request.headers.set("X-Handler", flow.request.headers.getAll("x-added").join("+")); }`;
  const { port, ca } = await proxyWith(t, { tool: both, after }, { upstreamCaFile: certificate.certFile });
  const session = await h2Client(t, port, origin.port, ca);
  const answer = await ask(session, { ":path": "/", ":authority": `localhost:${origin.port}`, "x-gone": "a", "x-set": "old" });
  t.is(answer.body.toString(), "ok");
  t.is(answer.headers["x-seen"], "yes");
  t.is(answer.headers["server"], undefined);
  t.deepEqual(seen, ["x-set: new", "x-added: 1", "x-added: 2", "x-handler: 1+2"]);
  session.close();
});

test.serial("bodies go by while they come, both ways, and are not waited for", async (t) => {
  const origin = await rawOrigin((socket) => {
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      const before = text;
      text += chunk.toString("latin1");
      if (!before.includes("first") && text.includes("first")) socket.write("HTTP/1.1 200 OK\r\nServer: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
      if (text.endsWith("0\r\n\r\n")) socket.write("3\r\ntwo\r\n0\r\n\r\n");
    });
  });
  t.teardown(() => origin.close());
  const { port } = await proxyWith(t, { tool: both });
  const client = await rawClient(port);
  t.teardown(() => client.close());
  client.send(`POST http://127.0.0.1:${origin.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${origin.port}\r\nX-Gone: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n`);
  // The end of the request comes only when the beginning of the response has been seen, and that of the response only after it.
  t.regex(await client.until(/one/), /X-Seen: yes\r\n/);
  client.send("6\r\nsecond\r\n0\r\n\r\n");
  await client.until(/two\r\n0\r\n\r\n$/);
  t.notRegex(origin.received[0]?.toString("latin1") ?? "", /x-gone/i);
});

test.serial("a response that an addon made is edited too", async (t) => {
  const answers = `import { Response } from "flowcell"; export function requestheaders(flow) { flow.response = Response.make(200, "made", { Server: "x" }); }`;
  const { port } = await proxyWith(t, { answers, tool: both });
  const client = await rawClient(port);
  t.teardown(() => client.close());
  client.send("GET http://nowhere.invalid/ HTTP/1.1\r\nHost: nowhere.invalid\r\n\r\n");
  const answer = await client.until(/made$/);
  t.regex(answer, /X-Seen: yes\r\n/);
  t.notRegex(answer, /server: x/i);
});

const hostile: readonly (readonly [what: string, source: string, problem: RegExp])[] = [
  ["line breaks", source([{ event: "requestheaders", set: { "X-A": "1\r\nX-B: 2" } }]), /a value that no field can have/],
  ["framing", source([{ event: "requestheaders", set: { "Transfer-Encoding": "chunked" } }]), /the proxy sets it/],
  ["too much", source([{ event: "requestheaders", append: { "x-a": "v".repeat(30_000) } }]), /larger than one call may: 20000 bytes allowed/],
  ["no permission", source([{ event: "requestheaders", set: { "X-A": "1" } }], { permissions: {} }), /needs permissions\.write "request"/],
  ["a getter", `let count = 0; export const manifest = { permissions: { write: ["request"] }, get edits() { return [{ event: "requestheaders", set: { ["X-" + count++]: "a\\r\\nb" } }]; } };`, /no field can have|plain/],
  ["a function", `export const manifest = { permissions: { write: ["request"] }, edits: [{ event: "requestheaders", set: { "X-A": () => "1" } }] };`, /no text|plain/],
  ["toJSON", `export const manifest = { permissions: { write: ["request"] }, edits: [{ event: "requestheaders", set: { "X-A": { toJSON: () => "a\\nb" } } }] };`, /no text|no field can have|plain/],
  ["a cycle", `const rule = { event: "requestheaders" }; rule.set = rule; export const manifest = { permissions: { write: ["request"] }, edits: [rule] };`, /./],
  ["a huge list", `export const manifest = { permissions: { write: ["request"] }, edits: new Array(1e6).fill({ event: "requestheaders", remove: ["a"] }) };`, /./],
];
test.serial("what is hostile or too much is not loaded, and says why", async (t) => {
  for (const [what, text, problem] of hostile) {
    const { host, problems } = await cells.stage(t, { tool: text }, { limits: { mutationBytes: 20_000 } });
    t.is(problems.length, 1, what);
    t.regex(problems[0]?.message ?? "", problem, what);
    t.false(host.gate.wants("requestheaders", null));
  }
});

test.serial("the program: HTTPS, two workers, and an edit of the file changes the edits", async (t) => {
  const origin = await startHttpsOrigin();
  t.teardown(() => origin.close());
  const addon = await writeAddon(source([{ event: "requestheaders", set: { "X-Version": "one" } }]));
  const flowcell = await startFlowcell([addon], ["--workers", "2", "--upstream-ca", origin.caFile]);
  t.teardown(() => flowcell.stop());
  const asked = (): ReturnType<typeof curl> => curl(t, ["-x", flowcell.proxyUrl, "--cacert", flowcell.caFile, `https://localhost:${origin.port}/`]);
  t.regex((await asked()).body, /"X-Version","one"/);
  await writeFile(addon, source([{ event: "requestheaders", set: { "X-Version": "two" } }]));
  await flowcell.line(({ event }) => event === "reload");
  t.regex((await asked()).body, /"X-Version","two"/);
});
