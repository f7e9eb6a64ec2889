// What an addon sees that replaced every built-in before it touched a part: our own code does not use what it replaced, and libraries
// show it themselves at work, but no function of the runtime, nothing of the kernel, and nothing that a part keeps for other parts.
import test from "ava";
import { splitGuest } from "../../sandbox-api/schema/own-builds.ts";
import { bundleGuest, guestRealm, sampleParts } from "../helpers/guest-realm.ts";

const guest = await bundleGuest();

/** Replaces every method of the usual built-ins; `watch(run)` gives what they were called with meanwhile: `{ name, values }`. */
const watching = `
  const seen = []; let isOn = false;
  const { apply, construct, ownKeys, getOwnPropertyDescriptor: look, getPrototypeOf: up } = Reflect; const define = Object.defineProperty;
  const owners = { Function: Function.prototype, Reflect, Object, Array: Array.prototype, WeakMap: WeakMap.prototype, Map: Map.prototype, Set: Set.prototype, WeakSet: WeakSet.prototype, Promise, PromiseMethods: Promise.prototype, String: String.prototype, RegExp: RegExp.prototype, ArrayStatics: Array, JSON, Symbol, ObjectMethods: Object.prototype };
  for (const label in owners) for (const key of ownKeys(owners[label])) {
    const found = look(owners[label], key); const method = found.value;
    if (key === "constructor" || typeof method !== "function" || !found.writable) continue;
    define(owners[label], key, { ...found, value: function (...list) {
      if (isOn) { isOn = false; seen[seen.length] = { name: label + "." + String(key), values: [this, ...list] }; isOn = true; }
      return new.target ? construct(method, list) : apply(method, this, list);
    } });
  }
  globalThis.watch = (run) => { const from = seen.length; isOn = true; try { run(); } catch {} isOn = false; return seen.slice(from); };
`;
/** `leaks(calls)`: what of the bridge can be reached from there by properties, prototypes and the contents of collections. */
const leaking = `
  const marks = new Set(["hostCalls", "inherit", "isTaken", "reportException", "reportRejection", "attributes", "intrinsics", "quoteAscii", "enterAnswer", "settled", "mayReplay", "offer", "fire", "performFetch", "newSignal", "createMultibyteDecoder", "blobBytes", "dispatch", "resume", "attachment", "hostCall", "$native", "$part", "$post", "$done", "$guest"]);
  globalThis.leaks = (calls) => {
    const leaks = [], visited = new Set([globalThis, Object.prototype, Function.prototype]);
    for (const { name, values } of calls) for (const queue = [...values]; queue.length > 0;) {
      const value = queue.pop();
      if (value === null || (typeof value !== "object" && typeof value !== "function") || visited.has(value)) continue;
      visited.add(value);
      let root = value; while (Object.getPrototypeOf(root) !== null) root = Object.getPrototypeOf(root);
      if (root !== Object.prototype && Object.hasOwn(root, "constructor")) leaks.push(name + ": of another realm");
      if (typeof value === "function" && String(value).startsWith("function($kernel)")) leaks.push(name + ": the function of a part");
      if (value instanceof WeakMap && WeakMap.prototype.has.call(value, URL.prototype)) leaks.push(name + ": interfaces");
      for (const key of Reflect.ownKeys(value)) { if (marks.has(key)) leaks.push(name + ": ." + key); const d = Reflect.getOwnPropertyDescriptor(value, key); queue.push(d.value, d.get, d.set); }
      if (value instanceof Map || value instanceof Set) for (const item of value) queue.push(...[item].flat());
      queue.push(Object.getPrototypeOf(value));
    }
    return JSON.stringify([...new Set(leaks)]);
  };
`;
const useParts = `
  new URL("http://b\\u00fccher.example/?a=b").searchParams.get("a"), new TextEncoder().encode("x"), new TextDecoder("shift_jis").decode(new Uint8Array([130, 160])), structuredClone({ a: [new Map([[1, 2]])] }),
  crypto.getRandomValues(new Uint8Array(4)), crypto.subtle.digest("SHA-256", new Uint8Array(3)), crypto.subtle.generateKey({ name: "AES-GCM", length: 128 }, true, ["encrypt"]), new ReadableStream({}).getReader(), new Blob(["x"]).text(),
  new CompressionStream("gzip"), new URLPattern({ pathname: "/:a" }), console.log({ a: 1 }, [2]), new Request("http://a/", { method: "POST", body: "x" }).text(), new Response("x").text(), new EventTarget().dispatchEvent(new Event("x")), addEventListener("error", () => 0), addEventListener("unhandledrejection", () => 0), (onerror = () => 0), reportError(new TypeError("x")), reportError({ stack: "x" }), queueMicrotask(() => reportError(1)), setTimeout("1", 5),
  performance.addEventListener("x", () => 0), performance.dispatchEvent(new Event("x")), (() => { const s = new TransformStream(); structuredClone({ s }, { transfer: [s] }); })(), AbortSignal.timeout(1e6), fetch("http://127.0.0.1:1/").catch(() => undefined)`;

test("what replaced built-ins see while parts are loaded and used is nothing of the bridge", async (t) => {
  const realm = await guestRealm("export function request() {}", guest);
  t.true(Number(realm.evaluate(`{${watching}${leaking}} globalThis.calls = watch(() => { ${useParts.split("),").join("); ")} }); calls.length`)) > 500, "they saw nothing at all");
  t.is(realm.evaluate("leaks(calls)"), "[]");
});

test("the walk would find a part's exports, the kernel and a function of the runtime", async (t) => {
  const realm = await guestRealm("export function request() {}", guest);
  realm.context["foreign"] = () => undefined;
  realm.evaluate(`{${watching}${leaking}}`);
  for (const value of ["{ performFetch() {} }", "new Map([[1, { hostCall: 1 }]])", "function($kernel) {}", "[foreign]", "{ get a() { return 1; }, deep: { intrinsics: {} } }"]) {
    t.not(realm.evaluate(`leaks(watch(() => Object.keys(${value === "[foreign]" ? "({ f: foreign })" : value.startsWith("{") ? `(${value})` : value.startsWith("function") ? `(${value})` : value})))`), "[]", value);
  }
});

test("no replaced built-in is used where no part is", async (t) => {
  const source = `${watching}
    export function response(flow) {
      const runs = [() => flow.response.headers.set("x-a", "1"), () => flow.response.headers.set("bad name", "1"), () => console.log("x"), () => console.log("x", 1), () => setTimeout(() => {}, 1e6), () => { flow.response.statusCode = 7; }, () => flow.request.url, () => flow.response.text, () => btoa("x"), () => queueMicrotask(() => {})];
      const used = [];
      for (const run of runs) for (const { name } of watch(run)) used.push(name + " in " + run);
      flow.comment = used.join();
    }`;
  const realm = await guestRealm(source, guest);
  realm.evaluate("console.log(1)");
  const { value } = realm.dispatch("response", 1, [sampleParts.flow(), sampleParts.client(), sampleParts.server(), sampleParts.request(), sampleParts.response(), sampleParts.body("request"), sampleParts.body("response", { content: 0 })], [new Uint8Array(5)]);
  const changes = JSON.stringify(value);
  t.regex(changes, /"x-a"/);
  t.notRegex(changes, / in \(\) =>/);
});

test("what the bundler made of parts is one function for each, strict, that leaves by an object literal", (t) => {
  for (const [name, script] of splitGuest(guest).parts) {
    t.true(script.startsWith('$keep(function($kernel){"use strict";'), name);
    t.regex(script, /return\{__proto__:null,[\w$,:]+\}\}\);$/, name);
  }
});
