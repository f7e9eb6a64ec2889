// What a cell does for an isolate at once: it believes nothing that it is told, whoever tells it, and every operation is bounded. That the
// operations are right is tested where they are used (test/sandbox-api/parts.test.ts).
import test from "ava";
import { createDiffieHellmanGroup, generateKeyPairSync } from "node:crypto";
import { makeNative, mostInputBytes, mostSettingsChars } from "../../runtime/native/native.ts";
import { PairJobs } from "../../runtime/native/pair-jobs.ts";

const bounds = { cryptoKeys: 4, cryptoKeyBytes: 4_096, rsaKeysAtOnce: 1 };
const { native } = makeNative(bounds, new PairJobs());
const empty = new ArrayBuffer(0);
const derOf = (prime: Buffer): ArrayBuffer => new Uint8Array(generateKeyPairSync("dh", { prime }).privateKey.export({ format: "der", type: "pkcs8" })).buffer;

const refused: readonly (readonly [name: string, args: readonly unknown[], message: RegExp])[] = [
  ["an operation that there is not", ["exec", "{}"], /no such operation/], ["one of Object.prototype", ["constructor", "{}"], /no such operation/], ["one by an object", [{ toString: () => "random" }, "{}"], /no such operation/],
  ["settings that are no text", ["random", { bytes: 4 }], /no such operation/], ["settings that are no JSON", ["random", "{"], /JSON/], ["settings that are nothing", ["random", "null"], /null/], ["a list of settings", ["random", "[4]"], /whole number/],
  ["endless settings", ["random", `{"bytes":4,"x":"${"a".repeat(mostSettingsChars)}"}`], /characters/],
  ["too much randomness", ["random", '{"bytes":65537}'], /whole number/], ["a part of a byte", ["random", '{"bytes":1.5}'], /whole number/], ["a negative count", ["random", '{"bytes":-1}'], /whole number/],
  ["what is no buffer", ["digest", '{"hash":"SHA-256"}', "text"], /not a buffer/], ["a view", ["digest", '{"hash":"SHA-256"}', new Uint8Array(2)], /not a buffer/], ["an object with a length", ["digest", '{"hash":"SHA-256"}', { byteLength: 1e9 }], /not a buffer/],
  ["too many bytes", ["digest", '{"hash":"SHA-256"}', new ArrayBuffer(mostInputBytes), new ArrayBuffer(1)], /bytes at once/], ["no buffer", ["digest", '{"hash":"SHA-256"}'], /missing/], ["a hash of another name", ["digest", '{"hash":"MD5"}', empty], /none of/],
  ["keys of a group of its own", ["import", '{"format":"pkcs8","wish":{"algorithm":"X25519","extractable":true,"usages":["deriveBits"]}}', derOf(createDiffieHellmanGroup("modp14").getPrime())], /not available/],
];

for (const [name, args, message] of refused) {
  test(`refused: ${name}`, (t) => {
    const [operation, settings, ...buffers] = args;
    const error = t.throws(() => native(operation, settings, ...buffers), { message });
    t.notRegex(error?.stack ?? "", /\n|\.ts/, "where this process keeps its files is nobody's business");
  });
}

test("what is asked rightly is done", (t) => {
  t.is(native("random", '{"bytes":7}').byteLength, 7);
  t.is(Buffer.from(native("digest", '{"hash":"SHA-1"}', empty)).toString("hex"), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
});
