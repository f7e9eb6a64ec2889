// Ways to hold the thread: loops, microtask floods, built-ins that V8 does not interrupt, getters that run when somebody looks.
import { onRequest, type AttackCase } from "../attack-case.ts";
import type { FaultCode } from "../../../sandbox-api/schema/faults.ts";

const stopped: readonly FaultCode[] = ["cpu-limit", "starved", "unresponsive", "cell-memory", "memory-limit", "cell-died"];

function hang(name: string, body: string, ends: AttackCase["ends"] = stopped, wall: AttackCase["wall"] = "isolate"): AttackCase {
  return { name, category: "hang", wants: "the thread, for ever", wall, source: body.startsWith("export") ? body : onRequest(body), ends };
}

export const hangCases: readonly AttackCase[] = [
  hang("plain-loop", `for (;;) {}`),
  hang("loop-in-finally", `try { for (;;) {} } finally { for (;;) {} }`),
  hang("loop-in-catch", `for (;;) { try { (() => { for (;;) {} })(); } catch { /* again */ } }`),
  hang("generator-loop", `function* g() { for (;;) yield 1; } for (const x of g()) void x;`),
  hang("promise-recursion", `export function request() { const f = (): any => Promise.resolve().then(f); return f(); }\n`),
  hang("microtask-flood", `export function request() { const f = () => { queueMicrotask(f); queueMicrotask(f); }; f(); }\n`),
  hang("microtask-after-loop", `Promise.resolve().then(() => { for (;;) {} }); for (;;) {}`),
  hang("never-settles", `export async function request() { await new Promise(() => {}); }\n`, ["wall-limit"]),
  hang("thenable-never", `export function request() { return { then() {} }; }\n`, ["wall-limit"]),
  hang("thenable-loops", `export function request() { return { then() { for (;;) {} } }; }\n`),
  hang("regexp", `/^(a+)+$/.test("a".repeat(40) + "b");`),
  hang("regexp-backreference", `/(x+x+)+y\\1/.test("x".repeat(60));`),
  hang("comparator", `[3, 1, 2].sort(() => { for (;;) {} });`),
  hang("to-primitive", `const o = { [Symbol.toPrimitive]() { for (;;) {} } }; void (\`\${o as any}\`);`),
  hang("proxy-trap", `const p: any = new Proxy({}, { get() { for (;;) {} } }); void p.x;`),
  hang("thrown-getter", `throw { get message() { for (;;) {} } };`),
  hang("thrown-to-string", `throw { toString() { for (;;) {} }, get name() { for (;;) {} } };`),
  hang("thrown-proxy", `throw new Proxy({}, { get() { for (;;) {} }, getPrototypeOf() { for (;;) {} } });`),
  hang("rejected-getter", `export async function request() { throw { get message() { for (;;) {} }, get stack() { for (;;) {} } }; }\n`),
  hang("unhandled-rejection-getter", `Promise.reject({ get message() { for (;;) {} }, get stack() { for (;;) {} } });`, [...stopped, "threw"]),
  hang("error-with-looping-cause", `const e: any = new Error("x"); Object.defineProperty(e, "stack", { get() { for (;;) {} } }); throw e;`),
  hang("index-of-periodic", `"a".repeat(8e6).indexOf("ab" + "a".repeat(3e5));`),
  hang("array-index-of-huge", `Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);`),
  hang("array-reverse-huge", `Array.prototype.reverse.call({ length: 2 ** 53 - 1 });`),
  hang("sparse-sort", `const a: any[] = []; a.length = 2 ** 32 - 1; a.sort();`),
  hang("bigint-power", `const b = 7n ** 300000n; for (let i = 0; i < 50; i += 1) void (b * b * b).toString().length;`),
  hang("bigint-parse", `for (let i = 0; i < 50; i += 1) BigInt("9".repeat(1e6));`),
  hang("json-bomb", `const text = "[" + "{},".repeat(3e6) + "{}]"; for (let i = 0; i < 50; i += 1) JSON.parse(text);`),
  hang("function-compile", `const text = "x=>x;".repeat(1e6); for (let i = 0; i < 20; i += 1) new Function(text);`, [...stopped, "threw"]),
  hang("regexp-compile", `for (let i = 0; i < 1e6; i += 1) new RegExp("(?:a{0,900}){0,900}" + i);`),
  hang("deep-recursion", `const f = (): number => { try { return f() + f(); } catch { return f(); } }; f();`),
  hang("class-in-overflow", `const f = (): any => { try { return f(); } catch { return new Function("class A { x = 1 }; return A")(); } }; for (;;) f();`),
  hang("replace-callback", `"a".repeat(1e6).replace(/a/g, () => { for (;;) {} });`),
  hang("date-loop", `const end = Date.now() + 1e9; while (Date.now() < end) {}`),
  hang("timer-storm", `export function request() { const f = () => { for (;;) {} }; setTimeout(f, 1); return new Promise((r) => setTimeout(r, 50)); }\n`, [...stopped, "wall-limit", "restarted"]),
  hang("loop-in-module-body", `for (;;) {}\nexport function request() {}\n`.replace(/^/, "export const x = 1;\n"), "refused"),
  hang("loop-in-start", `export function start() { for (;;) {} }\nexport function request() {}\n`, "refused"),
  hang("loop-in-configure", `export function configure() { for (;;) {} }\nexport function request() {}\n`, "refused"),
  hang("loop-in-tick", `export function tick() { for (;;) {} }\n`),
  hang("loop-in-log", `export function log() { for (;;) {} }\n`, stopped),
];
