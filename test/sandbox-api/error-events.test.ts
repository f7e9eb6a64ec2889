// The global as an EventTarget: what is told there before it is logged, what a listener may prevent, and what hostile listeners make of
// it. In node:vm; promises that nobody handles are the engine's to notice and tested with real isolates (test/host/addons).
import test from "ava";
import { bundleGuest, guestRealm, type GuestRealm } from "../helpers/guest-realm.ts";

const guest = await bundleGuest();
const addon = (body: string): string => `export function start() { ${body} } export function request() { throw new Error("of a handler"); }`;
const lines = (realm: GuestRealm): readonly string[] => realm.posted.flatMap(({ text }) => { const { call, msg }: { call: string; msg?: string } = JSON.parse(text); return call === "log" ? [(msg ?? "").split("\n")[0] ?? ""] : []; });
const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });

/** Runs `start`, then the timers that it set, in order; what was logged, and the raw results of the timers. */
async function outcome(body: string): Promise<{ readonly logged: readonly string[]; readonly timers: readonly string[]; readonly realm: GuestRealm }> {
  const realm = await guestRealm(addon(body), guest);
  realm.dispatch("start", 0, []);
  await turn();
  const timers: string[] = [];
  for (const { id, text } of [...realm.posted]) if (text.includes("timer.set")) timers.push(realm.resume(id).raw);
  await turn();
  return { logged: lines(realm), timers, realm };
}

const told: readonly (readonly [name: string, body: string, logged: readonly (string | RegExp)[]])[] = [
  ["a microtask, with the error itself and its place", "const e = new TypeError('m'); addEventListener('error', (v) => { v.preventDefault(); console.log(v.error === e, v.message, v.filename, v.lineno > 0, v.colno > 0, v.isTrusted, v.cancelable, v.target === globalThis, v instanceof ErrorEvent); }); queueMicrotask(() => { throw e; });", ["true Uncaught TypeError: m addon.js true true true true true true"]],
  ["without preventDefault: told, and logged as ever", "addEventListener('error', (v) => console.log('told', v.message)); queueMicrotask(() => { throw new Error('m'); });", ["told Uncaught Error: m", "uncaught in a microtask: Error: m"]],
  ["a listener of another target", "addEventListener('error', (v) => { v.preventDefault(); console.log(v.message); }); const t = new EventTarget(); t.addEventListener('x', () => { throw new Error('l'); }); t.addEventListener('x', () => console.log('next')); t.dispatchEvent(new Event('x'));", ["Uncaught Error: l", "next"]],
  ["reportError, primitives too", "onerror = (...all) => { console.log(all.join()); return true; }; reportError('plain'); reportError(undefined); reportError({ message: 'm', stack: 7 });", ["Uncaught plain,,0,0,plain", "Uncaught undefined,,0,0,", "Uncaught m,,0,0,[object Object]"]],
  ["onerror: only true prevents", "onerror = () => false; reportError('a'); onerror = () => 1; reportError('b'); onerror = () => true; reportError('c'); onerror = null; reportError('d');", ["uncaught: threw a", "uncaught: threw b", "uncaught: threw d"]],
  ["onerror of a forged event gets the event", "onerror = (...all) => { console.log(all.length, all[0] instanceof Event); return true; }; console.log(dispatchEvent(new Event('error', { cancelable: true }))); console.log(dispatchEvent(new ErrorEvent('error', { cancelable: true })));", ["1 true", "true", "5 false", "false"]],
  ["returnValue, once, removed, stopped", "const off = () => console.log('off'); addEventListener('error', off); removeEventListener('error', off); addEventListener('error', (v) => { v.returnValue = false; v.stopImmediatePropagation(); }, { once: true }); addEventListener('error', () => console.log('second')); reportError('a'); reportError('b');", ["second", "uncaught: threw b"]],
  ["a listener that throws is logged and not told again; the next one is", "let n = 0; addEventListener('error', () => { n++; throw new Error('in listener'); }); addEventListener('error', (v) => v.preventDefault()); reportError('a'); console.log(n);", ["uncaught: Error: in listener", "1"]],
  ["a listener that reports does not loop", "let n = 0; addEventListener('error', (v) => { n++; v.preventDefault(); reportError('inner'); }); reportError('outer'); console.log(n);", ["uncaught: threw inner", "1"]],
  ["after that, errors are told again", "addEventListener('error', (v) => { v.preventDefault(); console.log(v.message); throw 1; }); reportError('a'); reportError('b');", ["Uncaught a", "uncaught: threw 1", "Uncaught b", "uncaught: threw 1"]],
  ["a hostile error", "addEventListener('error', (v) => { v.preventDefault(); console.log(v.message.length < 1100, v.filename.length < 8200, v.lineno); }); reportError({ get name() { throw 1; }, get message() { return 'x'.repeat(1e6); }, stack: 'x\\n    at ' + ' ('.repeat(2e3) + ':'.repeat(1e3) + '1:1)' }); reportError(new Proxy({}, { get() { throw 2; } }));", ["true true 1", "true true 0"]],
  ["classes and methods replaced", "addEventListener('error', () => console.log('told')); ErrorEvent.prototype.constructor = null; Object.setPrototypeOf(ErrorEvent, function () { return {}; }); Event.prototype.preventDefault = null; Array.prototype.push = WeakMap.prototype.get = Function.prototype.call = () => { throw 1; }; reportError('a');", ["uncaught: threw a"]],
  ["the methods mean the global where `this` is nothing, and refuse what is no target", "const { addEventListener: add } = EventTarget.prototype; add('x', (e) => console.log(e.currentTarget === self)); dispatchEvent(new Event('x')); try { add.call({}, 'x', null); } catch (e) { console.log(e.name); } console.log(addEventListener === add);", ["true", "TypeError", "true"]],
  ["performance is a target, of its own", "console.log(typeof performance.now(), performance instanceof EventTarget); performance.addEventListener('x', function (e) { console.log(this === performance, e.target === performance); }); addEventListener('x', () => console.log('no')); performance.dispatchEvent(new Event('x'));", ["number true", "true true"]],
];
for (const [name, body, expected] of told) {
  test(`error events: ${name}`, async (t) => {
    t.deepEqual((await outcome(body)).logged, expected);
  });
}

test("a timer that throws fails its entry, unless a listener prevents it", async (t) => {
  const plain = await outcome("setTimeout(() => { throw new Error('late'); });");
  t.regex(plain.timers[0] ?? "", /^30;.*Error: late/);
  const heard = await outcome("addEventListener('error', (v) => console.log(v.message)); setTimeout(() => { throw new Error('late'); });");
  t.regex(heard.timers[0] ?? "", /^30;.*Error: late/);
  t.deepEqual(heard.logged, ["Uncaught Error: late"]);
  const prevented = await outcome("addEventListener('error', (v) => { v.preventDefault(); console.log(v.message); }); setTimeout(() => { throw new Error('late'); }); setTimeout('nonsense here');");
  t.deepEqual(prevented.timers, ["0", "0"]);
  t.deepEqual(prevented.logged, ["Uncaught Error: late", "Uncaught SyntaxError: Unexpected identifier 'here'"]);
});

test("what a handler of an event throws is no error event: its call fails", async (t) => {
  const { realm } = await outcome("addEventListener('error', (v) => { v.preventDefault(); console.log('told'); });");
  t.regex(realm.dispatch("request", 0, []).raw, /^30;.*of a handler/);
  t.deepEqual(lines(realm), []);
});

test("whoever listens for nothing loads nothing, whatever fails", async (t) => {
  const { realm } = await outcome("queueMicrotask(() => { throw 1; }); reportError(2); setTimeout(() => { throw 3; }); performance.now();");
  t.is(realm.evaluate("typeof Object.getOwnPropertyDescriptor(globalThis, 'EventTarget').get"), "function");
  t.is(realm.evaluate("typeof Object.getOwnPropertyDescriptor(Object.getPrototypeOf(performance), 'addEventListener').get"), "function");
});
