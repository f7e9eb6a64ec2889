// The cell's codec of texts: what it gives says exactly the same as what it got, it gives nothing where that cannot be, and shows nobody
// memory that is not of the text.
import test from "ava";
import fc from "fast-check";
import { text } from "../../runtime/native/text.ts";
import { mostTextBytes } from "../../sandbox-api/schema/guest-contract.ts";

const bufferOf = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;
const units = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 }).map((codes) => String.fromCharCode(...codes));
const bytesOf = (value: unknown): Uint8Array | null => (value instanceof ArrayBuffer ? new Uint8Array(value) : null);

test("bytes are a text only where the text is those bytes again", (t) => {
  t.notThrows(() => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom("utf-8", "latin1", "utf-16le"), (bytes, form) => {
      const decoded = text(form, bufferOf(bytes));
      return decoded === null || Buffer.compare(bytesOf(text(form, decoded)) ?? new Uint8Array(99), bytes) === 0;
    }));
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 80 }), (given) => text("utf-8", bufferOf(Buffer.from(given))) === given || !given.isWellFormed()));
    fc.assert(fc.property(units, (given) => text("utf-16le", bytesOf(text("utf-16le", given))?.buffer) === given));
  });
});

test("what has no exact form is refused", (t) => {
  for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc0, 0xaf]]) t.is(text("utf-8", bufferOf(Uint8Array.from(bytes))), null);
  t.is(text("utf-16le", bufferOf(new Uint8Array(3))), null);
  t.is(text("utf-8", "a\ud800"), null);
  t.is(text("utf-8", "\udc80"), null, "an escaped byte is the guest's affair");
  t.is(text("latin1", "\u0100"), null);
  t.deepEqual(bytesOf(text("latin1", "\x00\x80\xff")), Uint8Array.of(0, 0x80, 0xff));
  t.deepEqual(bytesOf(text("utf-8", "\ufeffé😀")), new Uint8Array(Buffer.from("\ufeffé😀")));
  t.is(text("utf-8", bufferOf(Buffer.from("\ufeffx"))), "\ufeffx", "a byte order mark stays");
});

test("too much at once is the guest's affair, and what is neither text nor buffer nobody's", (t) => {
  t.is(text("latin1", new ArrayBuffer(mostTextBytes + 1)), null);
  t.is(text("latin1", "x".repeat(mostTextBytes + 1)), null);
  for (const [form, given] of [["utf8", ""], ["", ""], [undefined, ""], [{ toString: () => "utf-8" }, ""], ["utf-8", 1], ["utf-8", null], ["utf-8", new Uint8Array(4)], ["utf-8", new SharedArrayBuffer(4)], ["utf-8", { byteLength: 4 }]] as const) {
    const error = t.throws(() => text(form, given));
    t.notRegex(error?.stack ?? "", /\n|\.ts/, "where this process keeps its files is nobody's business");
  }
});

test("a buffer holds the bytes of the text and nothing beside them", (t) => {
  for (const length of [0, 1, 100, 4_000, 5_000, 70_000]) t.is(bytesOf(text("utf-8", "x".repeat(length)))?.buffer.byteLength, length);
  t.is(bytesOf(text("utf-8", "é".repeat(3_000)))?.buffer.byteLength, 6_000);
});
