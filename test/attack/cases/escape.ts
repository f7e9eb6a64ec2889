// Ways out of the isolate: constructor chains, error objects, leaked handles, dynamic code, poisoned prototypes.
import { asyncProbe, onRequest, probe, type AttackCase } from "../attack-case.ts";

const hostGlobals = `["process","require","module","global","Buffer","__dirname","Deno","Bun","setImmediate","_ivm","ivm","$post","$done","$guest","$module"]`;

function escape(name: string, wants: string, source: string, wall: AttackCase["wall"] = "isolate", ends: AttackCase["ends"] = "harmless"): AttackCase {
  return { name, category: "escape", wants, wall, source, ends };
}

export const escapeCases: readonly AttackCase[] = [
  escape("global-names", "globals of Node or of the bridge", probe(`for (const name of ${hostGlobals}) if (typeof (globalThis as any)[name] !== "undefined") found(name);`), "guest lockdown"),
  escape("function-constructor", "process by Function('return process')", probe(`try { found(Function("return process")()); } catch { /* none */ }`)),
  escape("constructor-chain-of-flow", "the host realm behind the flow object", probe(`
    for (const value of [flow, flow.request, flow.response, flow.request.headers, flow.clientConn, flow.kill, flow.metadata]) {
      try { const p = value.constructor.constructor("return typeof process + typeof require")(); if (p !== "undefinedundefined") found(p); } catch { /* none */ }
    }`)),
  escape("constructor-chain-of-ctx", "the host realm behind console, ctx and timers", `import { ctx } from "flowcell";\n${probe(`
    for (const value of [console, console.log, ctx, ctx.log, setTimeout, queueMicrotask]) {
      try { const p = (value as any).constructor.constructor("return typeof process")(); if (p !== "undefined") found(p); } catch { /* none */ }
    }`)}`),
  escape("async-function-constructor", "host code by the async function constructor", probe(`
    const AsyncFunction = (async () => {}).constructor as any;
    AsyncFunction("return typeof process")().then((p: string) => { if (p !== "undefined") found(p); });`)),
  escape("generator-function-constructor", "host code by the generator function constructor", probe(`
    const Generator = (function* () {}).constructor as any;
    const p = Generator("yield typeof process")().next().value; if (p !== "undefined") found(p);`)),
  escape("caller-arguments", "the bridge's frames by arguments.callee.caller", `${probe(`
    const walk = Function("return arguments.callee.caller"); let frame: any = null; try { frame = walk(); } catch { /* strict */ }
    if (frame && frame !== response) { try { if (/guest|dispatch/.test(String(frame))) found("frame"); } catch { /* none */ } }`)}`, "guest lockdown"),
  escape("prepare-stack-trace", "call sites of the bridge by Error.prepareStackTrace", probe(`
    try { (Error as any).prepareStackTrace = (_e: unknown, sites: any[]) => sites; } catch { /* pinned */ }
    const stack: any = new Error("x").stack;
    if (typeof stack !== "string") { for (const site of stack) { const f = site.getFunction?.(); const t = site.getThis?.(); if (f && f !== response || t) found("call site"); } }`), "guest lockdown"),
  escape("error-stack-paths", "absolute paths of the host in stack traces", probe(`
    try { flow.request.headers.set("bad name", "x"); } catch (error) { if (/\\/(?:work|home|root|tmp|usr)\\//.test(String((error as Error).stack))) found((error as Error).stack); }`)),
  escape("dynamic-import", "node modules by import()", `export async function response(flow: any) {
  for (const name of ["fs", "node:fs", "child_process", "isolated-vm", "flowcell/host"]) {
    try { const load = Function("n", "return import(n)"); await load(name); flow.response.headers.set("x-escaped", name); } catch { /* none */ }
  }
}
`),
  escape("import-meta", "paths by import.meta", probe(`try { const meta = Function("return import.meta")(); found(meta.url); } catch { /* a script has none */ }`)),
  escape("wasm", "an uncounted memory and a compiler", probe(`if (typeof (globalThis as any).WebAssembly !== "undefined") found("WebAssembly");`), "guest lockdown"),
  escape("shared-memory", "shared memory for timing", probe(`for (const n of ["SharedArrayBuffer", "Atomics"]) if (n in globalThis) found(n);`), "guest lockdown"),
  escape("weak-refs", "callbacks outside any timed call by FinalizationRegistry", probe(`for (const n of ["FinalizationRegistry", "WeakRef"]) if (n in globalThis) found(n);`), "guest lockdown"),
  escape("secret-key", "the bytes of a key that is not extractable", asyncProbe(`
    const { subtle } = crypto as any; const secret = (value: any) => { if (value && value.byteLength === 32) found("32 bytes"); if (value && Object.hasOwn(value, "k")) found("a JWK"); };
    const names = ["toJSON", "k", "material", "bytes"]; for (const name of names) Object.defineProperty(Object.prototype, name, { configurable: true, get() { secret(this); return undefined; } });
    const key = await subtle.generateKey({ name: "AES-CBC", length: 256 }, false, ["encrypt", "decrypt", "wrapKey"]); const iv = { name: "AES-CBC", iv: new Uint8Array(16) };
    for (const target of [key, structuredClone(key), Object.create(key), { __proto__: CryptoKey.prototype, extractable: true }]) for (const format of ["raw", "jwk"]) {
      try { secret(await subtle.exportKey(format, target)); } catch { /* refused */ }
      try { found((await subtle.wrapKey(format, target, key, iv)).byteLength); } catch { /* refused */ }
    }
    for (const name of names) delete (Object.prototype as any)[name];`), "cell process"),
  escape("resizable-buffer", "memory that nobody counts", probe(`try { const b = new (ArrayBuffer as any)(8, { maxByteLength: 1 << 30 }); if (b.resizable) found("resizable"); } catch { /* refused */ }`), "guest lockdown"),
  escape("proto-pollution-object", "to poison what the host decodes", probe(`
    (Object.prototype as any).polluted = "yes"; (Object.prototype as any).toJSON = () => "gone"; (Array.prototype as any).toJSON = () => "gone";
    flow.response.headers.set("x-after", "1");`), "guest lockdown"),
  escape("proto-keys", "to set prototypes in the host by __proto__ keys", probe(`
    const value = JSON.parse('{"__proto__":{"statusCode":500},"constructor":{"prototype":{"x":1}}}');
    try { flow.response.statusCode = value as any; } catch { /* refused */ }
    flow.metadata.__proto__ = { a: 1 };`), "host checks"),
  escape("to-json", "to smuggle other changes by toJSON", onRequest(`
    const name: any = { toString() { return "x-a"; }, toJSON() { return ["x"]; } };
    flow.request.headers.set(name, { toJSON: () => 1, toString: () => "a\\r\\nb" });`), "guest lockdown", ["threw", "illegal-change"]),
  escape("symbol-species", "to get at the bridge's arrays by Symbol.species", probe(`
    const stolen: unknown[] = [];
    Object.defineProperty(Array, Symbol.species, { get() { return function (this: any) { stolen.push(this); return []; }; } });
    flow.response.headers.set("x-a", "1"); void [...flow.response.headers];
    if (stolen.length > 0 && stolen.some((s: any) => s && s.length > 0)) found("species");`), "guest lockdown"),
  escape("iterator-patch", "to watch the bridge iterate", probe(`
    const original = (Array.prototype as any)[Symbol.iterator];
    (Array.prototype as any)[Symbol.iterator] = function () { if (String(new Error().stack).includes("dispatch")) found("bridge iterates"); return original.call(this); };
    flow.response.headers.set("x-a", "1"); void flow.request.url;`), "guest lockdown"),
  escape("promise-then-patch", "to catch the bridge's promises", `export async function response(flow: any) {
  const then = Promise.prototype.then;
  Promise.prototype.then = function (this: any, ...a: any[]) { (globalThis as any).caught = this; return (then as any).apply(this, a); } as any;
  await null;
  flow.response.headers.set("x-a", "1");
}
`, "guest lockdown"),
  escape("proxy-as-addon", "to run traps in the bridge", `export default new Proxy({}, { get(_t, key) { return () => key; }, has: () => true, ownKeys: () => ["request", "response"], getOwnPropertyDescriptor: () => ({ value: () => 1, configurable: true, enumerable: true }) });\n`, "guest lockdown"),
  escape("thenable-result", "to run code in the host by a thenable", `export function request() { return { then(resolve: (v: unknown) => void) { resolve({ then: 1 }); } }; }\n`, "guest lockdown"),
  escape("returns-float16", "to abort the process by a result that cannot be copied", `export function request() { const F = (globalThis as any).Float16Array; return F ? new F(4) : 1; }\n`, "guest lockdown"),
  escape("returns-huge", "to fill the host's memory with the result", `export function request() { return new Array(2000).fill("a".repeat(1e6)); }\n`, "guest lockdown"),
  escape("flow-class-patch", "to change what other addons' flows do", probe(`
    try { Object.getPrototypeOf(flow).kill = () => "patched"; } catch { /* frozen */ }
    try { Object.getPrototypeOf(flow.response.headers).get = () => "patched"; } catch { /* frozen */ }`), "isolate"),
  escape("detached-body", "to share memory with the bridge by a body", probe(`
    const body = new Uint8Array(16); flow.response.body = body; body[0] = 65;
    try { structuredClone(body.buffer, { transfer: [body.buffer] }); } catch { /* no transfer */ }`), "guest lockdown"),
  escape("resume-forged", "to call the bridge's entry points", probe(`for (const key of Object.getOwnPropertyNames(globalThis)) if (key !== "dispatchEvent" && /dispatch|resume|prepare|attachment|post|guest|native|\\$/i.test(key)) found(key);`), "guest lockdown"),
  escape("getter-on-global", "the bridge's globals by accessors", probe(`
    for (const key of ["JSON", "Map", "Promise", "String", "Array", "Object"]) { try { Object.defineProperty(globalThis, key, { get() { return undefined; }, configurable: true }); } catch { /* fine */ } }
    flow.response.headers.set("x-a", "1");`), "guest lockdown"),
];
