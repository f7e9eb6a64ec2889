// Storage and fetch through the real program: an addon with a manifest, started by `flowcell run`, over a restart and a kill -9.
import test from "ava";
import { statSync } from "node:fs";
import path from "node:path";
import { curl, startHttpOrigin, startHttpsOrigin } from "../helpers/e2e.ts";
import { startFlowcell, writeAddon } from "../helpers/flowcell.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const source = (api: string): string => `
  import { ctx, Response, type HTTPFlow } from "flowcell";
  export const manifest = { name: "counter", permissions: { read: ["request"], act: ["respond"], storage: "64KiB", fetch: [${JSON.stringify(api)}, "http://*.example.com"] } };
  export async function request(flow: HTTPFlow) {
    const count = (((await ctx.storage.get("count")) as number | undefined) ?? 0) + 1;
    await ctx.storage.set("count", count);
    if (flow.request.path === "/throw") throw new Error("on purpose");
    if (flow.request.path === "/self") return void (flow.response = Response.make(200, await fetch(String(flow.request.headers.get("x-self"))).then(() => "reached", (error) => error.message)));
    const response = await fetch(${JSON.stringify(`${api}/count`)}, { method: "PUT", body: String(count) });
    flow.response = Response.make(200, count + " " + (await response.text()));
  }`;

test.serial("an addon keeps and fetches by its manifest; a failed call leaves nothing; a killed proxy loses nothing that was answered", async (t) => {
  const api = await startHttpsOrigin((request, response) => { let body = ""; request.on("data", (chunk) => { body += String(chunk); }).on("end", () => response.end(`api got ${request.method ?? ""} ${body}`)); });
  const origin = await startHttpOrigin();
  t.teardown(() => { api.close(); origin.close(); });
  const confdir = temporaryFolder("confdir");
  const addon = await writeAddon(source(`https://localhost:${api.port}`), {}, "counter.ts");
  const args = ["--confdir", confdir, "--upstream-ca", api.caFile];
  const ask = async (port: number, where = "/"): Promise<string> => (await curl(t, ["-x", `http://127.0.0.1:${port}`, `http://127.0.0.1:${origin.port}${where}`])).body;
  const first = await startFlowcell([addon], args);
  t.is(await ask(first.port), "1 api got PUT 1");
  t.regex(await ask(first.port, "/throw"), /^GET \/throw/, "it went to the server as if there were no addon");
  t.is(await ask(first.port), "2 api got PUT 2");
  t.is(statSync(path.join(confdir, "storage.sqlite")).mode & 0o777, 0o600);
  await first.stop("SIGKILL");
  const second = await startFlowcell([addon], args);
  t.is(await ask(second.port), "3 api got PUT 3");
  t.is(await second.stop(), 0);
});

test.serial("an addon never fetches through the proxy or from it", async (t) => {
  const origin = await startHttpOrigin();
  t.teardown(() => origin.close());
  const confdir = temporaryFolder("confdir");
  const probe = await startFlowcell([], ["--confdir", confdir]);
  const { port } = probe;
  await probe.stop();
  // The same port again, so that the manifest can name it.
  const addon = await writeAddon(source(`http://127.0.0.1:${port}`), {}, "counter.ts");
  const flowcell = await startFlowcell([addon], ["--confdir", confdir, "--mode", `regular@${port}`], { HTTP_PROXY: `http://127.0.0.1:${port}`, http_proxy: `http://127.0.0.1:${port}`, NODE_USE_ENV_PROXY: "1" });
  const { body } = await curl(t, ["-x", flowcell.proxyUrl, "-H", `x-self: http://127.0.0.1:${port}/`, `http://127.0.0.1:${origin.port}/self`]);
  t.regex(body, /^fetch: 127\.0\.0\.1:\d+ is this proxy itself$/);
  t.is(await flowcell.stop(), 0);
});
