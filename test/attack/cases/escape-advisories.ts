// What public advisories of other JavaScript sandboxes came down to, tried anew against this one: the fact of each hole, in code of our own.
// `after` names the advisory. Most holes of others were objects of the host's realm within reach; `alien` below looks for any such object.
import { asyncProbe, onRequest, probe, type AttackCase } from "../attack-case.ts";

/** Defines `alien(value)`: whether anything on the value's prototype chains belongs to another realm; and `check(value)`, which marks it as found. */
const alien = `
  const rootOf = (value: any): any => { let at = value; for (let i = 0; i < 30; i += 1) { const next = Object.getPrototypeOf(at); if (next === null) return at; at = next; } return at; };
  const alien = (value: any): boolean => {
    if (value === null || (typeof value !== "object" && typeof value !== "function")) return false;
    const root = rootOf(value);
    if (root !== Object.prototype && root !== value && Object.hasOwn(root, "constructor")) return true;
    const maker = value.constructor;
    return typeof maker === "function" && rootOf(maker) !== Object.prototype;
  };
  const check = (value: any, what: string): void => { if (alien(value)) found(what); };
`;
// Of the bridge alone: here no method that an addon replaced may be used at all.
const bareCalls = `[
    () => flow.response.headers.set("x-a", "1"), () => flow.response.headers.set("bad name", "1"), () => console.log("x"), () => setTimeout(() => {}, 1e6), () => { flow.response.statusCode = 7; }, () => flow.request.url, () => flow.response.text,
  ]`;
// Of parts: libraries use what is there, in the addon's realm and with its authority (decision 0011); what they show must be their own.
const partCalls = `[() => atob("!"), () => new Headers({ a: "b" }), () => new TextEncoder().encode("x"), () => structuredClone({}), () => new URL("http://a/")]`;
const bridgeCalls = `[...${bareCalls}, ...${partCalls}]`;
/** Defines `ofBridge(value)`: a raw function of the runtime, or what has a member that only objects of the kernel, the bridge or the inside of a part have. */
const ofBridge = `
  const marks = ["hostCalls", "intrinsics", "quoteAscii", "enterAnswer", "settled", "mayReplay", "offer", "fire", "performFetch", "newSignal", "createMultibyteDecoder", "hostCall", "resume", "dispatch"];
  const text = Function.prototype.toString; const isRaw = (value: any): boolean => typeof value === "function" && value !== Function.prototype && value.name === "" && value.length === 0 && /\\[native code\\]/.test(text.call(value));
  const ofBridge = (value: any, depth = 0): boolean => {
    if (value === null || (typeof value !== "object" && typeof value !== "function") || value === globalThis || value === Object.prototype || depth > 2) return false;
    if (isRaw(value)) return true;
    if (value instanceof Map) for (const item of value.values()) if (ofBridge(item, depth + 1)) return true;
    for (const mark of marks) if (mark in value) return true;
    for (const key of Reflect.ownKeys(value).slice(0, 50)) { const member = Reflect.getOwnPropertyDescriptor(value, key)?.value; if (typeof member === "function" ? isRaw(member) : ofBridge(member, depth + 1)) return true; }
    return false;
  };
`;
const flowcell = `import { ctx, Headers, layers, Response } from "flowcell";\nvoid [ctx, Headers, layers, Response];\n`;

type Row = readonly [name: string, after: string, wants: string, source: string, ends?: AttackCase["ends"]];

const rows: readonly Row[] = [
  ["overflow-in-bridge", "CVE-2019-10761 (vm2), realms-shim #48", "an error of the host's realm from a stack overflow inside the bridge", `${flowcell}${probe(`${alien}
    const calls = ${bridgeCalls}; let tries = 0;
    const dive = (): void => { try { dive(); } catch { /* the edge */ } if (tries < 200) { tries += 1; try { (calls[tries % calls.length] as any)(); } catch (error) { check(error, "error at the edge"); } } };
    dive();`)}`, "survived"],
  ["error-replaced", "CVE-2022-36067 (vm2)", "call sites through an Error of its own", probe(`${alien}
    const real = Error; (globalThis as any).Error = { prepareStackTrace(_e: unknown, sites: unknown) { check(sites, "call sites"); (globalThis as any).sites = sites; return ""; } };
    try { (null as any).x; } catch (error: any) { void error.stack; check(error, "error"); }
    if ((globalThis as any).sites !== undefined) found("call sites"); (globalThis as any).Error = real;`)],
  ["async-stack", "CVE-2023-29017 (vm2)", "call sites of an error that nobody awaits", asyncProbe(`
    Object.defineProperty(globalThis, "sites", { value: [], configurable: true });
    for (const target of [Error, TypeError, RangeError, Function.prototype]) { try { Object.defineProperty(target, "prepareStackTrace", { value: (_e: unknown, s: unknown) => { (globalThis as any).sites.push(s); }, configurable: true }); } catch { /* pinned */ } }
    const f = async () => { throw (globalThis as any).nothing.x; }; await f().catch((error) => void error.stack);
    if ((globalThis as any).sites.length > 0) found("call sites");`)],
  ["prototype-trap-throws", "CVE-2023-30547, CVE-2023-29199 (vm2)", "an error of the host out of a proxy's trap", `${flowcell}${probe(`${alien}
    const dive = (): never => { new Error().stack; return dive(); };
    const trapped = new Proxy({}, { getPrototypeOf() { return dive(); } });
    for (const use of [() => { throw trapped; }, () => flow.response.headers.set(trapped, trapped), () => console.log(trapped), () => structuredClone(trapped)]) { try { use(); } catch (error) { if (error !== trapped) check(error, "error of a trap"); } }`)}`, "survived"],
  ["name-with-proxy", "CVE-2023-32314 (vm2)", "the argument list of a call that the engine makes", probe(`${alien}
    const error: any = new Error("x"); error.name = { toString: new Proxy(() => "", { apply(_t, self, list) { check(list, "arguments"); check(self, "this"); return "x"; } }) };
    try { void error.stack; void String(error); } catch { /* fine */ }`)],
  ["promise-species", "CVE-2023-37466 (vm2)", "the reject function of a promise that is not its own", asyncProbe(`${alien}
    class Spy { constructor(run: any) { run((v: unknown) => check(v, "resolved"), (v: unknown) => check(v, "rejected")); } static get [Symbol.species]() { return Spy; } }
    const promise: any = (async () => { (null as any).x; })(); promise.constructor = { [Symbol.species]: Spy };
    try { promise.then(); await promise.catch((e: unknown) => check(e, "caught")); } catch { /* fine */ }`)],
  ["global-promise-callbacks", "CVE-2026-22709 (vm2)", "errors of the host in callbacks of async functions", asyncProbe(`${alien}
    const promise = (async () => { const error: any = new Error(); error.name = Symbol(); return error.stack; })();
    await promise.catch((error) => check(error, "caught"));`)],
  ["inspect-custom", "CVE-2023-37903, CVE-2023-32313 (vm2)", "the host's inspect function by the custom inspection symbol", probe(`${alien}
    const seen: unknown[] = []; const bait: any = { valueOf: undefined, constructor: undefined, [Symbol.for("nodejs.util.inspect.custom")](...all: unknown[]) { seen.push(...all); return ""; } };
    console.log(bait); console.error("%o %s %j", bait, bait, bait); for (const value of seen) { check(value, "inspect"); if (typeof value === "function") found("a function"); }`)],
  ["collections-patched", "CVE-2022-25893 (vm2)", "the bridge's own objects out of patched collections", `${flowcell}${probe(`${ofBridge}
    const seen: unknown[] = []; const hooked: [any, string][] = [[WeakMap.prototype, "set"], [WeakMap.prototype, "get"], [WeakMap.prototype, "has"], [Map.prototype, "set"], [Map.prototype, "get"], [Set.prototype, "add"], [WeakSet.prototype, "add"], [Array.prototype, "push"]];
    const real = hooked.map(([owner, name]) => owner[name]); const unhook = (): void => hooked.forEach(([owner, name], at) => { owner[name] = real[at]; }); const call = Reflect.apply;
    hooked.forEach(([owner, name], at) => { owner[name] = function (...all: unknown[]) { seen[seen.length] = this; for (let i = 0; i < all.length; i += 1) seen[seen.length] = all[i]; return call(real[at], this, all); }; });
    const bare = ${bareCalls}, parts = ${partCalls};
    for (let i = 0; i < bare.length; i += 1) { try { bare[i]!(); } catch { /* refused */ } } if (seen.length > 0) found("bridge used a patched method");
    for (let i = 0; i < parts.length; i += 1) { try { parts[i]!(); } catch { /* refused */ } }
    unhook(); for (const value of seen) if (ofBridge(value)) found("an object of the bridge");`)}`, "survived"],
  ["lookup-getter", "GHSA-grj5-jjm8-h35p (vm2), CVE-2026-25142 (SandboxJS)", "prototypes of the host by __lookupGetter__", `${flowcell}${probe(`${alien}
    for (const value of [flow, flow.request, flow.response.headers, console, ctx, Response]) {
      const get = (value as any).__lookupGetter__("__proto__"); const proto = get.call(value); check(proto, "prototype"); check(get, "getter");
      try { (value as any).__defineGetter__("x", undefined); } catch (error) { check(error, "error"); }
    }`)}`],
  ["suppressed-error", "GHSA-55hx-c926-fr95 (vm2)", "an error of the host inside a SuppressedError", probe(`${alien}
    const Stack = (globalThis as any).DisposableStack; if (Stack === undefined) return; let caught: any;
    const dive = (): any => { try { const stack = new Stack(); stack.defer(() => { throw null; }); stack.defer(() => { const e: any = new Error(); e.name = Symbol(); e.stack; }); stack.dispose(); } catch (error) { caught = error; } };
    dive(); for (let at = caught, i = 0; at && i < 10; at = at.error ?? at.suppressed, i += 1) check(at, "suppressed");`)],
  ["jspi-promise", "CVE-2026-47210, GHSA-ffh4-j6h5-pg66 (vm2)", "a promise of the host by WebAssembly", probe(`const global: any = globalThis; if (global.WebAssembly) found("WebAssembly"); for (const n of ["promising", "Suspending", "compileStreaming"]) if (n in global) found(n);`)],
  ["construct-trap", "vm2 #177", "the caller's arguments by a class that is a proxy", `const seen: unknown[] = [];\nclass Plain { response(flow: any) { for (const value of seen) { let at: any = value; for (let i = 0; i < 9 && at; i += 1) { const up = Object.getPrototypeOf(at); if (up === null && at !== Object.prototype && Object.hasOwn(at, "constructor")) flow.response.headers.set("x-escaped", "alien"); at = up; } } } }
export default new Proxy(Plain, { construct(target, list, self) { seen.push(list, self); return Reflect.construct(target, list); }, get(target, key, self) { seen.push(self); return Reflect.get(target, key); } });\n`],
  ["unscopables", "realms-shim 1.2.1", "names outside by Symbol.unscopables", probe(`${alien}
    const seen: unknown[] = []; Object.defineProperty(Object.prototype, Symbol.unscopables, { get() { seen.push(this); return undefined; }, configurable: true });
    for (const call of [() => flow.request.url, () => console.log(1)]) call(); for (const value of seen) check(value, "scope"); if (seen.some((value: any) => value && "$guest" in Object(value))) found("bridge");`)],
  ["reflect-patched", "realms-shim 1.2.0", "the bridge's calls by patched call, apply, Reflect and what bundlers use", `${flowcell}${probe(`${alien}${ofBridge}
    const seen: unknown[] = []; const real = Reflect.apply; const hooked: [any, string][] = [[Function.prototype, "call"], [Function.prototype, "apply"], [Function.prototype, "bind"], [Reflect, "apply"], [Reflect, "get"], [Reflect, "construct"], [Reflect, "ownKeys"], [Object, "defineProperty"], [Object, "getOwnPropertyNames"], [Object.prototype, "hasOwnProperty"]];
    const kept = hooked.map(([owner, name]) => owner[name]); const define = Object.defineProperty;
    hooked.forEach(([owner, name], at) => { define(owner, name, { configurable: true, writable: true, value: function (this: unknown, ...all: unknown[]) { seen[seen.length] = this; for (let i = 0; i < all.length; i += 1) seen[seen.length] = all[i]; return real(kept[at], this, all); } }); });
    const bare = ${bareCalls}, parts = ${partCalls};
    for (let i = 0; i < bare.length; i += 1) { try { bare[i]!(); } catch { /* refused */ } } if (seen.length > 0) found("bridge used a patched call");
    for (let i = 0; i < parts.length; i += 1) { try { parts[i]!(); } catch { /* refused */ } }
    hooked.forEach(([owner, name], at) => { define(owner, name, { configurable: true, writable: true, value: kept[at] }); });
    for (const value of seen) { check(value, "patched call"); if (ofBridge(value)) found("an object of the bridge"); }`)}`, "survived"],
  ["import-spread", "CVE-2023-39532 (SES)", "a dynamic import that a filter of sources does not see", asyncProbe(`const name = "node:fs"; try { const all = { ...(await import(/* a comment */ name)) }; found(Object.keys(all)[0]); } catch { /* none */ }`)],
  ["host-import", "CVE-2021-23449 (vm2)", "the promise of a dynamic import", probe(`${alien}\n try { const promise: any = import(String("./x")); check(promise, "promise of import"); promise.catch((e: unknown) => check(e, "error of import")); } catch (error) { check(error, "error of import"); }`)],
  ["reference-handles", "CVE-2021-21413, CVE-2022-39266 (isolated-vm)", "a handle of isolated-vm within reach", `${flowcell}${probe(`
    const seen = new Set<unknown>(); const queue: any[] = [globalThis, flow, ctx, Response, Headers, layers];
    while (queue.length > 0 && seen.size < 4000) {
      const value = queue.pop(); if (value === null || (typeof value !== "object" && typeof value !== "function") || seen.has(value)) continue; seen.add(value);
      for (const name of ["applySync", "copySync", "derefInto", "getSync", "compileScriptSync", "createContext", "cachedData", "release"]) { try { if (name in value && value !== globalThis) found(name); } catch { /* hostile trap of its own */ } }
      for (const key of Reflect.ownKeys(value)) { try { queue.push(value[key]); } catch { /* getter */ } const d: any = Reflect.getOwnPropertyDescriptor(value, key); queue.push(d?.get, d?.set); } queue.push(Object.getPrototypeOf(value));
    }`)}`, "survived"],
  ["exported-functions", "CVE-2022-23923 (jailed)", "the realm of a function that the host lends", `${flowcell}${probe(`${alien}
    for (const value of [console.log, ctx.log.info, flow.kill, flow.response.headers.set, setTimeout, atob, URL, Response.make, layers.tcp]) { check(value, "lent function"); try { if ((value as any).constructor("return typeof process + typeof require + typeof $guest")() !== "undefinedundefinedundefined") found("the bridge"); } catch { /* disallowed */ } }`)}`],
  ["errors-of-misuse", "gf3/sandbox #68, CVE-2026-22686 (enclave-vm)", "an error of the host from calls made wrongly", `${flowcell}${probe(`${alien}
    const wrong: unknown[] = [undefined, null, Symbol("x"), 1n, {}, () => {}, new Proxy({}, {}), NaN, "\\u0000"];
    for (const owner of [console, ctx, ctx.log, flow, flow.request, flow.response, flow.response.headers, layers, Response, Headers.prototype]) for (const key of Reflect.ownKeys(owner)) for (const value of wrong) {
      if (/kill|intercept/.test(String(key))) continue;
      try { const made = (owner as any)[key](value, value); check(made, "result of " + String(key)); } catch (error) { check(error, "error of " + String(key)); if (/node:|internal\\//.test(String((error as any)?.stack))) found("host frames"); }
    }`)}`, "survived"],
  ["metadata-proto", "CVE-2022-25904 (safe-eval), CVE-2017-16088", "Object.prototype by the keys of metadata", probe(`
    flow.metadata["__proto__"] = { polluted: 1 }; flow.metadata.constructor = { prototype: { polluted: 1 } }; flow.metadata["__proto__.polluted"] = 1;
    if ((({}) as any).polluted !== undefined) found("polluted");`)],
  ["key-coerced-twice", "CVE-2026-25641 (SandboxJS)", "another name at the second look than at the first", onRequest(`
    for (const turns of [1, 2, 3, 4]) { let looks = 0; const name: any = { toString() { looks += 1; return looks < turns ? "x-good" : "x-smuggled: 1\\r\\nx"; } }; try { flow.request.headers.set(name, "1"); } catch { /* refused */ } }`)],
  ["value-coerced-twice", "CVE-2026-25641 (SandboxJS)", "another value at the second look than at the first", onRequest(`
    for (const turns of [1, 2, 3, 4]) { let looks = 0; const value: any = { toString() { looks += 1; return looks < turns ? "good" : "a\\r\\nx-smuggled: 1"; }, length: 1 }; try { flow.request.headers.set("x-a", value); flow.request.path = value; flow.request.method = value; } catch { /* refused */ } }`)],
  ["has-own-patched", "CVE-2026-25586, CVE-2026-25587 (SandboxJS)", "a check that asks a patched method", onRequest(`
    Object.prototype.hasOwnProperty = () => true; (Object as any).hasOwn = () => true; Map.prototype.has = () => true; Set.prototype.has = () => false; Array.prototype.includes = () => false; Array.prototype.indexOf = () => -1; (Array.prototype as any).some = () => false; (Array.prototype as any).every = () => true;
    flow.request.headers.set("Transfer-Encoding", "x-smuggled");`), ["illegal-change", "threw"]],
  ["strings-patched", "AngularJS charAt", "a validator that asks a patched string method", onRequest(`
    for (const name of ["charAt", "charCodeAt", "codePointAt", "toLowerCase", "slice", "match", "search", "replace", "split", "indexOf", "includes"]) (String.prototype as any)[name] = () => "a";
    (RegExp.prototype as any).exec = () => null; (RegExp.prototype as any).test = () => true; Object.defineProperty(RegExp.prototype, Symbol.match, { value: () => null }); Object.defineProperty(RegExp.prototype, Symbol.replace, { value: (v: string) => v });
    flow.request.headers.set("x-a", "1\\r\\nx-smuggled: 1");`), ["illegal-change", "threw"]],
  ["this-of-handlers", "CVE-2025-61927 (happy-dom)", "the realm behind `this` of handlers and timers", `export function response(this: any, flow: any) {
  const look = (self: any): void => { if (self && self !== globalThis && ("process" in Object(self) || "$guest" in Object(self) || "_idleTimeout" in Object(self))) flow.response.headers.set("x-escaped", "this"); };
  look(this); setTimeout(function (this: any) { look(this); }, 0); queueMicrotask(function (this: any) { look(this); }); (function (this: any) { look(this); })();
  return new Promise<void>((resolve) => setTimeout(resolve, 20));
}\n`],
  ["with-statement", "CVE-2026-1470 (n8n)", "names of the bridge's scope by a with statement", onRequest(`with (flow) { constructor("return process")(); }`), "refused"],
  ["destructured-constructor", "CVE-2026-25049 (n8n), CVE-2025-68613", "Function by destructuring", probe(`const { constructor: { constructor: Maker } } = (() => {}) as any; const { ["constr" + "uctor"]: Other } = Maker; for (const M of [Maker, Other]) { try { if (M("return typeof process")() !== "undefined") found("process"); } catch { /* disallowed */ } }`)],
  ["code-from-strings", "CVE-2026-23830 (SandboxJS), SES #41", "an evaluator of another realm, by any of the constructors or by a timer", asyncProbe(`${alien}
    const makers: any[] = [eval, (0, eval), Function, (async () => {}).constructor, (function* () {}).constructor, (async function* () {}).constructor, class {}.constructor, (() => {}).bind(0).constructor];
    for (const make of makers) { try { const made = make("return this ?? globalThis"); const self = typeof made === "function" ? made() : made; if (self === globalThis || self === undefined) continue; check(self, "this"); } catch { /* disallowed */ } }
    for (const make of makers) { try { if (make("typeof process + typeof require") !== "undefinedundefined") { /* a function, of this realm as checked above */ } } catch { /* disallowed */ } }
    await new Promise<void>((done) => { Object.assign(globalThis, { seen(self: any, kind: string) { check(self, "this of a timer's text"); if (self !== globalThis) found("another global"); if (kind !== "undefined") found("process"); done(); } }); setTimeout("seen(this, typeof process)", 0); });`)],
  ["capture-stack-trace", "CVE-2023-29017 (vm2)", "structured call sites by captureStackTrace", probe(`const target: any = {}; try { (Error as any).captureStackTrace(target, response); } catch { /* none */ } if (target.stack !== undefined && typeof target.stack !== "string") found("call sites"); if (/\\/(?:work|home|root|tmp|usr|node_modules)\\//.test(String(target.stack))) found(target.stack);`)],
  ["stack-limit-getter", "vm2 3.9.x", "to run while an error is made inside the bridge", probe(`
    let runs = 0; try { Object.defineProperty(Error, "stackTraceLimit", { get() { runs += 1; return Infinity; }, configurable: true }); } catch { /* pinned */ }
    try { flow.response.headers.set("bad name", "x"); } catch (error: any) { if (/\\/(?:work|home|root|tmp|usr|runtime|node_modules)\\//.test(String(error.stack))) found("paths"); }`)],
  ["return-override", "endo private-field stamping", "to stamp the bridge's private fields on an object of its own", `${flowcell}${probe(`
    class Base { constructor(target: any) { return target; } } const own: any = {};
    for (const Class of [Headers, Response] as any[]) { try { Object.setPrototypeOf(Class, Base); const made = Reflect.construct(Class, [own]); if (made === own) found("stamped"); } catch { /* refused */ } }
    try { const fake = Object.create(Response.prototype); flow.response = fake; } catch { /* refused */ }`)}`],
  ["receiver-swapped", "CVE-2023-32314 (vm2)", "a bridge getter run on an object of its own", probe(`${alien}
    for (const name of ["request", "response", "metadata", "clientConn", "id", "live"]) { for (const receiver of [{}, null, new Proxy({}, { get: (_t, key) => { check(key, "key"); return receiverOf(); } }), Object.create(flow)]) { try { check(Reflect.get(flow, name, receiver), name); } catch (error) { check(error, "error"); } } }
    function receiverOf(): unknown { return {}; }`)],
  ["raw-json", "JSON injection", "raw JSON in what the bridge writes", onRequest(`const raw = (JSON as any).rawJSON; if (raw === undefined) return; try { flow.comment = String(raw('"x"')); } catch { /* has no string */ } try { flow.marked = raw('1,["request.path","/x-smuggled"]') as any; } catch { /* refused */ } try { flow.request.headers.set("x-a", raw('"],["x-smuggled","1"') as any); } catch { /* refused */ }`)],
  ["body-with-lying-length", "CVE-2024-21896 (Node)", "memory beyond the body by a typed array that lies", probe(`
    class Liar extends Uint8Array { override get length() { return 1e9; } override get byteLength() { return 1e9; } override get byteOffset() { return -8; } static override get [Symbol.species](): any { return Array; } }
    for (const body of [new Liar(8), Object.create(Uint8Array.prototype), new Proxy(new Uint8Array(8), {}), new DataView(new ArrayBuffer(8)), { length: 8, byteLength: 8, buffer: new ArrayBuffer(8) }]) { try { flow.response.body = body as any; if ((flow.response.body?.length ?? 0) > 8) found("longer than it is"); } catch { /* refused */ } }
    flow.response.body = new Uint8Array(4);`)],
  ["body-detached-meanwhile", "CVE-2024-21891 (Node)", "memory that was given back, by a buffer detached in between", probe(`
    const bytes = new Uint8Array(64); flow.response.body = bytes; try { (bytes.buffer as any).transfer(); } catch { /* none */ } try { (bytes.buffer as any).transferToFixedLength(0); } catch { /* none */ }
    try { flow.response.headers.set("x-a", { toString() { try { (bytes.buffer as any).transfer(); } catch { /* gone */ } return "1"; } } as any); } catch { /* refused */ }`)],
  ["iterator-of-init", "realms-shim 1.2.0 (spread)", "to run inside the bridge by iterators of its own", `${flowcell}${probe(`${alien}
    const bait: any = { *[Symbol.iterator]() { yield ["x-a", "1"]; yield new Proxy(["x-b", "2"], { get(t: any, key, self) { check(self, "self"); return t[key]; } }); }, get length() { return 1; } };
    for (const use of [() => new Headers(bait), () => Response.make(200, "x", bait), () => new URLSearchParams(bait)]) { try { check(use(), "made"); } catch (error) { check(error, "error"); } }`)}`],
];

export const advisoryCases: readonly AttackCase[] = rows.map(([name, after, wants, source, ends = "harmless"]) => ({
  name, category: "escape", after, wants, source, wall: ends === "refused" ? "bundler" : "isolate", ends,
}));
