// More ways to hold the thread or the flow: built-ins that V8 does not interrupt, places outside of handlers, promises that come back.
import type { FaultCode } from "../../../sandbox-api/schema/faults.ts";
import { onRequest, type AttackCase } from "../attack-case.ts";

const stopped: readonly FaultCode[] = ["cpu-limit", "unresponsive", "cell-memory", "memory-limit", "cell-died"];

function hang(name: string, body: string, ends: AttackCase["ends"] = stopped): AttackCase {
  return { name, category: "hang", wants: "the thread, for ever", wall: "isolate", source: body.startsWith("export") || body.startsWith("import") ? body : onRequest(body), ends };
}

export const moreHangCases: readonly AttackCase[] = [
  hang("array-shift-huge", `Array.prototype.shift.call({ length: 2 ** 53 - 1 });`),
  hang("array-includes-huge", `Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1);`),
  hang("array-copy-within-huge", `Array.prototype.copyWithin.call({ length: 2 ** 53 - 1 }, 1, 0);`),
  hang("bigint-divide", `const a = 3n ** 2000000n, b = 7n ** 700000n; for (;;) void (a / b);`, [...stopped, "threw"]),
  hang("bigint-to-string", `const a = 3n ** 3000000n; for (;;) void a.toString();`, [...stopped, "threw"]),
  hang("split-periodic", `"a".repeat(8e6).split("ab" + "a".repeat(3e5));`),
  hang("replace-all-periodic", `"a".repeat(8e6).replaceAll("ab" + "a".repeat(3e5), "");`),
  hang("typed-array-index-of", `const a = new Uint8Array(1e7); for (;;) a.indexOf(1);`),
  hang("math-max-apply", `const a = new Array(1e5).fill(1); for (;;) Math.max(...a);`),
  hang("normalize-loop", `const s = "\\u0344".repeat(2e5); for (;;) void s.normalize("NFKD");`, [...stopped, "threw"]),
  hang("locale-compare", `const s = "a\\u0300".repeat(2e5); for (;;) void s.localeCompare(s + "b");`, [...stopped, "threw"]),
  hang("async-generator", `export async function request() { async function* g() { for (;;) yield 1; } for await (const x of g()) void x; }\n`),
  hang("thenable-chain", `export function request() { const make = (): any => ({ then(resolve: any) { resolve(make()); } }); return make(); }\n`),
  hang("iterator-without-end", `import { Headers } from "flowcell";\nexport function request() { new Headers({ *[Symbol.iterator]() { for (;;) yield ["x-a", "1"]; } } as any); }\n`, [...stopped, "threw", "illegal-change"]),
  hang("header-name-loops", `flow.request.headers.set({ toString() { for (;;) {} } } as any, "1");`, [...stopped, "threw", "illegal-change"]),
  hang("path-loops", `flow.request.path = { [Symbol.toPrimitive]() { for (;;) {} } } as any;`, [...stopped, "threw", "illegal-change"]),
  hang("console-loops", `console.log({ get a() { for (;;) {} } });`, "survived"),
  hang("clone-loops", `structuredClone({ get a() { for (;;) {} } });`),
  hang("timer-interval-storm", `export function request() { for (let i = 0; i < 900; i += 1) setInterval(() => { for (let n = 0; n < 1e5; n += 1); }, 1); }\n`, "survived"),
  hang("loop-after-await", `export async function request() { await new Promise((resolve) => setTimeout(resolve, 5)); for (;;) {} }\n`, [...stopped, "restarted"]),
  hang("rejects-late", `export async function request() { await new Promise((_, reject) => setTimeout(() => reject({ get message() { for (;;) {} } }), 5)); }\n`, [...stopped, "restarted"]),
  hang("rejection-listener-loops", `export function request() { Promise.reject(new Error("x")); }\naddEventListener("unhandledrejection", (event) => { event.preventDefault(); for (;;) {} });\n`),
  hang("rejection-listener-after-the-time", `export function request() { const end = Date.now() + 45; while (Date.now() < end); Promise.reject(new Error("x")); }\naddEventListener("unhandledrejection", (event) => { event.preventDefault(); for (;;) {} });\n`),
  hang("error-listener-feeds-itself", `export function request() { queueMicrotask(() => { throw new Error("x"); }); }\naddEventListener("error", (event) => { event.preventDefault(); queueMicrotask(() => { throw event.error; }); });\n`),
  hang("error-listener-reports", `export function request() { reportError(new Error("x")); }\naddEventListener("error", (event) => { event.preventDefault(); for (;;) reportError(event.error); });\n`, [...stopped, "host-calls"]),
  hang("code-as-text-loops", `export async function request() { setTimeout("for (;;);", 1); await new Promise((resolve) => setTimeout(resolve, 50)); }\n`, [...stopped, "restarted"]),
  hang("intercept-for-ever", `export function request(flow: any) { flow.intercept(); setTimeout(() => flow.resume(), 30); }\n`, "harmless"),
  hang("loop-in-responseheaders", `export function responseheaders() { for (;;) {} }\n`),
  hang("loop-in-stream", `export function responseheaders(flow: any) { flow.response.stream = () => { for (;;) {} }; }\n`),
  hang("stream-never-settles", `export function responseheaders(flow: any) { flow.response.stream = () => new Promise(() => {}); }\n`, ["wall-limit"]),
  hang("loop-in-replaced-addon", `export function start() { return { request() { for (;;) {} } }; }\n`),
  hang("getter-as-handler", `export default { get request(): any { for (;;) {} } };\n`, "refused"),
  hang("text-of-a-body-for-ever", `flow.request.body = new Uint8Array(4e6).fill(0x61); for (;;) void flow.request.text;`, [...stopped, "threw"]),
  hang("bytes-of-a-text-for-ever", `const text = "\\u00e9".repeat(4e6); for (;;) try { flow.request.text = text; } catch {}`, [...stopped, "threw"]),
  hang("sleep-in-start", `export async function start() { await new Promise(() => {}); }\nexport function request() {}\n`, "refused"),
  hang("manifest-proxy", `export const options: any = new Proxy({}, { ownKeys() { for (;;) {} } });\nexport function request() { for (const key in options) void key; }\n`),
];
