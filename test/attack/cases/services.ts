// What a guest may ask the host for off the flow, asked for without a grant, too often, or by a way around the grant's words: fetch, storage, replays.
// The arena gives no network and no storage to anybody, so that whatever answers is a hole. The guard's own tricks are in test/host/services.
import { asyncProbe, type AttackCase } from "../attack-case.ts";

function service(name: string, category: AttackCase["category"], wants: string, permissions: string, body: string): AttackCase {
  return { name, category, wants, wall: "host checks", source: `import { ctx } from "flowcell";\nvoid ctx;\n${asyncProbe(body)}`, ends: "survived", permissions };
}

const flowOnly = `{ read: ["request", "response"], write: ["response"] }`;
const oneOrigin = `{ read: ["request", "response"], write: ["response"], fetch: ["https://api.example.com"], storage: "1KiB" }`;

const replayOnly = `{ read: ["request", "response"], write: ["response"], act: ["replay"] }`;

export const serviceCases: readonly AttackCase[] = [
  service("fetch-unasked", "information", "the network, without the permission", flowOnly, `try { const got = await (globalThis as any).fetch("http://127.0.0.1:" + flow.request.port + "/"); found(got.status ?? "an answer"); } catch { /* refused */ }`),
  service("fetch-around-the-grant", "information", "an address inside, by other spellings", oneOrigin, `
    const port = flow.request.port; const urls = ["http://127.0.0.1:" + port, "http://2130706433:" + port, "http://0x7f.1:" + port, "http://0177.0.0.1:" + port, "http://127.1:" + port, "http://[::1]:" + port, "http://[::ffff:127.0.0.1]:" + port, "http://localhost.:" + port,
      "https://api.example.com@127.0.0.1:" + port, "https://api.example.com.:443", "https://api.example.com\\u3002evil", "file:///etc/hostname", "data:text/plain,x", "blob:x", "http://169.254.169.254/latest/meta-data/", "//127.0.0.1:" + port, "\\\\\\\\127.0.0.1", "https:api.example.com:" + port];
    for (const url of urls) { try { const got = await (globalThis as any).fetch(url); found(url + " " + got.status); } catch { /* refused */ } }`),
  service("fetch-flood", "flood", "a thousand connections", oneOrigin, `for (let i = 0; i < 5000; i += 1) { try { (globalThis as any).fetch("https://api.example.com/" + i).then(found, () => {}); } catch { break; } }`),
  service("storage-unasked", "information", "a store, without the permission", flowOnly, `try { await (ctx as any).storage.set("a", 1); found("stored"); } catch { /* none */ }`),
  service("replay-unasked", "forgery", "to act as the client once more, without the permission", flowOnly, `
    for (const replay of [() => (ctx as any).replay(flow), () => Reflect.apply((ctx as any).replay, ctx, [flow])]) { try { await replay(); found("sent again"); } catch { /* refused */ } }`),
  service("replay-what-is-not-its-own", "forgery", "to send requests of its own making in the client's name", replayOnly, `
    const made = flow.copy(); made.request.path = "/of-its-own";
    for (const value of [made, Object.create(flow), { ...flow }, new Proxy(flow, {}), flow.request, 1, { owner: { key: 1 } }, null]) { try { await (ctx as any).replay(value); found("sent"); } catch { /* refused */ } }`),
  service("replay-flood", "flood", "requests without end", replayOnly, `for (let i = 0; i < 5000; i += 1) { try { (ctx as any).replay(flow).then(found, () => {}); } catch { break; } }`),
  service("fetch-headers", "smuggling", "a second request inside a fetch's head", oneOrigin, `
    for (const init of [{ method: "GET / HTTP/1.1\\r\\nx-smuggled: 1" }, { headers: { "x-a": "1\\r\\nx-smuggled: 1" } }, { headers: { "content-length": "0", "transfer-encoding": "chunked" } }, { headers: { host: "127.0.0.1" } }]) { try { const got = await (globalThis as any).fetch("https://api.example.com/", init); found(got.status); } catch { /* refused */ } }`),
];
