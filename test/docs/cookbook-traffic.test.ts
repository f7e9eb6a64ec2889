// Recipes of the cookbook that need a network, through the real program: a streamed body, a fetch that succeeds, a replay that a server
// sees, TLS that is left alone. Their servers' names are replaced by ours; nothing else of the samples is.
import test from "ava";
import { samples } from "../helpers/doc-samples.ts";
import { curl, startHttpOrigin, startHttpsOrigin } from "../helpers/e2e.ts";
import { startFlowcell, writeAddon } from "../helpers/flowcell.ts";

/** The addon below that heading, with one name replaced wherever it stands. */
function recipe(title: string, [from, to]: readonly [from: string, to: string] = ["", ""]): string {
  const { text } = samples.find((sample) => sample.page === "docs/cookbook.md" && sample.kind === "addon" && sample.title === title) ?? {};
  if (text === undefined || !text.includes(from)) throw new Error(`the cookbook has no "${title}" with ${from}`);
  return from === "" ? text : text.replaceAll(from, to);
}

test("stream, fetch, replay and pass through", async (t) => {
  const again = Promise.withResolvers<string>();
  const origin = await startHttpOrigin((request, response) => {
    if (request.headers["x-again"] !== undefined) again.resolve(`${request.method} ${request.url} ${String(request.headers["x-again"])}`);
    if (request.url === "/token") return void response.end("t-1");
    if (request.url === "/flaky") return void response.writeHead(503).end();
    if (request.url === "/video") return void response.writeHead(200, { "Content-Type": "video/mp4" }).end(Buffer.alloc(200_000, "v"));
    response.end(String(request.headers["x-token"]));
  });
  const secure = await startHttpsOrigin((_request, response) => { response.end("own certificate"); });
  t.teardown(() => { origin.close(); secure.close(); });
  const url = `http://127.0.0.1:${origin.port}`;
  const flowcell = await startFlowcell([
    await writeAddon(recipe("Stream a big body"), {}, "stream.ts"), await writeAddon(recipe("Ask another server", ["https://auth.example.com", url]), {}, "ask.ts"),
    await writeAddon(recipe("Send a request again"), {}, "again.ts"), await writeAddon(recipe("Leave TLS alone", [".bank.example", "localhost"]), {}, "alone.ts"),
  ]);
  t.teardown(() => flowcell.stop());
  const ask = async (target: string, ...more: readonly string[]): Promise<string> => (await curl(t, ["-x", flowcell.proxyUrl, ...more, target])).body;
  t.is(await ask(`${url}/`), "t-1");
  t.is((await ask(`${url}/video`)).length, 200_000);
  t.truthy(await flowcell.line(({ msg }) => msg.includes("200000 bytes went by")));
  await ask(`${url}/flaky`);
  t.is(await again.promise, "GET /flaky 1");
  t.is(await ask(`https://localhost:${secure.port}/`, "--cacert", secure.caFile), "own certificate");
});
