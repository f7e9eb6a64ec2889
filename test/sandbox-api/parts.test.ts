// Parts of the guest (globals that load when they are touched): they behave as Node's where the standard says how, load once and only
// then, survive what addons do to built-ins, and what is done to them harms nobody but the addon. Conformance is measured by
// `npm run wpt`; here is what must never break.
import test from "ava";
import fc from "fast-check";
import { globalTable } from "../../sandbox-api/schema/globals.ts";
import { splitGuest } from "../../sandbox-api/schema/own-builds.ts";
import { bundleGuest, guestRealm, type GuestRealm } from "../helpers/guest-realm.ts";

const guest = await bundleGuest();
const addon = "export function request() {}";
const realm = await guestRealm(addon, guest);

test("every part is one ASCII script of bounded size, and every global that has one is exported by it", async (t) => {
  const { parts } = splitGuest(guest);
  for (const [name, source] of parts) {
    t.regex(source, /^[\x00-\x7f]*$/, name);
    t.true(source.length < 400_000, `${name}: ${source.length}`);
  }
  const fresh = await guestRealm(addon, guest);
  for (const [name, { part }] of Object.entries(globalTable)) {
    if (part === null) continue;
    t.is(fresh.evaluate(`typeof Object.getOwnPropertyDescriptor(globalThis, "${name}").get`), "function", name);
    t.not(fresh.evaluate(`typeof ${name}`), "undefined", name);
    t.deepEqual({ ...(fresh.evaluate(`const d = Object.getOwnPropertyDescriptor(globalThis, "${name}"); delete d.value; d`.replace("const d", `var d_${name}`).replace(/\bd\b(?!_)/g, `d_${name}`)) as object) }, { writable: true, enumerable: false, configurable: true }, name);
  }
});

test("a global of a part can be replaced before it was ever touched", async (t) => {
  const fresh = await guestRealm(addon, guest);
  t.is(fresh.evaluate("globalThis.URL = 7; URL"), 7);
  t.is(fresh.evaluate("delete globalThis.TextDecoder; typeof TextDecoder"), "undefined");
});

test("nothing of a load stays on the global", async (t) => {
  const fresh = await guestRealm(addon, guest);
  t.is(fresh.evaluate("new URL('http://b\\u00fccher.example/').host; [typeof $keep, typeof $kernel, typeof $exports, typeof $part].join()"), "undefined,undefined,undefined,undefined");
});

/** Runs the same source here and in the realm; results as JSON, errors as their names. */
function agrees(source: string, where: GuestRealm = realm): { readonly mine: unknown; readonly nodes: unknown } {
  const body = `(() => { try { return JSON.stringify((() => { ${source} })()); } catch (error) { return "throws " + error.name; } })()`;
  return { mine: where.evaluate(body), nodes: (0, eval)(body) };
}

test("UTF-8 with replacement and fatal agrees with Node's TextDecoder, whole and in pieces", (t) => {
  const mixed = fc.array(fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0xc3, 0xe2, 0xf0, 0x9f, 0x80, 0xbf, 0xed, 0xef, 0xbb)), { maxLength: 40 });
  fc.assert(fc.property(mixed, fc.nat(40), fc.boolean(), (given, cut, fatal) => {
    const { mine, nodes } = agrees(`const d = new TextDecoder("utf-8", { fatal: ${fatal} }); const b = new Uint8Array([${given.join()}]); return [d.decode(b.subarray(0, ${cut}), { stream: true }), d.decode(b.subarray(${cut}))];`);
    t.is(mine, nodes);
  }));
});

test("TextEncoder agrees with Node's, lone surrogates and short targets included", (t) => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 30 }), fc.nat(20), (text, room) => {
    const { mine, nodes } = agrees(`const e = new TextEncoder(), b = new Uint8Array(${room}); return [[...e.encode(${JSON.stringify(text)})], e.encodeInto(${JSON.stringify(text)}, b), [...b]];`);
    t.is(mine, nodes);
  }));
});

test("base64 agrees with Node's", (t) => {
  fc.assert(fc.property(fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) }), (text) => {
    const { mine, nodes } = agrees(`const text = ${JSON.stringify(text)}; return [btoa(text), atob(btoa(text)) === text, atob(" " + btoa(text).replace(/=/g, "") + "\\n") === text];`);
    t.is(mine, nodes);
  }));
  for (const bad of ["a", "ab=c", "a===", "!", "abcd="]) t.is(agrees(`return atob("${bad}");`).mine, "throws InvalidCharacterError", bad);
  t.is(agrees("return btoa('\\u0100');").mine, "throws InvalidCharacterError");
});

for (const [label, bytes, text] of [["shift_jis", "130,160", "\u3042"], ["windows-1252", "128,233", "\u20ac\u00e9"], ["gb18030", "129,48,129,48", "\u0080"], ["koi8-r", "193", "\u0430"], ["utf-16be", "0,65", "A"]] as const) {
  test(`TextDecoder decodes ${label}`, (t) => {
    t.is(realm.evaluate(`new TextDecoder("${label}").decode(new Uint8Array([${bytes}]))`), text);
  });
}

const urls: readonly (readonly [url: string, base?: string])[] = [
  ["http://example.com"], ["HTTP://EXAMPLE.com:80/a/../b/./c?x=y z#f g"], ["https://user:p%40ss@host:8443/%7Efoo/?q='<>#`"], ["http://[::1]:3000/x"], ["http://127.0.0.1/"], ["http://0x7f.1/"], ["http://256/"],
  ["//other/x", "http://h/a/b?q#f"], ["../x", "http://h/a/b/c"], ["?n", "http://h/a/b?q#f"], ["#n", "http://h/a/b?q#f"], ["", "http://h/a/b?q#f"], ["/abs", "https://h:1/a"], ["x\\y", "http://h/a/"], ["http:\\\\h\\p"],
  ["mailto:a@b"], ["data:text/plain,hi there"], ["foo://bar/baz?q"], ["  http://trim.me/\t "], ["http://h/é?é#é"], ["ws://h:80/x"], ["wss://h"], ["http://h:99999"], ["http://a b/"], ["no-scheme"], ["http://"], ["http://h/%2e%2e/x"], ["http://1.2.3/"], ["http://1.2.3.4.5/"], ["http://h/a//b/"], ["http://exa%6Dple.com/"],
];
for (const [url, base] of [...urls, ["https://b\u00fccher.example/"], ["https://xn--bcher-kva.example/"], ["http://[1:0:0:0:0:0:0:2]/"]] as typeof urls) {
  test(`URL: ${url} ${base ?? ""}`, (t) => {
    const { mine, nodes } = agrees(`const { href, origin, protocol, username, password, host, hostname, port, pathname, search, hash } = new URL(${JSON.stringify(url)}, ${JSON.stringify(base)}); return { href, origin, protocol, username, password, host, hostname, port, pathname, search, hash };`);
    t.is(mine, nodes);
  });
}

test("URL setters and searchParams write through, as Node's", (t) => {
  const { mine, nodes } = agrees(`const url = new URL("http://h/?a=1&b=2");
    url.searchParams.set("b", "\u00e4 &+"); url.searchParams.append("c", "1"); url.searchParams.delete("a");
    const first = url.href;
    url.search = "?z=1&y=2"; url.searchParams.sort(); url.pathname = "/p q"; url.hash = "h h"; url.host = "new.test:81"; url.hostname = "x.test"; url.username = "u:"; url.protocol = "https"; url.port = "443";
    return [first, url.href, url.searchParams.get("z"), [...url.searchParams], url.toString(), JSON.stringify({ url })];`);
  t.is(mine, nodes);
});

const equal: readonly (readonly [name: string, source: string])[] = [
  ["structuredClone of everything", `const a = { d: new Date(5), r: /x/gi, m: new Map([[{ k: 1 }, [1]]]), s: new Set(["a"]), b: new Uint8Array([1, 2]), o: Object(1), n: null, u: undefined, e: new RangeError("m", { cause: 1 }) }; a.self = a; const c = structuredClone(a); return [c !== a, c.self === c, c.d.getTime(), c.r.flags, [...c.m], [...c.s], [...c.b], typeof c.o, "u" in c, c.e.message, c.e.name, c.e.cause, c.e instanceof RangeError];`],
  ["structuredClone moves", "const b = new ArrayBuffer(4); new Uint8Array(b)[1] = 9; const c = structuredClone([b, b], { transfer: [b] }); return [b.byteLength, c[0] === c[1], ...new Uint8Array(c[0])];"],
  ["structuredClone refuses functions", "structuredClone({ f() {} })"], ["structuredClone refuses symbols", "structuredClone(Symbol())"],
  ["structuredClone of what a getter throws", "return structuredClone({ get a() { throw new RangeError('x'); } });"],
  ["DOMException", "const e = new DOMException('m', 'AbortError'); return [e.name, e.message, e.code, e instanceof Error, DOMException.ABORT_ERR, Object.prototype.toString.call(e), typeof e.stack];"],
  ["events", "const t = new EventTarget(), seen = []; t.addEventListener('a', (e) => seen.push(e.type, e.target === t, e.eventPhase), { once: true }); t.addEventListener('a', { handleEvent(e) { e.preventDefault(); seen.push('h'); } }); const r = [t.dispatchEvent(new Event('a', { cancelable: true })), t.dispatchEvent(new CustomEvent('a', { detail: 7 }))]; return [seen, r];"],
  ["AbortSignal", "const c = new AbortController(), seen = []; const any = AbortSignal.any([c.signal, new AbortController().signal]); any.onabort = () => seen.push('any'); c.signal.addEventListener('abort', () => seen.push('own', any.aborted)); c.abort('why'); c.abort('again'); return [seen, any.reason, AbortSignal.abort().reason.name, c.signal.reason];"],
  ["AbortSignal cannot be made", "new AbortSignal()"],
];
for (const [name, source] of equal) {
  test(`as Node: ${name}`, (t) => {
    const { mine, nodes } = agrees(source);
    t.is(mine, nodes);
  });
}

test("AbortSignal.timeout asks the host for the time", async (t) => {
  const fresh = await guestRealm(addon, guest);
  fresh.evaluate("globalThis.signal = AbortSignal.timeout(50)");
  const asked = fresh.posted.at(-1);
  t.deepEqual(JSON.parse(asked?.text ?? ""), { call: "timer.set", ms: 50 });
  fresh.resume(asked?.id ?? 0);
  t.is(fresh.evaluate("signal.aborted + signal.reason.name"), "trueTimeoutError");
});

test("what a listener throws is logged and stops nobody", async (t) => {
  const fresh = await guestRealm(addon, guest);
  t.is(fresh.evaluate("var n = 0; const target = new EventTarget(); target.addEventListener('x', () => { throw new Error('mine'); }); target.addEventListener('x', () => n++); target.dispatchEvent(new Event('x')); n"), 1);
  t.regex(JSON.parse(fresh.posted.at(-1)?.text ?? "").msg, /^uncaught: Error: mine/);
});
