// The operator's words for listeners: what they mean, and the sentence for those that mean nothing.
import test from "ava";
import { readMode, type Mode } from "../../../host/layers/mode.ts";

const good: readonly (readonly [string, Mode, string | null, number | null])[] = [
  ["regular", { kind: "regular" }, null, null],
  ["regular@9090", { kind: "regular" }, null, 9090],
  ["regular@0.0.0.0:9090", { kind: "regular" }, "0.0.0.0", 9090],
  ["socks5@[::1]:1080", { kind: "socks5" }, "::1", 1080],
  ["SOCKS5+TLS", { kind: "socks5" }, null, null],
  ["reverse:http://a.example", { kind: "reverse", scheme: "http", target: { host: "a.example", port: 80 } }, null, null],
  ["reverse:https://a.example/@8443", { kind: "reverse", scheme: "https", target: { host: "a.example", port: 443 } }, null, 8443],
  ["reverse+tls:HTTPS://[::1]:99@localhost:8443", { kind: "reverse", scheme: "https", target: { host: "::1", port: 99 } }, "localhost", 8443],
  ["upstream:http://proxy:3128", { kind: "upstream", proxy: { scheme: "http", host: "proxy", port: 3128 } }, null, null],
  ["tcp:db.example:5432@5433", { kind: "tcp", target: { host: "db.example", port: 5432 } }, null, 5433],
  ["transparent@0.0.0.0:443", { kind: "transparent" }, "0.0.0.0", 443],
];

for (const [words, mode, host, port] of good) {
  test(`mode: ${words}`, (t) => {
    const read = readMode(words);
    if ("message" in read) return t.fail(read.message);
    t.deepEqual([read.listener.mode, read.host, read.port], [mode, host, port]);
    t.is(read.listener.needsTls, /\+tls/i.test(words));
    t.false(/@\d|@localhost|@\[|@0/.test(read.listener.text), read.listener.text);
  });
}

const bad: readonly (readonly [string, RegExp])[] = [
  ["", /no such mode; write regular/], ["http", /no such mode/], ["regular:x", /takes nothing behind a colon/], ["regular@:80", /write @PORT/], ["tcp:host", /write tcp:HOST:PORT/],
  ["tcp:host:0", /write tcp:HOST:PORT/], ["tcp:", /write tcp/], ["reverse:ftp://x", /http:\/\/HOST:PORT/], ["reverse:", /http:\/\/HOST:PORT/], ["reverse:http://x/path", /without a path/],
  ["reverse:http://x?q", /without a path/], ["reverse:http://a b", /is no host/], ["upstream:http://proxy", /is no host with a port/], ["transparent+tls", /no meaning/], ["regular+ssl", /no such mode/],
  ["upstream:http://x:99999", /is no host/], ["reverse:http://x\r\nHost: y", /is no host|http:\/\/HOST/], ["__proto__", /no such mode/], [`tcp:${"a".repeat(300)}:1`, /write tcp/],
];

for (const [words, message] of bad) {
  test(`no mode: ${JSON.stringify(words.slice(0, 40))}`, (t) => {
    const read = readMode(words);
    t.regex("message" in read ? read.message : "", message);
  });
}

test("a password in the wrong place is not repeated", (t) => {
  const read = readMode("upstream:http://user:hunter2@proxy:3128");
  t.true("message" in read && /--upstream-auth/.test(read.message) && !/hunter2/.test(read.message));
});
