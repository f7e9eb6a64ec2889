// What loading an addon finds: handlers in every form of module, aliases, two spellings, near misses, the manifest as plain data,
// an addon that `start` replaces, what cannot be imported, options, timers and the log.
import test from "ava";
import { bundleGuest, guestRealm, sampleParts as part, type Answer, type GuestRealm } from "../helpers/guest-realm.ts";

const guest = await bundleGuest();
const loaded = (realm: GuestRealm): { readonly handlers: readonly string[]; readonly warnings: readonly string[]; readonly manifest: unknown } => realm.loaded.value as never;
const message = (answer: Answer): string => (answer.value as { readonly message: string }).message;
const texts = (realm: GuestRealm): readonly unknown[] => realm.posted.map(({ text }) => JSON.parse(text) as unknown);

const forms: readonly (readonly [source: string, handlers: readonly string[]])[] = [
  ["export function request() {}; export const response = async () => {};", ["request", "response"]],
  ["export default { request() {}, error: () => {} }", ["request", "error"]],
  ["export default class { request() {} static response() {} }", ["request"]],
  ["class Base { request() {} } export default class extends Base { error() {} }", ["request", "error"]],
  ["class A { request() {} } export default new A()", ["request"]],
  ["export default { request() {} }; export function error() {}", ["request", "error"]],
  ["module.exports = { request() {}, manifest: { name: 'x' } }", ["request"]],
  ["module.exports = class { request() {} }", ["request"]],
  ["exports.request = () => {}", ["request"]],
  ["export function client_connected() {}; export function add_log() {}; export function running() {}; export function websocket_handshake() {}; export function server_disconnected() {}", ["start", "log", "clientconnect", "serverdisconnect", "websockets_handshake"]],
  ["export const manifest = { name: 'nothing else' }", []],
  ["export const request = 5", []],
];
for (const [source, handlers] of forms) {
  test(`handlers: ${source}`, async (t) => {
    const realm = await guestRealm(source, guest);
    t.is(realm.loaded.status, 1, realm.loaded.raw);
    t.deepEqual(loaded(realm).handlers, handlers);
  });
}

test("`this` of a method is the addon's object, constructed once", async (t) => {
  const realm = await guestRealm("let made = 0; export default class { constructor() { made++; this.n = 0; } request(flow) { this.n++; flow.comment = this.n + ',' + made; } }", guest);
  realm.dispatch("request", 1, [part.flow(), part.request()]);
  t.deepEqual(realm.dispatch("request", 2, [part.flow(), part.request()]).value, [["flow.comment", "2,1"]]);
});

const broken: readonly (readonly [source: string, pattern: RegExp])[] = [
  ["export function start() {}; export function running() {}", /handled twice: by "start" and by "running"|handled twice: by "running" and by "start"/],
  ["export function request() {}; export default { request() {} }", /"request" is handled twice/],
  ["throw new RangeError('at load')", /RangeError: at load/],
  ["export default () => {}", /not a constructor/],
  ["export default 5", /default export must be/],
  ["export default class { constructor() { throw { get message() { throw 1; } }; } }", /without a message/],
  ["const fs = require(['node:fs'][0])", /only, not "node:fs"/],
  ["export const manifest = { run() {} }", /manifest\.run must be plain data, not a function/],
  ["export const manifest = { a: [new Date()] }", /manifest\.a\[0\] must be plain data, not an object of a class/],
  ["export const manifest = { a: 1n }", /manifest\.a must be plain data/],
  ["export const manifest = { a: NaN }", /manifest\.a must be plain data/],
  ["const m = {}; m.m = m; export const manifest = m", /nested more than/],
  ["export const manifest = { a: 'x'.repeat(300000) }", /larger than/],
  ["export const manifest = { get a() { throw new Error('getter'); } }", /getter/],
  ["export const manifest = { a: new Proxy([], { get() { return 1e9; } }) }", /more than/],
];
for (const [source, pattern] of broken) {
  test(`not loaded: ${source}`, async (t) => {
    const realm = await guestRealm(source, guest);
    t.is(realm.loaded.status, 3);
    t.is((realm.loaded.value as { code: string }).code, "load-failed");
    t.regex(message(realm.loaded), pattern);
  });
}

for (const [name, meant] of [["requests", "request"], ["onRequest", "request"], ["Response", "response"], ["request_headers", "requestheaders"], ["tcpMessage", "tcp_message"], ["nextLayer", "next_layer"], ["clientConnect", "clientconnect"], ["handleError", "error"], ["helper", null], ["render", null], ["parse", null], ["stop", null]] as const) {
  test(`near miss: ${name}`, async (t) => {
    const realm = await guestRealm(`export function ${name}() {}`, guest);
    t.deepEqual(loaded(realm).warnings, meant === null ? [] : [`"${name}" is not an event; did you mean "${meant}"?`]);
  });
}

test("a manifest is copied as data", async (t) => {
  const realm = await guestRealm("export const manifest = { __proto__: null, name: 'é\\u2028', list: [1, , true, null, undefined], gone: undefined, deep: { ['__proto__']: 1 } }", guest);
  t.is(JSON.stringify(loaded(realm).manifest), `{"name":"é\u2028","list":[1,null,true,null,null],"deep":{"__proto__":1}}`);
  t.regex(realm.loaded.raw, /^[\x20-\x7e]*$/);
});

for (const [name, source] of [["an object", "{ start() { log.push('inner'); return { request() { throw 1; } }; }, response(flow) { flow.comment = log.join(); } }"], ["a waiting start", "{ async start() { await null; log.push('inner'); }, response(flow) { flow.comment = log.join(); } }"]] as const) {
  test(`start returns ${name}: it replaces the addon`, async (t) => {
    const realm = await guestRealm(`const log = []; export function start() { log.push("outer"); return ${source}; } export function request(flow) { flow.kill(); }`, guest);
    let answer = realm.dispatch("start", 0, []);
    if (answer.status === 2) answer = await realm.settled();
    t.deepEqual((answer.value as { handlers: readonly string[] }).handlers, ["start", "response"]);
    t.is(realm.dispatch("request", 1, [part.flow(), part.request()]).raw, "0");
    t.deepEqual(realm.dispatch("response", 1, [part.response()]).value, [["flow.comment", "outer,inner"]]);
  });
}

test("configure brings frozen options, to ctx as well, with or without a handler", async (t) => {
  const options = (banner: string): readonly [["options", string]] => [["options", JSON.stringify({ options: { banner, list: ["a"], __proto__x: 1 }, updated: ["banner"] })]];
  const realm = await guestRealm(`
    import { ctx } from "flowcell";
    export function configure(options, updated) { if (options.banner === "bad") throw new Error("no such banner"); if (!Object.isFrozen(options) || !Object.isFrozen(options.list) || !(updated instanceof Set) || !updated.has("banner")) throw 1; }
    export function request(flow) { flow.comment = ctx.options.banner + ctx.options.list + ctx.addon.name; }`, guest);
  t.is(realm.dispatch("configure", 0, options("one")).raw, "0");
  t.deepEqual(realm.dispatch("request", 1, [part.flow(), part.request()]).value, [["flow.comment", "oneatest"]]);
  t.regex(message(realm.dispatch("configure", 0, options("bad"))), /no such banner/);
  const silent = await guestRealm(`import { ctx } from "flowcell"; export function request(flow) { flow.comment = ctx.options.banner; }`, guest);
  t.is(silent.dispatch("configure", 0, options("two")).raw, "0");
  t.deepEqual(silent.dispatch("request", 1, [part.flow(), part.request()]).value, [["flow.comment", "two"]]);
});

test("the log event and told events get their objects", async (t) => {
  const realm = await guestRealm("export function log(entry) { console.log(entry.level, entry.msg, Object.isFrozen(entry)); }", guest);
  realm.dispatch("log", 0, [["entry", JSON.stringify({ msg: "m", level: "warn" })]]);
  t.deepEqual(texts(realm), [{ call: "log", level: "info", msg: "warn m true" }]);
});

test("timers are host calls; their callbacks run in the entry that answers", async (t) => {
  const realm = await guestRealm(`
    export function start() { setTimeout((a) => console.log("once", a), 5, "arg"); const id = setInterval(() => { console.log("again"); if (++n === 2) clearInterval(id); }, 7.9); let n = 0; setTimeout(() => { throw new TypeError("in timer"); }); clearTimeout(setTimeout(() => {}, 1)); clearTimeout(99); try { setTimeout() } catch (e) { console.log(e.message) } }`, guest);
  realm.dispatch("start", 0, []);
  t.deepEqual(texts(realm), [{ call: "timer.set", ms: 5 }, { call: "timer.set", ms: 7 }, { call: "timer.set", ms: 0 }, { call: "timer.set", ms: 1 }, { call: "timer.clear", id: 4 }, { call: "log", level: "info", msg: "setTimeout: 1 argument required, 0 given" }]);
  realm.posted.length = 0;
  t.is(realm.resume(1).raw, "0");
  t.is(realm.resume(1).raw, "0", "an answer counts once");
  t.is(realm.resume(2).raw, "0");
  t.regex(message(realm.resume(3)), /TypeError: in timer/);
  t.is(realm.resume(4).raw, "0", "cleared");
  const again = (texts(realm) as { call: string }[]).findIndex(({ call }) => call === "timer.set");
  realm.resume(realm.posted[again]?.id ?? 0);
  t.deepEqual((texts(realm) as { call: string; msg?: string }[]).map(({ call, msg }) => msg ?? call), ["once arg", "timer.set", "again", "timer.set", "again", "timer.clear"]);
});

test("code given to a timer as text runs in the global scope when it is due; what it throws is told as of any callback", async (t) => {
  const realm = await guestRealm(`
    export function start() { const hidden = 1; setTimeout("var seen = [typeof hidden, this === globalThis]; console.log(seen.join())", 5, hidden); setInterval({ toString() { console.log("made text"); return "tick()"; } }, 9); setTimeout("syntax error"); setTimeout(undefined); try { setTimeout(Symbol()) } catch (e) { console.log(e.name) } }`, guest);
  realm.dispatch("start", 0, []);
  t.deepEqual((texts(realm) as { call: string; msg?: string }[]).map(({ call, msg }) => msg ?? call), ["timer.set", "made text", "timer.set", "timer.set", "timer.set", "TypeError"]);
  const ids = realm.posted.flatMap(({ id, text }) => (text.includes("timer.set") ? [id] : []));
  realm.posted.length = 0;
  t.is(realm.resume(ids[0] ?? 0).raw, "0");
  t.deepEqual(texts(realm), [{ call: "log", level: "info", msg: "undefined,true" }]);
  t.regex(message(realm.resume(ids[1] ?? 0)), /ReferenceError: tick is not defined/);
  t.regex(message(realm.resume(ids[2] ?? 0)), /SyntaxError/);
  t.is(realm.resume(ids[3] ?? 0).raw, "0");
});

const logged: readonly (readonly [source: string, level: string, msg: string])[] = [
  ["console.log('a', 1, 'b')", "info", "a 1 b"],
  ["console.warn('%s is %d%%', 'x', '5', 'more')", "warn", "x is 5% more"],
  ["console.error({ a: [1, 'x', { b: { c: { d: 1 } } }], [Symbol('s')]: null })", "error", "{ a: [ 1, 'x', { b: [Object] } ], Symbol(s): null }"],
  ["console.debug(new Map([[1, new Set(['a'])]]), new Uint8Array([1, 2]), new Date(0), /x/g, 10n, undefined)", "debug", "Map(1) { 1 => Set(1) { 'a' } } Uint8Array(2) [ 1, 2 ] 1970-01-01T00:00:00.000Z /x/g 10n undefined"],
  ["console.log(new Proxy({}, { ownKeys() { throw 1; } }), { get a() { throw 2; } }, function f() {}, class {})", "info", "[Object that cannot be inspected] { a: [Getter] } [Function: f] [class (anonymous)]"],
  ["ctx.log('x', 'error')", "error", "x"], ["ctx.log.debug({ a: 1 })", "debug", "{ a: 1 }"], ["ctx.warn('w')", "warn", "w"],
  ["console.log('é'.repeat(300))", "info", `${"é".repeat(98)}…`],
  ["console.assert(false, 'no'); ", "error", "Assertion failed: no"],
  ["console.group('g'); console.log('in'); console.groupEnd();", "info", "g"],
];
for (const [source, level, msg] of logged) {
  test(`log: ${source}`, async (t) => {
    const realm = await guestRealm(`import { ctx } from "flowcell"; export function start() { ${source} }`, guest);
    t.is(realm.dispatch("start", 0, []).raw, "0");
    t.deepEqual(texts(realm)[0], { call: "log", level, msg });
  });
}

test("an error is logged with its stack, a microtask that throws is logged", async (t) => {
  const realm = await guestRealm("export function start() { console.error(new TypeError('x')); queueMicrotask(() => { throw new Error('micro'); }); }", guest);
  realm.dispatch("start", 0, []);
  await new Promise((resolve) => setImmediate(resolve));
  const [first, second] = texts(realm) as { msg: string }[];
  t.regex(first?.msg ?? "", /^TypeError: x\n\s+at start \(addon\.js/);
  t.regex(second?.msg ?? "", /^uncaught in a microtask: Error: micro/);
});

test("in a module, writing to what cannot be written is an error, and a function's `this` is its own; in CommonJS, as ever", async (t) => {
  const body = "Response.make = 1;";
  const seen = "(function () { return typeof this; })()";
  const module = await guestRealm(`import { Response } from "flowcell"; export function request() { ${body} } export function response(flow) { flow.comment = ${seen}; }`, guest);
  const answer = module.dispatch("request", 1, [part.flow(), part.request()]);
  t.is(answer.status, 3, answer.raw);
  t.regex(message(answer), /^TypeError: Cannot assign to read only property/);
  t.deepEqual(module.dispatch("response", 2, [part.flow(), part.request(), part.response()]).value, [["flow.comment", "undefined"]]);
  const common = await guestRealm(`const { Response } = require("flowcell"); exports.request = () => { ${body} }; exports.response = (flow) => { flow.comment = ${seen}; };`, guest);
  t.is(common.dispatch("request", 1, [part.flow(), part.request()]).status, 0);
  t.deepEqual(common.dispatch("response", 2, [part.flow(), part.request(), part.response()]).value, [["flow.comment", "object"]]);
});
