// Texts and fields of the guest, in this realm: byte strings survive every round trip, UTF-8 agrees with Node's, Headers keep order,
// spelling and duplicates, references describe exactly what changed.
import test from "ava";
import fc from "fast-check";
import { decodeText, decodeUtf8, encodeText, encodeUtf8, latin1Bytes, latin1Text } from "../../sandbox-api/guest/byte-string.ts";
import { referencesText } from "../../sandbox-api/guest/field-list.ts";
import { fieldsOfPairs } from "../../sandbox-api/guest/fields.ts";
import { quoteAscii } from "../../sandbox-api/guest/json-text.ts";
import { Headers } from "../../sandbox-api/guest/headers.ts";

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

test("JSON text is ASCII and says the same", (t) => {
  fc.assert(fc.property(anyText, (text) => /^[\x20-\x7e]*$/.test(quoteAscii(text)) && JSON.parse(quoteAscii(text)) === text));
  t.is(quoteAscii("\x7f\u2028\ud800"), `"\\u007f\\u2028\\ud800"`);
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
