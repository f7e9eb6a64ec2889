// The realm that addons get: its exact surface, what is pinned and removed, and that poisoning every built-in of the realm neither
// shows the bridge to the addon nor changes what the bridge answers. In node:vm; real isolates are in hostile-guest.test.ts.
import test from "ava";
import { runInNewContext } from "node:vm";
import { globalTable, removedGlobals } from "../../sandbox-api/schema/globals.ts";
import { splitGuest } from "../../sandbox-api/schema/own-builds.ts";
import { bundleGuest, guestRealm, sampleParts as part, type GuestRealm } from "../helpers/guest-realm.ts";

const guest = await bundleGuest();

test("the script that runs first is ASCII and of bounded size", (t) => {
  const { main } = splitGuest(guest);
  t.regex(main, /^[\x00-\x7f]*$/);
  t.true(main.length < 120_000, `${main.length} bytes`);
});

test("the global has the language's names, the table's, and no others", async (t) => {
  const bare: readonly string[] = runInNewContext("Object.getOwnPropertyNames(globalThis)");
  const expected = new Set([...bare, ...Object.keys(globalTable)]);
  for (const name of Object.keys(removedGlobals)) expected.delete(name);
  const realm = await guestRealm("export function request() {}", guest);
  const names: readonly string[] = Array.from(realm.evaluate("Object.getOwnPropertyNames(globalThis)") as string[]);
  t.deepEqual([...names].sort(), [...expected].sort());
  t.deepEqual(Array.from(realm.evaluate("Object.getOwnPropertySymbols(globalThis)") as symbol[]), Array.from(runInNewContext("Object.getOwnPropertySymbols(globalThis)") as symbol[]));
});

const pinned: readonly (readonly [name: string, source: string, expected: unknown])[] = [
  ["no resizable buffer", "try { new ArrayBuffer(8, { maxByteLength: 64 }); 'made' } catch (e) { e.name }", "RangeError"],
  ["no resizable buffer by Reflect", "try { Reflect.construct(ArrayBuffer, [8, { maxByteLength: 64 }], Uint8Array); 'made' } catch (e) { e.name }", "RangeError"],
  ["no way back to the real ArrayBuffer", "new Uint8Array(1).buffer.constructor === ArrayBuffer && ArrayBuffer.prototype.constructor === ArrayBuffer && ArrayBuffer[Symbol.species] === ArrayBuffer", true],
  ["a subclass of ArrayBuffer works", "class B extends ArrayBuffer {}; new B(3).byteLength + (new B(3) instanceof ArrayBuffer ? 1 : 0)", 4],
  ["slice of a buffer works", "new Uint8Array([1, 2, 3]).buffer.slice(1).byteLength", 2],
  ["no resize", "'resize' in ArrayBuffer.prototype", false],
  ["a transferred buffer stays fixed", "new ArrayBuffer(8).transfer(16).resizable", false],
  ["no Temporal through Date", "'toTemporalInstant' in Date.prototype", false],
  ["prepareStackTrace is not a hook", "Error.prepareStackTrace = () => 'mine'; Error.prepareStackTrace === undefined && !String(new Error('x').stack).includes('mine')", true],
  ["stackTraceLimit stays", "Error.stackTraceLimit = 1e9; Error.stackTraceLimit", 16],
  ["no $post, $done, $guest, $module", "typeof $post + typeof $done + typeof $guest + typeof $module", "undefinedundefinedundefinedundefined"],
  ["dynamic code stays inside", "new Function('return typeof process')()", "undefined"],
  ["what the bridge gives is frozen", "Object.isFrozen(performance) && Object.isFrozen(navigator)", true],
];
for (const [name, source, expected] of pinned) {
  test(name, async (t) => {
    const realm = await guestRealm("export function request() {}", guest);
    t.deepEqual(realm.evaluate(source), expected);
  });
}

const handlers = `
  import { Response, Headers, layers, ctx } from "flowcell";
  let saved;
  const failure = new TypeError("on purpose");
  export function start() {}
  export function configure(options, updated) { saved = [options.banner, updated]; }
  export function request(flow) {
    const { request } = flow;
    request.headers.set("X-A", "1"); request.headers.append("x-b", "\\u00e9\\udcff"); request.headers.delete("Accept");
    request.method = "PUT"; request.path = "/p?q=1&r=2"; request.query.set("q", "a b"); request.cookies.set("c", "d");
    request.text = "h\\u00e9llo"; flow.marked = "m"; flow.comment = "c"; flow.metadata.k = saved;
  }
  export function requestheaders(flow) { flow.response = Response.make(418, "teapot", { "x-y": "z" }); }
  export async function response(flow) { await null; flow.response.statusCode = 404; flow.response.json; flow.response.headers.insert(0, "first", "1"); }
  export function responseheaders(flow) { flow.response.stream = (chunk) => [chunk, "x"]; }
  export function next_layer(layer) { return layer.name === "tls" ? layers.passthrough() : undefined; }
  export function serverconnect(server) { server.address = { host: "other.test", port: 81 }; }
  export function clientconnect(root) { root.kill(); }
  export function tcp_message(flow) { flow.messages[flow.messages.length - 1].content = "new"; }
  export function error(flow) { throw failure; }
  export const manifest = { name: "n", list: [1, { a: null }] };
`;

/** Makes everything of the realm that can be changed hostile: what the bridge calls by name would throw or be seen. */
const poison = `
  globalThis.seen = Object.setPrototypeOf([], null);
  const made = new Error("poisoned");
  const note = (name) => { globalThis.seen[globalThis.seen.length] = name; throw made; };
  const roots = [Array, String, Number, Boolean, Symbol, BigInt, Map, Set, WeakMap, WeakSet, Promise, RegExp, Date, Uint8Array, ArrayBuffer, DataView, Object, Reflect, JSON, Math, Error, TypeError, RangeError, Proxy, Function,
    Object.getPrototypeOf(Uint8Array), Object.getPrototypeOf([][Symbol.iterator]()), Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())), Object.getPrototypeOf(function* () {}).prototype];
  const promisePrototype = Promise.prototype;
  const { getOwnPropertyDescriptor: describe, defineProperty } = Object; const { ownKeys } = Reflect;
  const targets = [];
  for (let i = 0; i < roots.length; i++) { targets[targets.length] = roots[i]; if (roots[i].prototype) targets[targets.length] = roots[i].prototype; }
  for (let i = 0; i < targets.length; i++) {
    const keys = ownKeys(targets[i]);
    for (let k = 0; k < keys.length; k++) {
      const key = keys[k]; const d = describe(targets[i], key);
      if (!d.configurable && !d.writable) continue;
      const name = typeof key === "symbol" ? "symbol" : key;
      // \`await\` of the addon's own promise asks these two; what comes of that is the addon's own affair.
      if (targets[i] === promisePrototype && (key === "constructor" || key === "then")) continue;
      if (typeof d.value === "function") { try { defineProperty(targets[i], key, { __proto__: null, value: function () { note(name); }, writable: true, configurable: true }); } catch {} }
      else if (d.get && d.configurable) { try { defineProperty(targets[i], key, { __proto__: null, get() { note(name); }, configurable: true }); } catch {} }
    }
  }
  const traps = ["get", "set", "value", "writable", "enumerable", "then", "toJSON", "fields", "0", "1", "2", "3", "raw", "call", "isKilled", "owner", "writer", "default", "text", "index", "lastIndex", "$", "kind", "limit", "bodies", "mayChange"];
  for (let i = 0; i < traps.length; i++) {
    const key = traps[i];
    defineProperty(Object.prototype, key, { __proto__: null, get() { globalThis.seen[globalThis.seen.length] = "get " + key; return undefined; }, set() { globalThis.seen[globalThis.seen.length] = "set " + key; }, configurable: true });
    if (key === "0" || key === "1" || key === "2" || key === "3") defineProperty(Array.prototype, key, { __proto__: null, get() { globalThis.seen[globalThis.seen.length] = "array get " + key; return undefined; }, set() { globalThis.seen[globalThis.seen.length] = "array set " + key; }, configurable: true });
  }
  const names = ["Array", "String", "Number", "Map", "Set", "WeakMap", "Promise", "RegExp", "Uint8Array", "ArrayBuffer", "TypeError", "Error", "Symbol", "Math", "JSON", "Reflect", "Object"];
  for (let i = 0; i < names.length; i++) globalThis[names[i]] = function () { note(names[i]); };
`;

/** Every entry and every kind of object once; what the guest answered, as text. */
async function everything(realm: GuestRealm): Promise<readonly string[]> {
  const bytes = new TextEncoder().encode("body");
  const http = [part.flow(), part.client(), part.server(), part.request(), part.body("request", { raw: 0 })] as const;
  const answers = [
    realm.dispatch("start", 0, []),
    realm.dispatch("configure", 0, [["options", JSON.stringify({ options: { banner: "b", list: ["x"] }, updated: ["banner", "list"] })]]),
    realm.dispatch("request", 1, http, [bytes]),
    realm.dispatch("requestheaders", 2, http, [bytes]),
    realm.dispatch("responseheaders", 1, [part.response()]),
    realm.dispatch("stream", 1, [["chunk", JSON.stringify({ of: "response", content: 0 })]], [bytes]),
    realm.dispatch("next_layer", 3, [["layer", JSON.stringify({ name: "tls", dataClient: 0, clientHello: null })], part.client(), part.server()], [bytes]),
    realm.dispatch("serverconnect", 4, [part.server()]),
    realm.dispatch("clientconnect", 5, [["root", JSON.stringify({ mode: "regular", live: true })], part.client(), part.server()]),
    realm.dispatch("tcp_message", 6, [part.flow({ type: "tcp" }), ["message", JSON.stringify({ fromClient: true, timestamp: 1, content: 0 })]], [bytes]),
    realm.dispatch("request", 7, [...http, ["patch", JSON.stringify([[["request.method", "POST"], ["request.headers", [0, ["x-p", "q"]]]]])]], [bytes], "1,2"),
    realm.dispatch("response", 8, [...http, part.response(), part.body("response", { raw: 1 })], [bytes, bytes]),
  ];
  const last = await realm.settled();
  const failed = realm.dispatch("error", 8, []);
  return [...answers, last, failed].map(({ raw, attachments, value }) =>
    `${raw.startsWith("3") ? (value as { message: string }).message : raw} ${attachments.map((each) => Buffer.from(each).toString("hex")).join(",")}`);
}

test("poisoning every built-in changes no answer and shows nothing of the bridge", async (t) => {
  const clean = await everything(await guestRealm(handlers, guest));
  t.snapshot(clean);
  const realm = await guestRealm(handlers, guest);
  realm.evaluate(poison);
  t.deepEqual(await everything(realm), clean);
  const seen = realm.evaluate("seen.length") as number;
  const list: string[] = [];
  for (let index = 0; index < seen; index++) list.push(String(realm.evaluate(`seen[${index}]`)));
  // What a handler returns is asked whether it is a promise, as `await` would ask.
  t.deepEqual(list.filter((each) => each !== "get then"), []);
});

test("poison in the module body does not stop the load", async (t) => {
  const realm = await guestRealm(handlers + poison, guest);
  t.is(realm.loaded.status, 1);
  t.deepEqual((realm.loaded.value as { manifest: unknown }).manifest, { name: "n", list: [1, { a: null }] });
});
