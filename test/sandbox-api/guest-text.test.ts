// Texts and fields of the guest, in this realm: byte strings survive every round trip, UTF-8 agrees with Node's, Headers keep order,
// spelling and duplicates, references describe exactly what changed; URL, base64 and TextDecoder agree with Node's where they claim to.
import test from "ava";
import fc from "fast-check";
import { decodeText, decodeUtf8, encodeText, encodeUtf8, latin1Bytes, latin1Text } from "../../sandbox-api/guest/byte-string.ts";
import { fieldsOfPairs, referencesText } from "../../sandbox-api/guest/fields.ts";
import { quoteAscii } from "../../sandbox-api/guest/json-text.ts";
import { Headers } from "../../sandbox-api/guest/headers.ts";
import { atob as guestAtob, btoa as guestBtoa } from "../../sandbox-api/guest/globals/base64.ts";
import { TextDecoder as GuestDecoder, TextEncoder as GuestEncoder } from "../../sandbox-api/guest/globals/text-coding.ts";
import { URL as GuestUrl, URLSearchParams as GuestParams } from "../../sandbox-api/guest/globals/url.ts";

const byteText = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 }).map((codes) => String.fromCharCode(...codes));
const bytes = fc.uint8Array({ maxLength: 700 });
const anyText = fc.string({ unit: "binary", maxLength: 60 });
const name = fc.constantFrom("a", "A", "b", "X-Long-Name", "x-long-name", "Set-Cookie");
const value = fc.string({ unit: "grapheme", maxLength: 8 }).map((text) => text.replace(/[\x00-\x1f\x7f]/g, "").trim());

test("every byte string survives decoding and encoding", (t) => {
  fc.assert(fc.property(byteText, (text) => encodeText(decodeText(text)) === text));
  fc.assert(fc.property(bytes, (given) => Buffer.compare(encodeUtf8(decodeUtf8(given) ?? ""), given) === 0));
  fc.assert(fc.property(bytes, (given) => Buffer.compare(latin1Bytes(latin1Text(given)) ?? new Uint8Array(1), given) === 0));
  t.is(decodeText("\xc3\xa9\xff"), "\u00e9\udcff");
  t.is(decodeText("\xed\xb3\xbf"), "\udced\udcb3\udcbf", "an encoded surrogate is no UTF-8");
});

test("UTF-8 with replacement and fatal agrees with Node's TextDecoder", (t) => {
  const mixed = fc.array(fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0xc3, 0xe2, 0xf0, 0x9f, 0x80, 0xbf, 0xed, 0xef, 0xbb)), { maxLength: 60 }).map((list) => Uint8Array.from(list));
  fc.assert(fc.property(mixed, (given) => new GuestDecoder().decode(given) === new TextDecoder().decode(given)), { numRuns: 2_000 });
  fc.assert(fc.property(mixed, (given) => {
    const attempt = (decoder: { decode(source: Uint8Array): string }): string => { try { return decoder.decode(given); } catch { return "refused"; } };
    return attempt(new GuestDecoder("utf-8", { fatal: true })) === attempt(new TextDecoder("utf-8", { fatal: true }));
  }));
  fc.assert(fc.property(anyText, (text) => Buffer.compare(new GuestEncoder().encode(text), new TextEncoder().encode(text)) === 0));
  fc.assert(fc.property(anyText, fc.integer({ min: 0, max: 20 }), (text, room) => {
    const [mine, theirs] = [new Uint8Array(room), new Uint8Array(room)];
    t.deepEqual(new GuestEncoder().encodeInto(text, mine), new TextEncoder().encodeInto(text, theirs));
    return Buffer.compare(mine, theirs) === 0;
  }));
  for (const label of ["latin1", "utf-16le", "utf-16be"]) fc.assert(fc.property(bytes, (given) => given.length % 2 === 1 || /[\ud800-\udfff]/.test(new GuestDecoder(label).decode(given)) || new GuestDecoder(label).decode(given) === new TextDecoder(label).decode(given)));
  t.throws(() => new GuestDecoder("shift_jis"), { name: "RangeError" });
});

test("JSON text is ASCII and says the same", (t) => {
  fc.assert(fc.property(anyText, (text) => /^[\x20-\x7e]*$/.test(quoteAscii(text)) && JSON.parse(quoteAscii(text)) === text));
  t.is(quoteAscii("\x7f\u2028\ud800"), `"\\u007f\\u2028\\ud800"`);
});

test("base64 agrees with Node's", (t) => {
  fc.assert(fc.property(byteText, (text) => guestBtoa(text) === btoa(text) && guestAtob(btoa(text)) === text && guestAtob(` ${btoa(text).replace(/=/g, "")}\n`) === text));
  for (const bad of ["a", "ab=c", "a===", "!", "abcd="]) t.throws(() => guestAtob(bad), { name: "InvalidCharacterError" }, bad);
  t.throws(() => guestBtoa("\u0100"), { name: "InvalidCharacterError" });
});

/** The model: a plain list of pairs. */
type Model = (readonly [string, string])[];
const isName = (wanted: string) => ([each]: readonly [string, string]): boolean => each.toLowerCase() === wanted.toLowerCase();
const operations = fc.array(fc.oneof(
  fc.record({ kind: fc.constant("append" as const), name, value }),
  fc.record({ kind: fc.constant("set" as const), name, value }),
  fc.record({ kind: fc.constant("delete" as const), name, value }),
), { maxLength: 20 });

test("Headers behave as a list of pairs with case-insensitive names", (t) => {
  fc.assert(fc.property(operations, (list) => {
    const headers = new Headers();
    let model: Model = [];
    for (const step of list) {
      headers[step.kind](step.name, step.value);
      const first = model.findIndex(isName(step.name));
      if (step.kind === "append" || (step.kind === "set" && first < 0)) model.push([step.name, step.value]);
      else if (step.kind === "delete") model = model.filter((pair) => !isName(step.name)(pair));
      else model = model.flatMap((pair, index) => (!isName(step.name)(pair) ? [pair] : index === first ? [[pair[0], step.value] as const] : []));
    }
    t.deepEqual([...headers], model.map(([each, text]) => [each, text]));
    for (const wanted of ["a", "X-LONG-NAME", "set-cookie"]) {
      const found = model.filter(isName(wanted)).map(([, text]) => text);
      t.is(headers.get(wanted), found.length === 0 ? null : found.join(", "));
      t.deepEqual(headers.getAll(wanted), found);
      t.is(headers.has(wanted), found.length > 0);
    }
    t.deepEqual([...new Headers(headers).fields], [...headers.fields]);
    return true;
  }));
});

test("references rebuild the new list from the one that was seen", (t) => {
  const pairs = fc.array(fc.tuple(name, value), { maxLength: 10 });
  fc.assert(fc.property(pairs, fc.array(fc.oneof(fc.nat(9), fc.tuple(name, value)), { maxLength: 10 }), (before, plan) => {
    const seen = fieldsOfPairs(before);
    const used = new Set<number>();
    const now = plan.flatMap((entry) => (typeof entry !== "number" ? [...Array.from(fieldsOfPairs([entry]))] : entry < before.length && !used.has(entry) ? (used.add(entry), [seen[entry]!]) : []));
    const text = referencesText(now, seen);
    const isSame = now.length === before.length && now.every((field, index) => field === seen[index]);
    t.is(text === null, isSame);
    if (text === null) return true;
    const references = JSON.parse(text) as (number | [string, string])[];
    t.deepEqual(references.map((reference) => (typeof reference === "number" ? [...before[reference]!] : reference)), now.map((field) => [field.name, field.value]));
    return new Set(references.filter((reference) => typeof reference === "number")).size === references.filter((reference) => typeof reference === "number").length;
  }));
});

const urls: readonly (readonly [url: string, base?: string])[] = [
  ["http://example.com"], ["HTTP://EXAMPLE.com:80/a/../b/./c?x=y z#f g"], ["https://user:p%40ss@host:8443/%7Efoo/?q='<>#`"], ["http://[::1]:3000/x"], ["http://127.0.0.1/"], ["http://0x7f.1/"], ["http://256/"],
  ["//other/x", "http://h/a/b?q#f"], ["../x", "http://h/a/b/c"], ["?n", "http://h/a/b?q#f"], ["#n", "http://h/a/b?q#f"], ["", "http://h/a/b?q#f"], ["/abs", "https://h:1/a"], ["x\\y", "http://h/a/"], ["http:\\\\h\\p"],
  ["mailto:a@b"], ["data:text/plain,hi there"], ["foo://bar/baz?q"], ["  http://trim.me/\t "], ["http://h/é?é#é"], ["ws://h:80/x"], ["wss://h"], ["http://h:99999"], ["http://a b/"], ["no-scheme"], ["http://"], ["http://h/%2e%2e/x"], ["http://1.2.3/"], ["http://1.2.3.4.5/"], ["http://h/a//b/"], ["http://exa%6Dple.com/"],
];
for (const [url, base] of urls) {
  test(`URL: ${url} ${base ?? ""}`, (t) => {
    const show = (make: () => GuestUrl | URL): unknown => {
      try {
        const { href, origin, protocol, username, password, host, hostname, port, pathname, search, hash } = make();
        return { href, origin, protocol, username, password, host, hostname, port, pathname, search, hash };
      } catch (error) {
        return (error as Error).name;
      }
    };
    t.deepEqual(show(() => new GuestUrl(url, base)), show(() => new URL(url, base)));
  });
}

test("URL setters and searchParams write through, as Node's", (t) => {
  const edit = (url: URL | GuestUrl): readonly unknown[] => {
    url.searchParams.set("b", "ä &+"); url.searchParams.append("c", "1"); url.searchParams.delete("a");
    const first = url.href;
    url.search = "?z=1&y=2"; url.searchParams.sort(); url.pathname = "/p q"; url.hash = "h h"; url.host = "new.test:81"; url.hostname = "x.test"; url.username = "u:"; url.protocol = "https"; url.port = "443";
    return [first, url.href, url.searchParams.get("z"), [...url.searchParams], url.toString(), JSON.stringify({ url })];
  };
  t.deepEqual(edit(new GuestUrl("http://h/?a=1&b=2")), edit(new URL("http://h/?a=1&b=2")));
  fc.assert(fc.property(fc.array(fc.tuple(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }))), (pairs) => {
    t.is(new GuestParams(pairs).toString(), new URLSearchParams(pairs).toString());
    t.deepEqual([...new GuestParams(new URLSearchParams(pairs).toString())], [...new URLSearchParams(new URLSearchParams(pairs).toString())]);
    return true;
  }));
});
