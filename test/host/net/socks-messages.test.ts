// SOCKS5 messages: what each becomes, that no cut of one is decided differently from the whole, and that garbage is a fault or a refusal.
import test from "ava";
import { readCredentials, readGreeting, readRequest, type SocksRead, type SocksReply } from "../../../host/net/socks-messages.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

/** Every proper prefix asks for more; the whole, and the whole with bytes behind it, give the same. */
function whole<T>(t: { deepEqual(a: unknown, b: unknown, message?: string): unknown }, read: (bytes: Buffer) => SocksRead<T>, bytes: Buffer, message: T): void {
  for (let cut = 0; cut < bytes.length; cut++) t.deepEqual(read(bytes.subarray(0, cut)), { kind: "more" } as const, `cut at ${cut}`);
  for (const after of ["", "00ff47"]) t.deepEqual(read(Buffer.concat([bytes, hex(after)])), { kind: "message", message, length: bytes.length } as const);
}

test("greetings", (t) => {
  whole(t, readGreeting, hex("05 01 00"), new Set([0]));
  whole(t, readGreeting, hex("05 03 00 01 02"), new Set([0, 1, 2]));
  whole(t, readGreeting, Buffer.concat([hex("05 ff"), Buffer.alloc(255, 7)]), new Set([7]));
  for (const bytes of ["04 01", "00", "47 45", "05 00", "ff ff"]) t.is(readGreeting(hex(bytes)).kind, "fault", bytes);
});

test("user and password", (t) => {
  whole(t, readCredentials, Buffer.from("\x01\x04user\x06p:ss\r\n", "latin1"), { user: "user", password: "p:ss\r\n" });
  whole(t, readCredentials, hex("01 00 00"), { user: "", password: "" });
  whole(t, readCredentials, Buffer.concat([hex("01 ff"), Buffer.alloc(255, 97), hex("ff"), Buffer.alloc(255, 98)]), { user: "a".repeat(255), password: "b".repeat(255) });
  whole(t, readCredentials, Buffer.concat([hex("01 02"), Buffer.from("é"), hex("00")]), { user: "é", password: "" });
  for (const bytes of ["00", "05 01 00", "47"]) t.is(readCredentials(hex(bytes)).kind, "fault", bytes);
});

test("requests", (t) => {
  const to = (host: string, port: number) => ({ kind: "connect", address: { host, port } }) as const;
  whole(t, readRequest, hex("05 01 00 01 7f000001 0050"), to("127.0.0.1", 80));
  whole(t, readRequest, hex("05 01 00 04 20010db8000000000000000000000001 01bb"), to("2001:db8::1", 443));
  whole(t, readRequest, hex("05 01 00 04 00000000000000000000ffff7f000001 01bb"), to("127.0.0.1", 443));
  whole(t, readRequest, Buffer.concat([hex("05 01 00 03 0b"), Buffer.from("example.com"), hex("01bb")]), to("example.com", 443));
  whole(t, readRequest, Buffer.concat([hex("05 01 77 03 fd"), Buffer.alloc(253, 97), hex("ffff")]), to("a".repeat(253), 65_535));
});

test("requests that are refused, each with its reply", (t) => {
  const cases: readonly (readonly [Buffer, SocksReply])[] = [
    [hex("05 02 00 01 7f000001 0050"), 7], [hex("05 03 00 01 7f000001 0050"), 7], [hex("05 00 00 01"), 7], [hex("05 ff 00 03"), 7], [hex("05 01 00 00"), 8], [hex("05 01 00 02"), 8], [hex("05 01 00 ff"), 8],
    [hex("05 01 00 01 7f000001 0000"), 1], [hex("05 01 00 03 00 0050"), 1], [Buffer.concat([hex("05 01 00 03 05"), Buffer.from("a\r\nb "), hex("0050")]), 1],
    [Buffer.concat([hex("05 01 00 03 03"), Buffer.from("a\0b"), hex("0050")]), 1], [Buffer.concat([hex("05 01 00 03 ff"), Buffer.alloc(255, 97), hex("0050")]), 1],
    [Buffer.concat([hex("05 01 00 03 05"), Buffer.from("a/b?c"), hex("0050")]), 1], [Buffer.concat([hex("05 01 00 03 02"), Buffer.from("é"), hex("0050")]), 1],
  ];
  for (const [bytes, reply] of cases) {
    const read = readRequest(bytes);
    t.is(read.kind === "message" && read.message.kind === "refused" ? read.message.reply : null, reply, bytes.toString("hex"));
  }
  for (const bytes of ["04 01 00 01", "00", "47455420"]) t.is(readRequest(hex(bytes)).kind, "fault", bytes);
});
