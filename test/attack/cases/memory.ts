// Ways to eat memory: in one call, over many calls, in kinds that V8 does not count.
import { onRequest, type AttackCase } from "../attack-case.ts";
import type { FaultCode } from "../../../sandbox-api/schema/faults.ts";

const stopped: readonly FaultCode[] = ["memory-limit", "cpu-limit", "starved", "cell-memory", "cell-died", "unresponsive", "threw"];

function memory(name: string, body: string, ends: AttackCase["ends"] = stopped, wall: AttackCase["wall"] = "isolate"): AttackCase {
  return { name, category: "memory", wants: "all memory", wall, source: body.startsWith("export") ? body : onRequest(body), ends };
}

export const memoryCases: readonly AttackCase[] = [
  memory("array-of-arrays", `const a: unknown[] = []; for (;;) a.push(new Array(1e5).fill(1.5));`),
  memory("string-doubling", `let s = "x".repeat(1024); for (;;) s += s;`),
  memory("flat-string", `const keep: string[] = []; for (;;) keep.push("ab".repeat(2 ** 26).split("").reverse().join(""));`),
  memory("typed-arrays", `const a: unknown[] = []; for (;;) a.push(new Uint8Array(1e7).fill(1));`),
  memory("map-growth", `const m = new Map(); for (let i = 0; ; i += 1) m.set(i, { i });`),
  memory("set-of-keys", `new Set(Array(1e7).keys()); const s = new Set(); for (let i = 0; ; i += 1) s.add("k" + i);`),
  memory("symbol-registry", `for (let i = 0; ; i += 1) Symbol.for("k" + i + "x".repeat(100));`),
  memory("object-properties", `const o: any = {}; for (let i = 0; ; i += 1) o["k" + i] = i;`),
  memory("closures", `const a: unknown[] = []; for (;;) { const big = new Array(1000).fill(0); a.push(() => big); }`),
  memory("array-fill-huge", `new Array(2 ** 27).fill(1.5);`),
  memory("array-from-length", `Array.from({ length: 1e9 });`),
  memory("object-keys-typed", `Object.keys(new Uint8Array(2e7) as any);`),
  memory("json-stringify-amplify", `const x = "a".repeat(1e6); const a = new Array(2000).fill(x); JSON.stringify(a);`),
  memory("promise-hoard", `const a: unknown[] = []; for (;;) a.push(Promise.resolve().then(() => a));`),
  memory("leak-over-calls", `export const hoard: unknown[] = []; export function request() { for (let i = 0; i < 40; i += 1) hoard.push(new Array(1e5).fill(hoard.length + 0.5)); }\n`),
  memory("metadata-hoard", `export const hoard: unknown[] = []; export function request(flow: any) { flow.metadata.x = "y".repeat(1e6).split(""); hoard.push(flow); for (let i = 0; i < 30; i += 1) hoard.push(flow.metadata.x.slice()); }\n`),
  memory("texts-of-a-body", `flow.request.body = new Uint8Array(4e6).fill(0x61); const hoard: string[] = []; for (;;) hoard.push(flow.request.text);`),
  memory("error-message", `throw new Error("x".repeat(2 ** 28));`),
  memory("body-huge", `export function response(flow: any) { flow.response.body = new Uint8Array(24 * 1024 * 1024); }\n`, ["mutation-too-large", "memory-limit", "threw", "cpu-limit"], "guest lockdown"),
  memory("header-huge", `export function response(flow: any) { flow.response.headers.set("x-big", "x".repeat(1e6)); }\n`, ["threw", "illegal-change"], "guest lockdown"),
  memory("headers-many", `export function response(flow: any) { for (let i = 0; i < 1e5; i += 1) flow.response.headers.append("x-" + i, "x".repeat(100)); }\n`, ["threw", "illegal-change", "cpu-limit", "mutation-too-large", "memory-limit"], "guest lockdown"),
];
