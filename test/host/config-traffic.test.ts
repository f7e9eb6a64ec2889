// The command line's words about traffic: what they become, and the one-line sentence for those that cannot be.
import test from "ava";
import { makeConfig, type ConfigInput } from "../../host/config.ts";

const refusals: readonly (readonly [ConfigInput, RegExp])[] = [
  [{ mode: ["regular", "socks5"] }, /socks5: "regular" listens on 127\.0\.0\.1:8080 already; end one of them with @/],
  [{ mode: ["regular@8080", "tcp:a:1@127.0.0.1:8080"] }, /already/],
  [{ mode: ["nonsense"] }, /no such mode/],
  [{ mode: ["regular@99999"] }, /a port is a whole number/],
  [{ port: 99_999 }, /--port/],
  [{ proxyAuth: "x" }, /--proxy-auth: write user:password/],
  [{ proxyAuth: ":x" }, /--proxy-auth: write user:password/],
  [{ proxyAuth: "@" }, /name of the file is missing/],
  [{ proxyAuth: "a:secret", mode: ["regular", "reverse:http://x@9"] }, /clients of "reverse:http:\/\/x" know of no proxy/],
  [{ proxyAuth: "any", mode: ["tcp:a:1"] }, /cannot be asked/],
  [{ proxyAuth: "any", mode: ["transparent"] }, /cannot be asked/],
  [{ upstreamAuth: "a:b" }, /there is none/],
  [{ upstreamAuth: "ab", mode: ["upstream:http://p:1"] }, /write user:password/],
  [{ ignoreHosts: ["a"], allowHosts: ["b"] }, /exclude each other/],
  [{ ignoreHosts: ["(a"] }, /--ignore-hosts \(a: .* at character/],
  [{ ignoreHosts: ["^(?!good)"] }, /--allow-hosts says/],
  [{ tcpHosts: ["(a)\\1"] }, /--tcp-hosts/],
  [{ certs: ["a b=/x"] }, /write HOST=FILE/],
];
for (const [input, message] of refusals) {
  test(`refused: ${JSON.stringify(input)}`, (t) => {
    const error = t.throws(() => makeConfig(input), { code: "ERR_USAGE", message });
    t.false(error.message.includes("secret"));
  });
}

test("listeners: each mode with its own place, others with --host and --port", (t) => {
  t.deepEqual(makeConfig({}).listeners, [{ mode: "regular", host: "127.0.0.1", port: 8080 }]);
  t.deepEqual(makeConfig({ host: "::1", port: 9, mode: ["regular", "socks5+tls@1080", "reverse:https://a.test@[::]:8443", "tcp:a:1@0"] }).listeners, [
    { mode: "regular", host: "::1", port: 9 }, { mode: "socks5+tls", host: "::1", port: 1080 }, { mode: "reverse:https://a.test", host: "::", port: 8443 }, { mode: "tcp:a:1", host: "::1", port: 0 },
  ]);
  t.is(makeConfig({ port: 0, mode: ["regular", "socks5"] }).listeners.length, 2, "any free port twice");
});

test("credentials: everything after the first colon is the password", (t) => {
  t.deepEqual(makeConfig({ proxyAuth: "ada:a:b" }).proxyAuth, { kind: "pair", pair: { user: "ada", password: "a:b" } });
  t.deepEqual(makeConfig({ proxyAuth: "@/etc/users" }).proxyAuth, { kind: "file", file: "/etc/users" });
  t.is(makeConfig({ upstreamAuth: "ada:a:b", mode: ["upstream:http://p:1"] }).upstreamAuth, "ada:a:b");
});

test("patterns are searched for in host:port, in any case, in time that grows with the host alone", (t) => {
  const { ignoreHosts } = makeConfig({ ignoreHosts: ["^example\\.com:443$", "(a+)+$", "\\d+\\.0\\.0\\.1:"] });
  const isIgnored = (place: string): boolean => ignoreHosts.some((pattern) => pattern.test(place));
  t.true(isIgnored("EXAMPLE.com:443"));
  t.true(isIgnored("127.0.0.1:80"));
  t.false(isIgnored("www.example.com:443"));
  const started = performance.now();
  for (let i = 0; i < 20; i++) t.false(isIgnored(`${"a".repeat(250)}!:1`));
  t.true(performance.now() - started < 5_000);
});
