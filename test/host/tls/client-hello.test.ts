// The ClientHello reader: hellos of real clients, cut and split everywhere, made by hand with GREASE and ECH, and spoilt at random.
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { connect } from "node:tls";
import { clientHelloLimitBytes, parseClientHello, type ClientHello } from "../../../host/tls/client-hello.ts";
import { requireProgram } from "../../helpers/programs.ts";
import { listen, run } from "./support.ts";

const uint16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const vector = (lengthOctets: 1 | 2, ...parts: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([lengthOctets === 1 ? Buffer.from([body.length]) : uint16(body.length), body]);
};
const extension = (type: number, body: Uint8Array): Buffer => Buffer.concat([uint16(type), vector(2, body)]);
const serverName = (name: string): Buffer => extension(0, vector(2, Buffer.from([0]), vector(2, Buffer.from(name, "latin1"))));
const alpn = (...names: readonly string[]): Buffer => extension(16, vector(2, ...names.map((name) => vector(1, Buffer.from(name, "latin1")))));

interface HelloParts {
  readonly suites?: readonly number[];
  readonly extensions?: readonly Uint8Array[] | "none";
  readonly tail?: Uint8Array;
  readonly compression?: Uint8Array;
}

/** A ClientHello handshake message, without records. */
function message({ suites = [0x1301], extensions = [], tail = Buffer.alloc(0), compression = Buffer.from([0]) }: HelloParts = {}): Buffer {
  const body = Buffer.concat([
    uint16(0x0303), Buffer.alloc(32, 7), vector(1, Buffer.alloc(32)), vector(2, ...suites.map(uint16)), vector(1, compression),
    extensions === "none" ? Buffer.alloc(0) : vector(2, ...extensions), tail,
  ]);
  return Buffer.concat([Buffer.from([1, 0]), uint16(body.length), body]);
}

/** The message in records of these sizes; the last takes the rest. */
function records(body: Buffer, sizes: readonly number[] = []): Buffer {
  const parts: Buffer[] = [];
  let rest = body;
  for (const size of [...sizes, body.length]) {
    const fragment = rest.subarray(0, Math.min(size, 16384));
    if (fragment.length > 0) parts.push(Buffer.concat([Buffer.from([22, 3, 1]), vector(2, fragment)]));
    rest = rest.subarray(fragment.length);
  }
  return Buffer.concat(parts);
}

function helloOf(t: ExecutionContext, bytes: Uint8Array): ClientHello | undefined {
  const result = parseClientHello(bytes);
  t.is(result.kind, "client-hello", JSON.stringify(result));
  return result.kind === "client-hello" ? result.hello : undefined;
}

/** The first bytes that `start`, given a port, sends to it. */
async function capture(t: ExecutionContext, start: (port: number) => unknown): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    listen(t, (socket) => {
      socket.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        if (parseClientHello(Buffer.concat(chunks)).kind === "need-more") return;
        socket.destroy();
        resolve(Buffer.concat(chunks));
      });
    }).then(start).catch(reject);
  });
}

/** Every cut asks for more, honestly, and the whole is read the same with more bytes behind it. */
function assertCuts(t: ExecutionContext, bytes: Buffer): void {
  const whole = helloOf(t, bytes);
  t.is(whole?.byteLength, bytes.length);
  for (let cut = 0; cut < bytes.length; cut += 1) {
    const result = parseClientHello(bytes.subarray(0, cut));
    if (result.kind !== "need-more" || result.atLeastBytes <= cut || result.atLeastBytes > bytes.length) t.fail(`cut at ${cut}: ${JSON.stringify(result)}`);
  }
  t.deepEqual(helloOf(t, Buffer.concat([bytes, Buffer.from("early data or the next record")])), whole);
}

const clients: readonly (readonly [name: string, program: string, debianPackage: string, args: (port: number) => readonly string[], sni: string | undefined, alpn: readonly string[]])[] = [
  ["openssl, TLS 1.3", "openssl", "openssl", (port) => ["s_client", "-connect", `127.0.0.1:${port}`, "-servername", "Host.Example", "-alpn", "h2,http/1.1"], "host.example", ["h2", "http/1.1"]],
  ["openssl, TLS 1.2, no SNI", "openssl", "openssl", (port) => ["s_client", "-tls1_2", "-connect", `127.0.0.1:${port}`, "-noservername"], undefined, []],
  ["curl", "curl", "curl", (port) => ["-s", "-m", "5", "--resolve", `curl.example:${port}:127.0.0.1`, `https://curl.example:${port}/`], "curl.example", ["h2", "http/1.1"]],
  ["curl to an address", "curl", "curl", (port) => ["-s", "-m", "5", "--http1.1", `https://127.0.0.1:${port}/`], undefined, ["http/1.1"]],
  ["Python", "python3", "python3", (port) => ["-c", `import ssl, socket; ssl.create_default_context().wrap_socket(socket.create_connection(("127.0.0.1", ${port})), server_hostname="python.example")`], "python.example", []],
];
for (const [name, program, debianPackage, args, sni, protocols] of clients) {
  test(`reads the hello of ${name}, cut at every byte`, async (t) => {
    const found = requireProgram(t, program, debianPackage);
    if (found === undefined) return;
    const bytes = await capture(t, (port) => run(found, args(port)));
    const hello = helloOf(t, bytes);
    t.is(hello?.sni, sni);
    t.deepEqual(hello?.alpnProtocols, protocols);
    t.true((hello?.cipherSuites.length ?? 0) > 3);
    t.is(hello?.versions.includes(0x0304), name !== "openssl, TLS 1.2, no SNI");
    t.true(hello?.versions.includes(0x0303));
    t.false(hello?.isEchOffered);
    assertCuts(t, bytes);
  });
}

test("reads the hello of Node, cut at every byte and split over records at every byte", async (t) => {
  const bytes = await capture(t, (port) => connect({ port, host: "127.0.0.1", servername: "node.example", ALPNProtocols: ["http/1.1"] }).on("error", () => undefined));
  const hello = helloOf(t, bytes);
  t.is(hello?.sni, "node.example");
  t.deepEqual(hello?.alpnProtocols, ["http/1.1"]);
  assertCuts(t, bytes);
  const body = bytes.subarray(5);
  for (let cut = 1; cut < body.length; cut += 1) {
    const split = records(body, [cut]);
    const result = parseClientHello(split);
    if (result.kind !== "client-hello") t.fail(`split at ${cut}: ${JSON.stringify(result)}`);
    else t.deepEqual({ ...result.hello, byteLength: 0 }, { ...hello, byteLength: 0 });
  }
  assertCuts(t, records(body, [1, 1, 1, 1, 1, 2, 500]));
  assertCuts(t, records(body, Array.from({ length: body.length }, () => 1)));
});

test("leaves GREASE out and sees ECH", (t) => {
  const hello = helloOf(t, records(message({
    suites: [0x0a0a, 0x1301, 0xc02b, 0xfafa],
    extensions: [
      extension(0x1a1a, Buffer.alloc(0)), serverName("Public.Example"), alpn("\u000a\u000a", "h2", "\u00ff\u0001"),
      extension(43, vector(1, uint16(0x2a2a), uint16(0x0304), uint16(0x0303))), extension(0xfe0d, Buffer.alloc(180, 9)), extension(0xdada, Buffer.from([0])),
    ],
  })));
  t.deepEqual(hello?.cipherSuites, [0x1301, 0xc02b]);
  t.deepEqual(hello?.versions, [0x0304, 0x0303]);
  t.deepEqual(hello?.alpnProtocols, ["h2", "\u00ff\u0001"]);
  t.is(hello?.sni, "public.example");
  t.true(hello?.isEchOffered);
});

test("a hello without extensions is TLS 1.2 at most", (t) => {
  const hello = helloOf(t, records(message({ extensions: "none" })));
  t.deepEqual([hello?.sni, hello?.alpnProtocols, hello?.versions, hello?.isEchOffered], [undefined, [], [0x0303], false]);
});

test("a second message in the same record is left alone", (t) => {
  const first = message({ extensions: [serverName("a.example")] });
  t.is(helloOf(t, records(Buffer.concat([first, Buffer.from([20, 0, 0, 0])])))?.byteLength, 5 + first.length);
});

const notTls: readonly (readonly [what: string, bytes: Buffer])[] = [
  ["HTTP", Buffer.from("GET / HTTP/1.1\r\n")],
  ["one letter", Buffer.from("G")],
  ["SSL 2", Buffer.from([0x80, 0x2e, 1, 3, 1])],
  ["another record type", Buffer.from([23, 3, 3, 0, 5])],
  ["a version that never was", Buffer.from([22, 3, 5])],
  ["major version 2", Buffer.from([22, 2])],
  ["an empty record", Buffer.from([22, 3, 1, 0, 0])],
  ["a record too long", Buffer.from([22, 3, 1, 0x40, 1])],
  ["another handshake message", Buffer.from([22, 3, 3, 0, 4, 2])],
  ["SSH", Buffer.from("SSH-2.0-OpenSSH_9\r\n")],
];
for (const [what, bytes] of notTls) {
  test(`is not TLS: ${what}`, (t) => t.deepEqual(parseClientHello(bytes), { kind: "not-tls" }));
}

const helloPrefix = message();
const faults: readonly (readonly [what: string, bytes: Buffer, words: RegExp])[] = [
  ["an alert inside", Buffer.concat([records(helloPrefix.subarray(0, 20)), Buffer.from([21, 3, 1, 0, 2, 2, 40])]), /another record/],
  ["an empty record inside", Buffer.concat([records(helloPrefix.subarray(0, 20)), Buffer.from([22, 3, 1, 0, 0])]), /empty or too long/],
  ["a message that says it is 16 MB", Buffer.from([22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff]), /more than 32768 bytes/],
  ["tiny records beyond the limit", records(Buffer.concat([Buffer.from([1, 0, 0x7f, 0]), Buffer.alloc(0x7f00)]), Array.from({ length: 8000 }, () => 1)), /more than 32768 bytes/],
  ["no compression methods", records(message({ compression: Buffer.alloc(0) })), /compression/],
  ["bytes after the extensions", records(message({ tail: Buffer.from([0]) })), /after the extensions/],
  ["an extension twice", records(message({ extensions: [serverName("a.example"), serverName("b.example")] })), /extension 0 twice/],
  ["a length that lies", records(message({ extensions: [Buffer.concat([uint16(0), uint16(900), Buffer.alloc(3)])] })), /past the end/],
  ["an odd list of suites", records(Buffer.concat([Buffer.from([1, 0, 0, 43]), uint16(0x0303), Buffer.alloc(32), vector(1), vector(2, Buffer.alloc(3)), vector(1, Buffer.alloc(1)), Buffer.alloc(1)])), /past the end/],
  ["two server names", records(message({ extensions: [extension(0, vector(2, Buffer.from([0]), vector(2, Buffer.from("a")), Buffer.from([0]), vector(2, Buffer.from("b"))))] })), /more than one/],
  ["an empty list of server names", records(message({ extensions: [extension(0, vector(2))] })), /empty list/],
  ["a server name with NUL", records(message({ extensions: [serverName("a.example\u0000.evil")] })), /no host has/],
  ["a server name with a line break", records(message({ extensions: [serverName("a\r\nb")] })), /no host has/],
  ["an empty server name", records(message({ extensions: [serverName("")] })), /no host has/],
  ["a server name of 256 bytes", records(message({ extensions: [serverName("a".repeat(256))] })), /no host has/],
  ["an empty protocol", records(message({ extensions: [alpn("h2", "")] })), /empty protocol/],
];
for (const [what, bytes, words] of faults) {
  test(`is a fault: ${what}`, (t) => {
    const result = parseClientHello(bytes);
    t.is(result.kind, "fault", JSON.stringify(result));
    t.regex(result.kind === "fault" ? result.reason : "", words);
  });
}

test("never asks for more than the limit", (t) => {
  const dripping = Buffer.concat(Array.from({ length: 6000 }, () => Buffer.from([22, 3, 1, 0, 1, 1])));
  for (let length = clientHelloLimitBytes - 20; length < clientHelloLimitBytes + 20; length += 1) {
    const result = parseClientHello(dripping.subarray(0, length));
    t.true(result.kind === "fault" || (result.kind === "need-more" && result.atLeastBytes <= clientHelloLimitBytes));
  }
});

test("any bytes give an answer, and any spoilt hello too", (t) => {
  const good = records(message({ extensions: [serverName("a.example"), alpn("h2", "http/1.1"), extension(43, vector(1, uint16(0x0304)))] }), [30, 40]);
  const isAnswer = (bytes: Uint8Array): boolean => {
    const result = parseClientHello(bytes);
    if (result.kind === "need-more") return result.atLeastBytes > bytes.length && result.atLeastBytes <= clientHelloLimitBytes;
    return result.kind !== "client-hello" || (result.hello.byteLength <= bytes.length && /^[\x21-\x7e]*$/.test(result.hello.sni ?? ""));
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), isAnswer), { numRuns: 2000 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => isAnswer(records(Buffer.concat([Buffer.from([1, 0]), uint16(bytes.length), bytes])))), { numRuns: 2000 });
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }), (changes) => {
    const bytes = Buffer.from(good);
    for (const [at, value] of changes) bytes[at] = value;
    return isAnswer(bytes);
  }), { numRuns: 5000 });
  t.pass();
});
