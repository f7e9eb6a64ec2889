// More ways to eat memory, in the isolate and through it in the host, and more floods: of changes, of timers, of flows kept, of texts.
import type { FaultCode } from "../../../sandbox-api/schema/faults.ts";
import { onRequest, type AttackCase } from "../attack-case.ts";

const stopped: readonly FaultCode[] = ["memory-limit", "cpu-limit", "cell-memory", "cell-died", "unresponsive", "threw"];

function memory(name: string, body: string, ends: AttackCase["ends"] = stopped): AttackCase {
  return { name, category: "memory", wants: "all memory", wall: "isolate", source: body.startsWith("export") ? body : onRequest(body), ends };
}

function flood(name: string, wants: string, body: string, ends: AttackCase["ends"]): AttackCase {
  return { name, category: "flood", wants, wall: "host checks", source: /^(export|import)/.test(body) ? body : onRequest(body), ends };
}

export const moreMemoryCases: readonly AttackCase[] = [
  memory("array-buffers", `const a: unknown[] = []; for (;;) a.push(new ArrayBuffer(1e7));`),
  memory("buffer-transfer-grow", `let b: any = new ArrayBuffer(8); for (let i = 8; ; i *= 2) { b = b.transfer(i); new Uint8Array(b).fill(1); }`),
  memory("weakmap-growth", `const m = new WeakMap(), keep: object[] = []; for (;;) { const k = {}; keep.push(k); m.set(k, new Array(1e3).fill(1)); }`),
  memory("rope-flattened", `let s = "ab"; for (let i = 0; i < 28; i += 1) s += s; void s.charCodeAt(5); void [...s].length;`),
  memory("pad-end", `const keep: string[] = []; for (;;) keep.push("x".padEnd(2 ** 28, "ab") + keep.length); `),
  memory("concat-arrays", `let a: unknown[] = [1]; for (;;) a = a.concat(a);`),
  memory("regexp-cache", `const keep: RegExp[] = []; for (let i = 0; ; i += 1) { const r = new RegExp("(?:" + "a|".repeat(1e4) + i + ")"); r.test("b"); keep.push(r); }`),
  memory("generators-suspended", `function* g() { const big = new Array(1e3).fill(1); yield big; yield big; } const keep: unknown[] = []; for (;;) { const it = g(); it.next(); keep.push(it); }`),
  memory("errors-with-causes", `let e: any = new Error("x"); for (;;) e = new Error("x".repeat(1e3), { cause: e });`),
  memory("many-typed-small", `const keep: unknown[] = []; for (;;) keep.push(new Float64Array(16));`),
  memory("map-across-calls", `export const kept = new Map(); export function request() { for (let i = 0; i < 3e4; i += 1) kept.set(kept.size, "k" + kept.size); }\nexport function tick() { for (let i = 0; i < 3e4; i += 1) kept.set(kept.size, "k" + kept.size); }\n`, "survived"),
];

export const moreFloodCases: readonly AttackCase[] = [
  flood("clear-timeout-flood", "to drown the host in timers that are cleared", `for (let i = 0; i < 1e5; i += 1) clearTimeout(setTimeout(() => {}, 1e6));`, ["host-calls", "cpu-limit", "threw", "unresponsive"]),
  flood("log-from-timers", "to drown the log from timers", `export function request() { for (let i = 0; i < 50; i += 1) setInterval(() => { for (let n = 0; n < 50; n += 1) console.log("x".repeat(100)); }, 1); }\n`, "survived"),
  flood("log-from-log", "a log that feeds itself", `export function log() { console.log("again"); }\nexport function request() { console.log("first"); }\n`, "harmless"),
  flood("comment-huge", "a note without end on the flow", `flow.comment = "x".repeat(1e7); `, ["threw", "illegal-change", "mutation-too-large", "cpu-limit", "memory-limit"]),
  flood("metadata-large", "to make the host keep its metadata", `flow.metadata.x = "x".repeat(1e6);`, "harmless"),
  flood("changes-rewritten", "a change list that grows with every assignment", `for (let i = 0; i < 2e4; i += 1) { flow.marked = "m" + i; flow.request.path = "/"; }`, "survived"),
  flood("rejections", "to drown the host in promises that nobody handles", `for (let i = 0; i < 2e4; i += 1) Promise.reject(new Error("x".repeat(100)));`, stopped),
  flood("rejections-and-late-answers", "its cell to answer twice for one call", `export async function request() { Promise.reject(new Error("first")); await null; Promise.reject(new Error("second")); await new Promise((resolve) => setTimeout(resolve, 5)); }\n`, ["threw"]),
  flood("rejections-prevented", "a failure that nobody sees, and answers that do not belong together", `export async function request(flow: any) { Promise.reject(new Error("first")); await null; Promise.reject(new Error("second")); await new Promise((resolve) => setTimeout(resolve, 5)); Promise.reject(new Error("third")); flow.marked = "m"; }\naddEventListener("unhandledrejection", (event) => event.preventDefault());\n`, "harmless"),
  flood("rejections-of-listeners", "an endless exchange about one rejection", `export function request() { Promise.reject(new Error("first")); }\naddEventListener("unhandledrejection", (event) => { event.preventDefault(); Promise.reject(event.reason); });\n`, ["threw"]),
  flood("flow-copies", "a thousand copies of a flow", `const keep: unknown[] = []; for (let i = 0; i < 1000; i += 1) keep.push(flow.copy());`, "survived"),
  flood("stream-chunks", "a million chunks for one", `export function responseheaders(flow: any) { flow.response.stream = (chunk: any) => chunk.length === 0 ? undefined : Array.from({ length: 1e5 }, () => new Uint8Array(1)); }\n`, ["mutation-too-large", "threw", "illegal-change", "cpu-limit", "memory-limit", "cell-lied"]),
  flood("console-deep", "a log line of a deep object", `let o: any = {}; for (let i = 0; i < 1e5; i += 1) o = { o }; console.log(o); const wide: any = {}; for (let i = 0; i < 1e4; i += 1) wide["k" + i] = i; console.log(wide);`, "survived"),
  flood("warnings-at-load", "to drown the operator in warnings", `${Array.from({ length: 300 }, (_, i) => `export const requests${i} = 1; export function onRequest${i}() {}`).join("\n")}\nexport function request() {}\n`.replace(/^/, "export const first = 1;\n"), "survived"),
];
