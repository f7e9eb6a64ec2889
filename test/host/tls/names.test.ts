// Names for certificates: what is one, how it is spelled, and what hostile text does not become.
import test from "ava";
import fc from "fast-check";
import { isIP } from "node:net";
import { addressText, readName } from "../../../host/tls/names.ts";

const names: readonly (readonly [text: string, kind: "dns" | "ip" | "none", value?: string])[] = [
  ["example.com", "dns", "example.com"],
  ["EXAMPLE.com.", "dns", "example.com"],
  ["localhost", "dns", "localhost"],
  ["foo_bar.example", "dns", "foo_bar.example"],
  ["_sip._tcp.example", "dns", "_sip._tcp.example"],
  ["bücher.example", "dns", "xn--bcher-kva.example"],
  ["日本語。jp", "dns", "xn--wgv71a119e.jp"],
  ["xn--bcher-kva.example", "dns", "xn--bcher-kva.example"],
  ["*.example.com", "dns", "*.example.com"],
  ["*.bücher.example", "dns", "*.xn--bcher-kva.example"],
  [`${"a".repeat(63)}.example`, "dns", `${"a".repeat(63)}.example`],
  ["192.0.2.1", "ip", "192.0.2.1"],
  ["[2001:DB8::1]", "ip", "2001:db8::1"],
  ["fe80::1%eth0", "ip", "fe80::1"],
  ["::ffff:192.0.2.1", "ip", "::ffff:192.0.2.1"],
  ["", "none"],
  [".", "none"],
  ["a..b", "none"],
  [".example.com", "none"],
  ["-a.example", "none"],
  ["a-.example", "none"],
  ["*", "none"],
  ["f*.example", "none"],
  ["*.*.example", "none"],
  ["a.*.example", "none"],
  [`${"a".repeat(64)}.example`, "none"],
  [`${"a.".repeat(130)}example`, "none"],
  ["exa\u0000mple.com", "none"],
  ["example.com\u0000.evil.example", "none"],
  ["example.com\r\nHost: x", "none"],
  ["a b.example", "none"],
  ["user@example.com", "none"],
  ["example.com:443", "none"],
  ["https://example.com", "none"],
  ["a/b.example", "none"],
  ["%65xample.com", "none"],
  ["127.1", "none"],
  ["0x7f.0.0.1", "none"],
  ["256.1.1.1", "none"],
  ["1::2::3", "none"],
];
for (const [text, kind, value] of names) {
  test(`${JSON.stringify(text.slice(0, 40))} is ${kind}`, (t) => {
    const name = readName(text);
    t.is(name?.kind ?? "none", kind);
    t.is(name?.value, value);
  });
}

test("any address survives text and octets", (t) => {
  fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
    const name = readName(address);
    if (name?.kind !== "ip") return false;
    const again = readName(addressText(name.bytes) ?? "");
    return again?.kind === "ip" && again.bytes.equals(name.bytes) && name.bytes.length === (isIP(address) === 4 ? 4 : 16);
  }), { numRuns: 500 });
  t.is(addressText(new Uint8Array(5)), undefined);
});

test("any text gives nothing or a name of harmless characters", (t) => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
    const name = readName(text);
    return name === undefined || (/^[a-z0-9_.:*-]+$/.test(name.value) && name.value.length <= 253);
  }), { numRuns: 1000 });
  t.pass();
});
