// Parts of the guest (globals that load when they are touched): they behave as Node's where the standard says how, load once and only
// then, survive what addons do to built-ins, and what is done to them harms nobody but the addon. Conformance is measured by
// `npm run wpt`; here is what must never break.
import test from "ava";
import { format as nodeFormat, inspect as nodeInspect } from "node:util";
import fc from "fast-check";
import { globalTable } from "../../sandbox-api/schema/globals.ts";
import { splitGuest } from "../../sandbox-api/schema/own-builds.ts";
import { bundleGuest, defaultSettings, guestRealm, type GuestRealm } from "../helpers/guest-realm.ts";

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
  for (const [name, { part, isAttribute }] of Object.entries(globalTable)) {
    if (part === null) continue;
    if (isAttribute) t.is(fresh.evaluate(`[${name}, ${name} = 7, ${name}].join()`), ",7,", name);
    if (isAttribute) continue;
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
for (const [url, base] of [...urls, ["https://b\u00fccher.example/"], ["https://xn--bcher-kva.example/"], ["http://[1:0:0:0:0:0:0:2]/"], ["https://axn--b.example/"]] as typeof urls) {
  test(`URL: ${url} ${base ?? ""}`, (t) => {
    const { mine, nodes } = agrees(`const { href, origin, protocol, username, password, host, hostname, port, pathname, search, hash } = new URL(${JSON.stringify(url)}, ${JSON.stringify(base)}); return { href, origin, protocol, username, password, host, hostname, port, pathname, search, hash };`);
    t.is(mine, nodes);
  });
}

for (const [host, expected] of [["xn--", "null"], ["a.b.c.XN--pokxncvks", "null"], ["%78n--/", "null"], ["xn--a.xn--nxa", "null"], ["XN--bcher-kva.example", "xn--bcher-kva.example"], ["xn--bcher-kva.axn--", "xn--bcher-kva.axn--"]] as const) {
  test(`URL: Punycode in ASCII domains is checked (decision 0019): ${host}`, (t) => {
    t.is(String(realm.evaluate(`URL.parse("https://${host}/")?.host ?? null`)), expected);
    const setter = realm.evaluate(`{ const url = new URL("https://old.example/"); url.hostname = "${host}"; url.hostname }`);
    t.is(setter, expected === "null" ? "old.example" : expected);
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
  ["structuredClone refuses a buffer twice", "const b = new ArrayBuffer(4); structuredClone(b, { transfer: [b, b] })"], ["structuredClone refuses a detached buffer", "const b = new ArrayBuffer(4); structuredClone(b, { transfer: [b] }); structuredClone(b, { transfer: [b] })"],
  ["structuredClone refuses to move a Blob", "const b = new Blob(); structuredClone(b, { transfer: [b] })"], ["structuredClone refuses a locked stream", "const s = new ReadableStream(); s.getReader(); structuredClone(s, { transfer: [s] })"], ["structuredClone refuses a stream that is not moved", "structuredClone(new ReadableStream())"],
  ["structuredClone: a getter that locks the stream", "const s = new WritableStream(); structuredClone({ s, get g() { s.getWriter(); } }, { transfer: [s] })"], ["structuredClone: a side and its pair", "const s = new TransformStream(); structuredClone(0, { transfer: [s.readable, s] })"],
  ["structuredClone refuses functions", "structuredClone({ f() {} })"], ["structuredClone refuses symbols", "structuredClone(Symbol())"],
  ["structuredClone of what a getter throws", "return structuredClone({ get a() { throw new RangeError('x'); } });"],
  ["DOMException", "const e = new DOMException('m', 'AbortError'); return [e.name, e.message, e.code, e instanceof Error, DOMException.ABORT_ERR, Object.prototype.toString.call(e), typeof e.stack];"],
  ["events", "const t = new EventTarget(), seen = []; t.addEventListener('a', (e) => seen.push(e.type, e.target === t, e.eventPhase), { once: true }); t.addEventListener('a', { handleEvent(e) { e.preventDefault(); seen.push('h'); } }); const r = [t.dispatchEvent(new Event('a', { cancelable: true })), t.dispatchEvent(new CustomEvent('a', { detail: 7 }))]; return [seen, r];"],
  ["AbortSignal", "const c = new AbortController(), seen = []; const any = AbortSignal.any([c.signal, new AbortController().signal]); any.onabort = () => seen.push('any'); c.signal.addEventListener('abort', () => seen.push('own', any.aborted)); c.abort('why'); c.abort('again'); return [seen, any.reason, AbortSignal.abort().reason.name, c.signal.reason];"],
  ["AbortSignal cannot be made", "new AbortSignal()"],
];
const shown: readonly string[] = [
  "{ a: 1, 'b-c': 'x', [Symbol('s')]: [1, 2, 3] }", "[1, , 3]", "new Map([['a', { b: new Set([1, 'x']) }]])", "new Set()", "['it\\'s', \"q\\\"'\", 'line\\nend']", "-0", "10n", "Symbol('x')", "[undefined, null]",
  "Array.from({ length: 120 }, (_, i) => i)", "Array.from({ length: 30 }, (_, i) => 'item' + i * i)", "{ a: { b: { c: { d: 1 } } } }", "new (class Foo { constructor() { this.x = 1; } })()", "Object.create(null)", "new Date(0)", "/x/g", "[function f() {}, class A {}, class B extends Map {}, () => {}, async () => {}]",
  "new Uint8Array([1, 2, 3])", "new Uint8Array([1, 2, 3]).buffer", "Object(1)", "Object('s')", "{ get a() { return 1; }, set b(v) {}, get c() { return 1; }, set c(v) {} }", "(() => { const o = { name: 'o' }; o.self = o; return o; })()",
  "{ long: 'x'.repeat(50), other: 'y'.repeat(50) }", "{ a: { x: 1, y: [1, 2, { z: 3 }] }, b: new Map([[1, 2]]), c: 'text'.repeat(10), d: [['a', 'b'], ['c']] }", "[[[[[]]]]]", "Object.assign(() => {}, { p: 1 })", "[1.5, 22.25, 333, 4, 5, 6, 7, 8, 9]",
];
for (const source of shown) {
  test(`console shows as Node: ${source}`, async (t) => {
    const fresh = await guestRealm(addon, guest);
    fresh.evaluate(`console.log(${source}, 0)`);
    t.is(JSON.parse(fresh.posted.at(-1)?.text ?? "").msg.slice(0, -2).slice(0, 150), nodeInspect((0, eval)(`(${source})`)).slice(0, 150), source);
  });
}

const formats: readonly string[] = [
  "'%s is %d years and %i, %f', 'Ann', 42.5, 42.9, '1.5x'", "'%j %o', { a: 1 }, 'q'", "'%O', { a: { b: { c: {} } } }", "'100%', 'x'", "'%% %s %x', 1, 2", "'%c styled', 'color: red'", "'%s', null, undefined", "'%s %s', 'a'", "'a', 'b', { c: 'd' }", "'%d', '0x10'", "'%s', Symbol('q')", "'%s', { toString() { return 'own'; } }", "'%s', [1, [2, [3]]]", "1, 'x'",
];
for (const source of formats) {
  test(`console formats as Node: ${source}`, async (t) => {
    const fresh = await guestRealm(addon, guest);
    fresh.evaluate(`console.log(${source})`);
    t.is(JSON.parse(fresh.posted.at(-1)?.text ?? "").msg, nodeFormat(...((0, eval)(`[${source}]`) as unknown[])), source);
  });
}

test("console: errors with causes, tables, groups, counts, timers, assertions", async (t) => {
  const fresh = await guestRealm(addon, guest, { ...defaultSettings, limits: { ...defaultSettings.limits, logLineBytes: 4_000 } });
  const lines = (source: string): readonly string[] => {
    const from = fresh.posted.length;
    fresh.evaluate(source);
    return fresh.posted.slice(from).map(({ text }) => { const { level, msg }: { level: string; msg: string } = JSON.parse(text); return `${level} ${msg}`; });
  };
  t.regex(lines("console.error(Object.assign(new TypeError('bad', { cause: new Error('why') }), { code: 'E' }))")[0] ?? "", /^error TypeError: bad\n {4}at [^]*\{\n {2}code: 'E',\n {2}\[cause\]: Error: why\n {6}at [^]*\n\}$/);
  t.is(lines("console.table([{ a: 1, b: 'x' }, { a: 2 }])")[0], "info \u250c\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u252c\u2500\u2500\u2500\u252c\u2500\u2500\u2500\u2500\u2500\u2510\n\u2502 (index) \u2502 a \u2502 b   \u2502\n\u251c\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u253c\u2500\u2500\u2500\u253c\u2500\u2500\u2500\u2500\u2500\u2524\n\u2502 0       \u2502 1 \u2502 'x' \u2502\n\u2502 1       \u2502 2 \u2502     \u2502\n\u2514\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2534\u2500\u2500\u2500\u2534\u2500\u2500\u2500\u2500\u2500\u2518");
  t.deepEqual(lines("console.group('g'); console.log('in\\nside'); console.groupEnd(); console.log('out')"), ["info g", "info   in\n  side", "info out"]);
  t.deepEqual(lines("console.count(); console.count('x'); console.count(); console.countReset(); console.count(); console.countReset('none')"), ["info default: 1", "info x: 1", "info default: 2", "info default: 1", "warn Count for 'none' does not exist"]);
  t.deepEqual(lines("console.assert(true, 'no'); console.assert(false); console.assert(0, 'is %s', 'so')"), ["error Assertion failed", "error Assertion failed: is so"]);
  t.regex(lines("console.time('t'); console.timeLog('t', 1); console.timeEnd('t'); console.timeEnd('t')").join("|"), /^info t: \d+ms 1\|info t: \d+ms\|warn No such label 't' for console.timeEnd\(\)$/);
  t.throws(() => lines("console.count({ toString() { throw new RangeError('label'); } })"));
});

test("console: values without end are cut, and hostile ones shown as such", async (t) => {
  const fresh = await guestRealm(addon, guest);
  const startedAt = performance.now();
  fresh.evaluate("let deep = {}; for (let i = 0; i < 1e5; i++) deep = { deep }; const wide = Array.from({ length: 40 }, () => Array.from({ length: 40 }, () => Array.from({ length: 40 }, () => ({})))); console.log(deep, wide, new Proxy({}, { getPrototypeOf() { throw 1; }, ownKeys() { throw 2; }, get() { throw 3; } }), 'x'.repeat(1e6), new Map(wide.entries()), { toJSON() { throw 4; } }); console.log('%s', 'a'.repeat(1e5)); console.table(wide); console.table(new Proxy([], { ownKeys() { throw 1; } }))");
  t.is(fresh.posted.length, 4);
  t.true(performance.now() - startedAt < 20_000);
});

const equalLater: readonly (readonly [name: string, source: string])[] = [
  ["streams", "const out = []; for await (const text of new ReadableStream({ start(c) { c.enqueue(new Uint8Array([0xe2, 0x82])); c.enqueue(new Uint8Array([0xac])); c.close(); } }).pipeThrough(new TextDecoderStream())) out.push(text); return out.join('');"],
  ["a ReadableStream moves, its chunks cloned", "const chunk = { a: [1] }; const from = new ReadableStream({ start(c) { c.enqueue(chunk); c.enqueue('x'); c.close(); } }); const to = structuredClone({ from }, { transfer: [from] }).from; const isLocked = from.locked, all = []; for await (const each of to) all.push(each); return [all, all[0] !== chunk, isLocked, to !== from, to instanceof ReadableStream];"],
  ["a WritableStream moves, its errors with it", "const seen = []; const from = new WritableStream({ write(c) { seen.push(c); if (c === 2) throw new RangeError('full'); } }); const to = structuredClone(from, { transfer: [from] }); const w = to.getWriter(); await w.write(1); await w.write(2).catch(() => {}); const error = await w.closed.catch((e) => e.name + e.message); return [seen, error, from.locked];"],
  ["a TransformStream moves whole", "const from = new TransformStream({ transform(c, k) { k.enqueue(c * 2); } }); const to = structuredClone(from, { transfer: [from] }); const locked = [from.readable.locked, from.writable.locked]; const w = to.writable.getWriter(); void w.write(4); void w.close(); const all = []; for await (const each of to.readable) all.push(each); return [all, to instanceof TransformStream, locked];"],
  ["a moved stream of what cannot be cloned fails", "const from = new ReadableStream({ start(c) { c.enqueue(() => {}); } }); const to = structuredClone(from, { transfer: [from] }); return await to.getReader().read().catch((e) => e.name);"],
  ["a body of many chunks that are there already", "let n = 0; return [(await new Response(new ReadableStream({ start(c) { for (let i = 0; i < 2e4; i++) c.enqueue(new Uint8Array([i])); c.close(); } })).bytes()).length, (await new Response(new ReadableStream({ pull(c) { if (++n > 5e3) c.close(); else c.enqueue(new Uint8Array(2)); } }, { highWaterMark: 0 })).bytes()).length];"],
  ["a body that fails on the way", "const r = new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array(1)); }, pull(c) { c.error(new RangeError('gone')); } })); const e = await r.text().catch((e) => e.name); return [e, r.bodyUsed, await r.text().catch((e) => e.name)];"],
  ["a body of something else than bytes", "const r = new Response(new ReadableStream({ start(c) { c.enqueue('text'); } })); return [await r.text().catch((e) => e.name), r.bodyUsed, r.body.locked];"],
  ["Blob and File", "const f = new File(['a\\u20ac', new Blob(['x'])], 'n', { type: 'T/X', lastModified: 5 }); return [f.size, f.type, f.name, f.lastModified, await f.slice(1, 4).text(), [...await f.bytes()], f instanceof Blob];"],
  ["FormData over a body", "const form = new FormData(); form.append('a', '1\\n2'); form.append('f', new Blob(['z'], { type: 'text/x' }), 'q\"'); const back = await new Response(form).formData(); return [back.get('a'), back.get('f').name, back.get('f').type, await back.get('f').text(), [...back.keys()]];"],
  ["Headers", "const h = new Headers([['B', '1'], ['a', ' x '], ['b', '2'], ['set-cookie', 'p'], ['Set-Cookie', 'q']]); h.set('C', '3'); h.delete('none'); return [[...h], h.get('B'), h.getSetCookie(), h.has('c')];"],
  ["Headers refuse", "new Headers({ 'bad name': 'x' })"], ["Headers refuse line breaks", "new Headers({ a: 'x\\r\\ny: z' })"],
  ["Request", "const r = new Request('http://h/p?q#f', { method: 'post', body: new URLSearchParams({ a: 'b c' }), headers: { X: 'y' } }); const c = r.clone(); return [r.method, r.url, [...r.headers], await c.text(), await r.text(), r.bodyUsed, r.redirect];"],
  ["Response", "const r = Response.json({ a: 1 }, { status: 201 }); const c = r.clone(); return [r.status, r.ok, [...r.headers], await c.json(), await r.text(), r.bodyUsed, Response.error().type, Response.redirect('http://h/', 303).headers.get('location')];"],
  ["a body is taken once", "const r = new Response('x'); await r.text(); await r.text();"], ["a status that is none", "new Response('', { status: 99 })"],
  ["compression", "const pair = new CompressionStream('gzip'), back = new DecompressionStream('gzip'); const text = 'abc'.repeat(1000); return await new Response(new Blob([text]).stream().pipeThrough(pair).pipeThrough(back)).text() === text;"],
  ["digest", "return [...new Uint8Array(await crypto.subtle.digest('sha-256', new Uint8Array([1, 2])))];"],
  ["HMAC", "const key = await crypto.subtle.importKey('raw', new Uint8Array(16), { name: 'HMAC', hash: 'SHA-512' }, true, ['sign', 'verify']); const s = await crypto.subtle.sign('HMAC', key, new Uint8Array([7])); return [[...new Uint8Array(s)], await crypto.subtle.verify('HMAC', key, s, new Uint8Array([7])), (await crypto.subtle.exportKey('jwk', key)).alg];"],
  ["AES", "const out = []; for (const name of ['AES-GCM', 'AES-CBC', 'AES-CTR']) { const key = await crypto.subtle.importKey('raw', new Uint8Array(32), name, false, ['encrypt', 'decrypt']); const how = { name, iv: new Uint8Array(16), counter: new Uint8Array(16), length: 64 }; const c = await crypto.subtle.encrypt(how, key, new Uint8Array([1, 2, 3])); out.push([...new Uint8Array(c)], [...new Uint8Array(await crypto.subtle.decrypt(how, key, c))]); } return out;"],
  ["derivation", "const key = await crypto.subtle.importKey('raw', new Uint8Array(4), 'PBKDF2', false, ['deriveBits']); const h = await crypto.subtle.importKey('raw', new Uint8Array(4), 'HKDF', false, ['deriveBits']); return [[...new Uint8Array(await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(4), iterations: 10 }, key, 128))], [...new Uint8Array(await crypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-1', salt: new Uint8Array(4), info: new Uint8Array(1) }, h, 256))]];"],
  ["ECDSA and ECDH", "const { privateKey, publicKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']); const s = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, new Uint8Array(1)); const a = await crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-384' }, true, ['deriveBits']); return [s.byteLength, await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, publicKey, s, new Uint8Array(1)), (await crypto.subtle.deriveBits({ name: 'ECDH', public: a.publicKey }, a.privateKey, null)).byteLength, (await crypto.subtle.exportKey('raw', a.publicKey)).byteLength];"],
  ["a key that is not extractable", "const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, false, ['encrypt']); await crypto.subtle.exportKey('raw', key);"],
  ["a key for another use", "const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, false, ['encrypt']); await crypto.subtle.decrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, key, new Uint8Array(20));"],
  ["random values", "const a = new Uint32Array(4); return [crypto.getRandomValues(a) === a, a.some((n) => n > 0), /^[\\da-f]{8}-[\\da-f]{4}-4[\\da-f]{3}-[89ab][\\da-f]{3}-[\\da-f]{12}$/.test(crypto.randomUUID())];"],
  ["too many random values", "crypto.getRandomValues(new Uint8Array(65537))"], ["random floats", "crypto.getRandomValues(new Float32Array(1))"],
  ["URLPattern", "const p = new URLPattern({ pathname: '/books/:id' }); return [p.test('http://h/books/7'), p.exec('http://h/books/7').pathname.groups.id, p.test('http://h/x')];"],
];
for (const [name, source] of equalLater) {
  test(`as Node, later: ${name}`, async (t) => {
    const body = `(async () => { try { return JSON.stringify(await (async () => { ${source} })()); } catch (error) { return "throws " + error.name; } })()`;
    t.is(await (realm.evaluate(body) as Promise<unknown>), await ((0, eval)(body) as Promise<unknown>));
  });
}

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

test("what is read of a body does not depend on Object.prototype.then", async (t) => {
  const fresh = await guestRealm(addon, guest);
  const read = fresh.evaluate(`(async () => {
    const response = new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array([104, 105])); c.close(); } }));
    Object.prototype.then = function (resolve) { delete Object.prototype.then; resolve({ done: false, value: new Uint8Array([98]) }); };
    try { return await response.text(); } finally { delete Object.prototype.then; }
  })()`);
  t.is(await (read as Promise<string>), "hi");
});

const refused: readonly (readonly [name: string, source: string, expected: RegExp])[] = [
  ["more random bytes than the quota", "crypto.getRandomValues(new Uint8Array(1e6)); return 'made'", /QuotaExceeded/],
  ["a digest of more than the cell takes", "await crypto.subtle.digest('SHA-1', new Uint8Array(5e6)); return 'made'", /^OperationError.*4194304 bytes/],
  ["a derivation without end", "const k = await crypto.subtle.importKey('raw', new Uint8Array(4), 'PBKDF2', false, ['deriveBits']); await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-512', salt: new Uint8Array(4), iterations: 4294967295 }, k, 128); return 'made'", /^OperationError.*iterations/],
  ["a derivation of many blocks", "const k = await crypto.subtle.importKey('raw', new Uint8Array(4), 'PBKDF2', false, ['deriveBits']); await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-1', salt: new Uint8Array(4), iterations: 99999 }, k, 400000); return 'made'", /^OperationError.*rounds/],
  ["an RSA key that takes for ever", "await crypto.subtle.generateKey({ name: 'RSA-PSS', hash: 'SHA-256', modulusLength: 16384, publicExponent: new Uint8Array([1, 0, 1]) }, true, ['sign']); return 'made'", /^OperationError.*2048 to 4096 bits/],
  ["an RSA key that is too small", "await crypto.subtle.generateKey({ name: 'RSA-OAEP', hash: 'SHA-256', modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]) }, true, ['decrypt']); return 'made'", /^OperationError.*2048 to 4096 bits/],
  ["an RSA exponent that never ends", "await crypto.subtle.generateKey({ name: 'RSA-PSS', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1]) }, true, ['sign']); return 'made'", /^OperationError.*exponents/],
  ["an RSA modulus without end", "await crypto.subtle.importKey('jwk', { kty: 'RSA', e: 'AQAB', n: 'v'.repeat(3000) }, { name: 'RSA-PSS', hash: 'SHA-256' }, true, ['verify']); return 'made'", /^DataError.*4096 bits/],
  ["a bomb", "const z = new CompressionStream('gzip'); const w = z.writable.getWriter(); for (let i = 0; i < 3; i++) void w.write(new Uint8Array(1.3e6)); void w.close(); const once = await new Response(z.readable).bytes(); return String((await new Response(new Blob([once]).stream().pipeThrough(new DecompressionStream('gzip'))).bytes()).length)", /^3900000$/],
  ["more compressed bytes than the cell takes", "const z = new CompressionStream('gzip'); z.writable.getWriter().write(new Uint8Array(5e6)).catch(() => {}); await new Response(z.readable).bytes(); return 'made'", /^TypeError.*4194304/],
  ["what is not compressed", "return (await new Response(new Blob(['nonsense']).stream().pipeThrough(new DecompressionStream('gzip'))).text())", /^TypeError/],
  ["getters that throw", "return [() => new Headers({ get a() { throw 1; } }), () => new Request({ toString() { throw 2; } }), () => new Blob([{ toString() { throw 3; } }]), () => structuredClone({ get a() { throw 4; } }), () => new Event({ toString() { throw 5; } })].map((run) => { try { run(); } catch (error) { return error; } }).join()", /^1,2,3,4,5$/],
  ["a value nested without end", "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; structuredClone(a); return 'made'", /^DataCloneError/],
  ["a form without end of boundaries", "return String([...(await new Response('--b\\r\\nContent-Disposition: form-data; name=\"a\"\\r\\n\\r\\n' + '-'.repeat(2e5) + '\\r\\n--b--\\r\\n', { headers: { 'content-type': 'multipart/form-data; boundary=b' } }).formData()).keys()])", /^a$/],
  ["a media type without end", "return (await new Response('x', { headers: { 'content-type': 'a/b' + ';'.repeat(1e5) + ' '.repeat(1e5) + 'x' } }).blob()).type", /^a\/b$/],
  ["a header value of blanks", "return String(new Headers({ a: ' '.repeat(2e6) + 'x' + ' '.repeat(2e6) }).get('a').length)", /^1$/],
  ["a host of many labels", "return String(URL.canParse('http://' + 'xn--a.'.repeat(2e4)))", /^(?:true|false)$/],
  ["ten thousand headers", "return String([...new Headers(Array.from({ length: 1e4 }, (_, i) => ['n' + i, 'v']))].length)", /^10000$/],
];
for (const [name, source, expected] of refused) {
  test(`hostile: ${name}`, async (t) => {
    const startedAt = performance.now();
    const outcome = await (realm.evaluate(`(async () => { try { return await (async () => { ${source} })(); } catch (error) { return error.name + ": " + error.message; } })()`) as Promise<string>);
    t.regex(outcome, expected);
    t.true(performance.now() - startedAt < 20_000);
  });
}

test("an addon that poisons built-ins before it touches a part harms itself only", async (t) => {
  const fresh = await guestRealm(addon, guest);
  fresh.evaluate(`{
    const types = [Array, String, RegExp, Map, Set, Promise, Uint8Array, Symbol, Object]; const { ownKeys } = Reflect; const { defineProperty } = Object;
    for (let t = 0; t < types.length; t++) {
      const keys = ownKeys(types[t].prototype);
      for (let k = 0; k < keys.length; k++) {
        if (keys[k] === "constructor" || keys[k] === "then") continue;
        try { defineProperty(types[t].prototype, keys[k], { __proto__: null, value() { throw new Error("poisoned"); }, configurable: true, writable: true }); } catch {}
      }
    }
  }`);
  for (const { part } of Object.values(globalTable)) if (part !== null) t.regex(String(fresh.evaluate(`(() => { try { return typeof Object.getOwnPropertyDescriptor(globalThis, "${Object.keys(globalTable).find((key) => globalTable[key]?.part === part) ?? ""}").get?.(); } catch (error) { return "threw"; } })()`)), /^(function|object|undefined|threw)$/, part);
  t.is(fresh.dispatch("request", 1, []).raw, "0", "the bridge is at work");
});

test("a part that fails to load for want of stack loads later", async (t) => {
  const fresh = await guestRealm(addon, guest);
  t.is(fresh.evaluate("(function deep() { try { deep(); } catch { try { AbortController; } catch {} } })(); typeof AbortController"), "function");
});
