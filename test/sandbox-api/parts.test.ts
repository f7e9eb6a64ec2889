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
