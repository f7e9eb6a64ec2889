// Content codings: what real compressors make is read, what we make is read by them, bombs and lies end in a sentence.
import test from "ava";
import zlib from "node:zlib";
import { contentCodings, decodeContent, encodeContent, isEncoded } from "../../../host/http/content-encoding.ts";

const plain = Buffer.from("hello ".repeat(500));
const limit = 1024 * 1024;

const samples: readonly (readonly [encoding: string, raw: Buffer])[] = [
  ["gzip", zlib.gzipSync(plain)], ["X-GZip", zlib.gzipSync(plain)], ["deflate", zlib.deflateSync(plain)], ["deflate", zlib.deflateRawSync(plain)],
  ["br", zlib.brotliCompressSync(plain)], ["zstd", zlib.zstdCompressSync(plain)], ["identity", plain], ["", plain],
  ["gzip, br", zlib.brotliCompressSync(zlib.gzipSync(plain))], ["identity,gzip", zlib.gzipSync(plain)],
];
for (const [index, [encoding, raw]] of samples.entries()) {
  test(`decodes ${index}: "${encoding}"`, async (t) => {
    t.deepEqual(await decodeContent(raw, encoding, limit), { kind: "decoded", content: plain });
  });
}

for (const encoding of ["gzip", "x-gzip", "deflate", "br", "zstd", "identity", "gzip, br, zstd"]) {
  test(`what it encodes as "${encoding}" it decodes`, async (t) => {
    const raw = await encodeContent(plain, encoding);
    t.truthy(raw);
    if (isEncoded(encoding)) t.notDeepEqual(raw, plain);
    t.deepEqual(await decodeContent(raw ?? Buffer.alloc(0), encoding, limit), { kind: "decoded", content: plain });
  });
}

test("an empty body is empty whatever its coding", async (t) => {
  t.deepEqual(await decodeContent(Buffer.alloc(0), "gzip", limit), { kind: "decoded", content: Buffer.alloc(0) });
});

for (const [encoding, bomb] of [["gzip", zlib.gzipSync], ["br", zlib.brotliCompressSync], ["zstd", zlib.zstdCompressSync], ["deflate", zlib.deflateSync]] as const) {
  test(`a ${encoding} bomb stops at the bound`, async (t) => {
    const result = await decodeContent(bomb(Buffer.alloc(4 * limit)), encoding, limit);
    t.is(result.kind === "error" && result.message, `the body decoded by ${encoding} is larger than ${limit} bytes`);
  });
}

test("lies and unknown codings are errors that say so", async (t) => {
  const broken = await decodeContent(Buffer.from("no gzip at all"), "gzip", limit);
  t.regex(broken.kind === "error" ? broken.message : "", /not valid gzip/);
  const cut = await decodeContent(zlib.gzipSync(plain).subarray(0, 20), "gzip", limit);
  t.is(cut.kind, "error");
  const unknown = await decodeContent(plain, "compress", limit);
  t.regex(unknown.kind === "error" ? unknown.message : "", /"compress" is not known/);
  const many = await decodeContent(plain, "gzip,gzip,gzip,gzip,gzip", limit);
  t.regex(many.kind === "error" ? many.message : "", /5 codings/);
  t.is(await encodeContent(plain, "compress"), null);
  t.is(await encodeContent(plain, "gzip,gzip,gzip,gzip,gzip"), null);
});

test("codings are listed in order without identity", (t) => {
  t.deepEqual(contentCodings(" GZIP , identity,br "), ["gzip", "br"]);
  t.false(isEncoded(undefined));
  t.false(isEncoded("identity"));
  t.true(isEncoded("br"));
});
