// The keys of an instance as the cell holds them, asked by a guest that an addon has taken over: it knows every operation and every
// number. Nothing that a key does not allow comes out, by no way round; keys of others are not there; limits hold at their edge. That
// the operations are right is tested where they are used (test/sandbox-api/parts.test.ts, npm run wpt).
import test from "ava";
import type { KeyNews, KeyWish } from "../../sandbox-api/schema/crypto.ts";
import { makeNative, type NativeBounds, type NativeDoor } from "../../runtime/native/native.ts";
import { PairJobs } from "../../runtime/native/pair-jobs.ts";

const wide: NativeBounds = { cryptoKeys: 100, cryptoKeyBytes: 65_536, rsaKeysAtOnce: 2 };
const secret = new TextEncoder().encode("sixteen bytes...");
const wish = (algorithm: string, usages: KeyWish["usages"], extractable = false, more: Partial<KeyWish> = {}): KeyWish => ({ algorithm, extractable, usages, ...more });

interface Taken { readonly door: NativeDoor; ask(name: string, settings: object, ...buffers: Uint8Array[]): Buffer; make(name: string, settings: object, ...buffers: Uint8Array[]): readonly KeyNews[] }
function takenOver(bounds: NativeBounds = wide, jobs = new PairJobs()): Taken {
  const door = makeNative(bounds, jobs);
  const ask: Taken["ask"] = (name, settings, ...buffers) => Buffer.from(door.native(name, JSON.stringify(settings), ...buffers.map((bytes) => new Uint8Array(bytes).buffer)));
  return { door, ask, make: (...args) => JSON.parse(ask(...args).toString()) as readonly KeyNews[] };
}
const imported = (guest: Taken, wanted: KeyWish, bytes: Uint8Array = secret): number => guest.make("import", { format: "raw", wish: wanted }, bytes)[0]?.id ?? 0;
const cbc = wish("AES-CBC", ["encrypt", "decrypt", "wrapKey", "unwrapKey"]);
const none = new Uint8Array(0);
const iv = new Uint8Array(16);

test("a key that is not extractable does not come out, in no format and not wrapped", (t) => {
  const guest = takenOver();
  const key = imported(guest, cbc);
  const wrapper = imported(guest, cbc, iv);
  for (const format of ["raw", "jwk", "pkcs8", "spki"]) {
    t.throws(() => guest.ask("export", { key, format }), { message: /^InvalidAccessError: the key is not extractable/ });
    t.throws(() => guest.ask("wrap", { key, with: wrapper, format }, iv, none), { message: /^InvalidAccessError: the key is not extractable/ });
  }
  const [mine] = guest.make("generate", { wish: wish("ECDSA", ["sign"], false, { curve: "P-256" }) });
  t.false(mine?.extractable);
  t.throws(() => guest.ask("export", { key: mine?.id, format: "pkcs8" }), { message: /not extractable/ });
});

test("what is derived or unwrapped to be a key stays outside; bits come out for deriveBits alone", (t) => {
  const guest = takenOver();
  const base = imported(guest, wish("HKDF", ["deriveKey"]));
  t.throws(() => guest.ask("derive-bits", { key: base, hash: "SHA-256", bits: 128 }, none, none), { message: /may not be used to deriveBits/ });
  const [derived] = guest.make("derive-key", { key: base, hash: "SHA-256", bits: 128, wish: cbc }, none, none);
  t.throws(() => guest.ask("export", { key: derived?.id, format: "raw" }), { message: /not extractable/ });
  const open = imported(guest, wish("AES-CBC", ["encrypt"], true));
  const wrapped = guest.ask("wrap", { key: open, with: derived?.id, format: "raw" }, iv, none);
  const [unwrapped] = guest.make("unwrap", { with: derived?.id, format: "raw", wish: cbc }, iv, none, wrapped);
  t.throws(() => guest.ask("export", { key: unwrapped?.id, format: "raw" }), { message: /not extractable/ });
  // One that may unwrap may not decrypt for that.
  const unwrapper = imported(guest, wish("AES-CBC", ["unwrapKey"]));
  t.throws(() => guest.ask("decrypt", { key: unwrapper }, iv, none, wrapped), { message: /may not be used to decrypt/ });
});

test("a key is used for its own algorithm and usages only", (t) => {
  const guest = takenOver();
  const mac = imported(guest, wish("HMAC", ["verify"], false, { hash: "SHA-256" }));
  t.throws(() => guest.ask("sign", { key: mac }, none), { message: /may not be used to sign/ });
  t.throws(() => guest.ask("encrypt", { key: mac, tagBytes: 16 }, iv, none, none), { message: /of another algorithm/ });
  t.throws(() => guest.ask("derive-bits", { key: mac, hash: "SHA-256", bits: 8 }, none, none), { message: /of another algorithm/ });
  t.throws(() => guest.ask("wrap", { key: mac, with: mac, format: "raw" }, iv, none), { message: /of another algorithm/ });
  // A secret is no half of a pair, nor the other way round.
  const [pair, open] = guest.make("generate", { wish: wish("ECDH", ["deriveBits"], false, { curve: "P-256" }) });
  t.throws(() => guest.ask("derive-bits", { key: pair?.id, other: mac, bits: null }), { message: /a public key is needed/ });
  t.throws(() => guest.ask("derive-bits", { key: open?.id, other: open?.id, bits: null }), { message: /may not be used to deriveBits/ });
  t.throws(() => imported(guest, wish("HMAC", ["encrypt"], false, { hash: "SHA-256" })), { message: /^SyntaxError/ });
  t.throws(() => guest.make("generate", { wish: { ...cbc, usages: ["export", "encrypt", "constructor"], length: 7 } }), { message: /AES key has 128/ });
});

test("keys of another instance, forgotten ones and invented ones are not there", (t) => {
  const [one, other] = [takenOver(), takenOver()];
  const key = imported(one, cbc);
  t.throws(() => other.ask("encrypt", { key }, iv, none, none), { message: /^InvalidAccessError: there is no such key/ });
  for (const invented of [0, -1, 2, 1.5, "1", null, undefined, { valueOf: () => 1 }, [1], 2 ** 53, "__proto__", "constructor"]) t.throws(() => one.ask("encrypt", { key: invented }, iv, none, none), { message: /no such key/ }, String(invented));
  one.ask("forget", { ids: [key] });
  t.throws(() => one.ask("encrypt", { key }, iv, none, none), { message: /no such key/ });
  // A number is never given again.
  t.true(imported(one, cbc) > key);
  const wishes: unknown[] = [null, [], {}, { algorithm: "__proto__", usages: [] }, { algorithm: "constructor", usages: [] }, { ...cbc, usages: "encrypt" }, { ...cbc, length: -1 }, { ...cbc, hash: "MD5" }];
  for (const each of wishes) t.throws(() => one.ask("import", { format: "raw", wish: each }, secret), undefined, JSON.stringify(each));
});

test("limit cryptoKeys: as many, not one more, and what was forgotten makes room", (t) => {
  const guest = takenOver({ ...wide, cryptoKeys: 3 });
  const first = imported(guest, cbc);
  imported(guest, cbc);
  // A pair needs room for both, and leaves nothing when there is none.
  t.throws(() => guest.make("generate", { wish: wish("Ed25519", ["sign", "verify"]) }), { message: "QuotaExceededError: more than 3 keys that are in use (limit cryptoKeys)" });
  imported(guest, cbc);
  t.throws(() => imported(guest, cbc), { message: /limit cryptoKeys/ });
  t.notThrows(() => guest.ask("encrypt", { key: first }, iv, none, none), "those that are there stay");
  guest.ask("forget", { ids: [first, first, 99, "1", null] });
  t.notThrows(() => imported(guest, cbc));
  t.throws(() => imported(guest, cbc), { message: /limit cryptoKeys/ });
  t.throws(() => imported(takenOver({ ...wide, cryptoKeys: 0 }), cbc), { message: /limit cryptoKeys/ });
});

test("limit cryptoKeyBytes: as many, not one more", (t) => {
  const guest = takenOver({ ...wide, cryptoKeyBytes: 40 });
  const key = imported(guest, cbc);
  const mac = wish("HMAC", ["sign"], false, { hash: "SHA-1" });
  t.throws(() => imported(guest, mac, new Uint8Array(25)), { message: "QuotaExceededError: keys of more than 40 bytes that are in use (limit cryptoKeyBytes)" });
  imported(guest, mac, new Uint8Array(24));
  t.throws(() => imported(guest, mac, new Uint8Array(1)), { message: /limit cryptoKeyBytes/ });
  guest.ask("forget", { ids: [key] });
  t.notThrows(() => imported(guest, mac, new Uint8Array(16)));
  t.throws(() => guest.make("generate", { wish: wish("Ed25519", ["sign"]) }), { message: /limit cryptoKeyBytes/ });
});

const rsa = (length: number, exponent = 65_537): KeyWish => wish("RSA-PSS", ["sign", "verify"], false, { hash: "SHA-256", length, exponent });

test("RSA keys: of 2048 to 4096 bits, with two exponents, as many at once as the limit says", async (t) => {
  const jobs = new PairJobs();
  const guest = takenOver({ ...wide, rsaKeysAtOnce: 1 }, jobs);
  for (const [length, exponent] of [[2_047, 65_537], [2_040, 65_537], [2_049, 65_537], [4_104, 65_537], [0, 65_537], [2_048, 1], [2_048, 2], [2_048, 65_539], [2_048, 0xffff_ffff]] as const) {
    t.throws(() => guest.ask("rsa-begin", { wish: rsa(length, exponent) }), { message: /RSA keys/ }, `${length} ${exponent}`);
  }
  for (const each of [wish("RSA-PSS", ["verify"], false, { hash: "SHA-256", length: 2_048, exponent: 3 }), wish("RSA-PSS", ["encrypt"], false, { hash: "SHA-256", length: 2_048, exponent: 3 })]) t.throws(() => guest.ask("rsa-begin", { wish: each }), { message: /^SyntaxError/ });
  t.false(jobs.isBusy, "nothing was begun");

  const ticket: unknown = JSON.parse(guest.ask("rsa-begin", { wish: rsa(2_048) }).toString());
  t.true(jobs.isBusy);
  t.throws(() => guest.ask("rsa-begin", { wish: rsa(2_048) }), { message: "QuotaExceededError: more than 1 RSA keys are being made at once (limit rsaKeysAtOnce)" });
  t.is(guest.ask("rsa-take", { ticket }).length, 0, "not yet");
  for (const invented of [0, 99, "1", null]) t.throws(() => guest.ask("rsa-take", { ticket: invented }), { message: /nobody waits/ });
  t.throws(() => takenOver(wide, jobs).ask("rsa-take", { ticket }), { message: /nobody waits/ }, "nor does another instance");
  while (jobs.isBusy) await new Promise((resolve) => setTimeout(resolve, 5));

  const [own, open] = guest.make("rsa-take", { ticket });
  t.deepEqual([own?.type, own?.extractable, own?.usages, own?.length, own?.exponent, open?.type, open?.extractable, open?.usages], ["private", false, ["sign"], 2_048, [1, 0, 1], "public", true, ["verify"]]);
  const signature = guest.ask("sign", { key: own?.id, saltLength: 32 }, secret);
  t.deepEqual([...guest.ask("verify", { key: open?.id, saltLength: 32 }, signature, secret)], [1]);
  t.throws(() => guest.ask("export", { key: own?.id, format: "pkcs8" }), { message: /not extractable/ });
  t.throws(() => guest.ask("rsa-take", { ticket }), { message: /nobody waits/ }, "once");
  t.true(guest.door.takeBesideMicros() > 1_000, "what it took is told, for the budget");
  t.is(guest.door.takeBesideMicros(), 0, "once");
  t.notThrows(() => guest.ask("rsa-begin", { wish: rsa(2_048) }), "there is room again");
});
