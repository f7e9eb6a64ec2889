// Floods of host calls, changes that would make two parsers disagree, looks at what is not theirs, and imports that leave the folder.
import { onRequest, probe, type AttackCase } from "../attack-case.ts";

function flood(name: string, wants: string, source: string, ends: AttackCase["ends"]): AttackCase {
  return { name, category: "flood", wants, wall: "host checks", source, ends };
}

export const floodCases: readonly AttackCase[] = [
  flood("log-flood", "to drown the log", onRequest(`for (let i = 0; i < 1e5; i += 1) console.log("x".repeat(1e4));`), ["host-calls", "cpu-limit", "threw", "memory-limit", "unresponsive"]),
  flood("log-caught", "to drown the log and swallow the refusal", onRequest(`for (let i = 0; i < 1e5; i += 1) { try { console.log("x"); } catch { /* on */ } }`), ["host-calls", "cpu-limit", "unresponsive"]),
  flood("timer-flood", "a million timers", onRequest(`for (let i = 0; i < 1e5; i += 1) setTimeout(() => {}, 1e6);`), ["host-calls", "cpu-limit", "threw", "unresponsive"]),
  flood("log-control", "to paint the operator's terminal", onRequest(`console.log("\\x1b[2J\\x1b]0;owned\\x07\\r\\n{\\"level\\":\\"error\\"}");`), "harmless"),
  flood("log-huge", "a log line without end", onRequest(`console.log("x".repeat(2e6));`), "harmless"),
];

const illegal = ["threw", "illegal-change"] as const;

function smuggle(name: string, body: string): AttackCase {
  return { name, category: "smuggling", wants: "bytes that two parsers read differently", wall: "guest lockdown", source: onRequest(body), ends: illegal };
}

export const smugglingCases: readonly AttackCase[] = [
  smuggle("crlf-in-value", `flow.request.headers.set("x-a", "1\\r\\nx-b: 2");`),
  smuggle("lf-in-value", `flow.request.headers.set("x-a", "1\\nx-b: 2");`),
  smuggle("nul-in-value", `flow.request.headers.append("x-a", "a\\0b");`),
  smuggle("crlf-in-name", `flow.request.headers.set("x-a: 1\\r\\nx-b", "2");`),
  smuggle("space-in-name", `flow.request.headers.insert(0, "x a", "2");`),
  smuggle("colon-in-name", `flow.request.headers.append("host:", "evil");`),
  smuggle("empty-name", `flow.request.headers.append("", "x");`),
  smuggle("content-length", `flow.request.headers.set("content-length", "3");`),
  smuggle("transfer-encoding", `flow.request.headers.append("Transfer-Encoding", "chunked");`),
  smuggle("connection", `flow.request.headers.set("connection", "x-secret");`),
  smuggle("upgrade", `flow.request.headers.set("Upgrade", "h2c");`),
  smuggle("method-space", `flow.request.method = "GET / HTTP/1.1\\r\\nX: ";`),
  smuggle("method-empty", `flow.request.method = "";`),
  smuggle("path-space", `flow.request.path = "/a HTTP/1.1\\r\\nHost: evil\\r\\n\\r\\nGET /b";`),
  smuggle("path-crlf", `flow.request.path = "/a\\r\\nx: y";`),
  smuggle("path-fragment", `flow.request.path = "/a#b";`),
  smuggle("path-relative", `flow.request.path = "evil";`),
  smuggle("host-crlf", `flow.request.host = "a\\r\\nb";`),
  smuggle("host-with-path", `flow.request.host = "a/b@c";`),
  smuggle("port-range", `flow.request.port = 70000;`),
  smuggle("port-text", `flow.request.port = "80" as any;`),
  smuggle("scheme", `flow.request.scheme = "file" as any;`),
  smuggle("body-type", `flow.request.body = { length: 10 } as any;`),
  { name: "status-range", category: "smuggling", wants: "a status that ends the message early", wall: "guest lockdown", source: `export function response(flow: any) { flow.response.statusCode = 99; }\n`, ends: illegal },
  { name: "status-1xx", category: "smuggling", wants: "an interim response in place of a final one", wall: "guest lockdown", source: `export function response(flow: any) { flow.response.statusCode = 101; }\n`, ends: illegal },
  { name: "reason-crlf", category: "smuggling", wants: "a second head in the reason phrase", wall: "guest lockdown", source: `export function response(flow: any) { flow.response.reason = "OK\\r\\nx: y"; }\n`, ends: illegal },
  { name: "made-response-fields", category: "smuggling", wants: "framing of its own in a made response", wall: "guest lockdown", source: `import { Response } from "flowcell";\nexport function request(flow: any) { flow.response = Response.make(200, "abc", { "transfer-encoding": "chunked" }); }\n`, ends: illegal },
];

function spy(name: string, wants: string, body: string): AttackCase {
  return { name, category: "information", wants, wall: "isolate", source: probe(body), ends: "harmless" };
}

export const informationCases: readonly AttackCase[] = [
  spy("other-addon-globals", "what another addon left on the global object", `if ("innocentSecret" in globalThis) found("another addon's global");`),
  spy("other-addon-metadata", "what another addon noted on the flow", `if (Object.keys(flow.metadata).length > 0) found("another addon's metadata");`),
  spy("environment", "environment variables", `const e: any = (globalThis as any).process; if (e) found("process");`),
  spy("clock-resolution", "a clock fine enough for side channels", `
    const seen = new Set<number>(); for (let i = 0; i < 2e4; i += 1) seen.add(performance.now()); let least = 1e9, last = -1;
    for (const t of seen) { if (last >= 0 && t > last) least = Math.min(least, t - last); last = t; } if (least < 0.005) found("clock of " + least + " ms");`),
];

function bundling(name: string, wants: string, source: string, files: Readonly<Record<string, string>> = {}): AttackCase {
  return { name, category: "bundling", wants, wall: "bundler", source: `${source}\nexport function request() {}\n`, ends: "refused", files };
}

export const bundlingCases: readonly AttackCase[] = [
  bundling("parent-import", "a file outside its folder", `import x from "../../../../../etc/hostname"; console.log(x);`),
  bundling("absolute-import", "a file by absolute path", `import x from "/etc/hostname"; console.log(x);`),
  bundling("node-module", "Node's modules", `import fs from "node:fs"; console.log(fs);`),
  bundling("bare-node-module", "Node's modules by their old names", `import cp from "child_process"; console.log(cp);`),
  bundling("isolated-vm", "the sandbox's own library", `import ivm from "isolated-vm"; console.log(ivm);`),
  bundling("host-source", "the host's code", `import x from "flowcell/host/main.ts"; console.log(x);`),
  bundling("file-url", "a file by URL", `import x from "file:///etc/hostname"; console.log(x);`),
  bundling("data-url", "code from nowhere", `import x from "data:text/javascript,export default 1"; console.log(x);`),
  bundling("loader-attribute", "a file as text", `import x from "./secret.txt" with { type: "text" }; console.log(x);`, { "secret.txt": "secret" }),
  bundling("tsconfig-paths", "a path by a tsconfig of its own", `import x from "elsewhere"; console.log(x);`, { "tsconfig.json": `{"compilerOptions":{"paths":{"elsewhere":["/etc/hostname"]}}}` }),
  bundling("require-outside", "a file by require", `declare const require: any; const x = require("../../outside.js"); console.log(x);`),
];
