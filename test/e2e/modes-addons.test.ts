// What addons see and may do about modes, through real isolates: `rootLayer.mode`, `serverConn.via`, and what they may not.
import test from "ava";
import { curl, startHttpOrigin, startHttpsOrigin } from "../helpers/e2e.ts";
import { startFlowcell, writeAddon } from "../helpers/flowcell.ts";
import { rawOrigin } from "../helpers/origin.ts";

test("rootLayer.mode says how a client came; via is seen and set in serverconnect; a password of ours goes nowhere else", async (t) => {
  const [plain, secure] = [await startHttpOrigin(), await startHttpsOrigin()];
  const other = await rawOrigin((socket) => { socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")); });
  const next = await startFlowcell([], ["--proxy-auth", "ada:hunter2", "--upstream-ca", secure.caFile, "--workers", "1"]);
  const addon = await writeAddon(`
    import { ctx } from "flowcell";
    export function clientconnect(root) { ctx.log.info("mode " + root.mode); }
    export function serverconnect(server) {
      ctx.log.info("via " + JSON.stringify(server.via));
      if (server.address.host === "elsewhere.test") server.via = { scheme: "http", host: "127.0.0.1", port: ${other.port} };
      if (server.address.host === "127.0.0.1") server.via = null;
    }`);
  const mode = `upstream:http://127.0.0.1:${next.port}`;
  const flowcell = await startFlowcell([addon], ["-m", mode, "--upstream-auth", "ada:hunter2", "--upstream-ca", next.caFile, "--workers", "1"]);
  t.teardown(async () => {
    await Promise.all([flowcell.stop(), next.stop()]);
    for (const origin of [plain, secure, other]) origin.close();
  });
  const ask = (url: string): ReturnType<typeof curl> => curl(t, ["-i", "-x", flowcell.proxyUrl, "--cacert", flowcell.caFile, url]);
  t.is((await ask(`https://localhost:${secure.port}/through`)).status, 200);
  await flowcell.line(({ msg }) => msg.includes(`mode ${mode}`));
  await flowcell.line(({ msg }) => msg.includes(`via {"scheme":"http","host":"127.0.0.1","port":${next.port}}`) || msg.includes(`via {"host":"127.0.0.1","port":${next.port},"scheme":"http"}`));
  t.is((await ask("http://elsewhere.test/x")).body, "other");
  t.regex(other.text(), /^GET http:\/\/elsewhere\.test\/x /);
  t.notRegex(other.text(), /authorization/i);
  const passed = next.lines.length;
  t.is((await ask(`http://127.0.0.1:${plain.port}/direct`)).status, 200);
  t.is(next.lines.length, passed, "not through the next proxy");
  t.false(JSON.stringify([flowcell.lines, next.lines]).includes("hunter2"));
});

test("an addon without act: redirect sets no via", async (t) => {
  const origin = await startHttpOrigin();
  const addon = await writeAddon(`
    export const manifest = { name: "sneaky", permissions: { read: ["connection"] } };
    export function serverconnect(server) { server.via = { scheme: "http", host: "127.0.0.1", port: 9 }; }`);
  const flowcell = await startFlowcell([addon], ["--workers", "1"]);
  t.teardown(async () => { await flowcell.stop(); origin.close(); });
  t.is((await curl(t, ["-i", "-x", flowcell.proxyUrl, `http://127.0.0.1:${origin.port}/`])).status, 200);
  await flowcell.line(({ level, msg }) => level === "warn" || level === "error" ? /redirect/.test(msg) : false);
});
