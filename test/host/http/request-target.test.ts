// The forms of a request-target and of an authority, as tables.
import test from "ava";
import { formatAuthority, parseAuthority, parseRequestTarget } from "../../../host/http/request-target.ts";

const targets: readonly (readonly [string, string, string])[] = [
  ["GET", "http://a.test/x?y#z".replace("#z", ""), "http a.test 80 /x?y"],
  ["GET", "HTTP://A.test:8080", "http A.test 8080 /"],
  ["GET", "https://a.test?q", "https a.test 443 /?q"],
  ["OPTIONS", "http://a.test", "http a.test 80 *"],
  ["OPTIONS", "http://a.test/", "http a.test 80 /"],
  ["GET", "http://[::1]:81/%7e//../x", "http ::1 81 /%7e//../x"],
  ["GET", "http://a.test:/x", "http a.test 80 /x"],
  ["GET", "/x?y", "origin /x?y"],
  ["OPTIONS", "*", "asterisk"],
  ["GET", "http://", "fault"], ["GET", "http:///x", "fault"], ["GET", "ftp://a/", "fault"], ["GET", "a.test:80", "fault"], ["GET", "http://u@a.test/", "fault"],
  ["GET", "http://a.test:99999/", "fault"], ["GET", "http://a.test:0/", "fault"], ["GET", "http://a.test:8a/", "fault"], ["GET", "http://[::1/", "fault"], ["GET", "http:/a/", "fault"],
];

for (const [method, target, expected] of targets) {
  test(`target ${method} ${target}`, (t) => {
    const parsed = parseRequestTarget(target, method);
    const shown = parsed.kind === "absolute" ? `${parsed.scheme} ${parsed.host} ${parsed.port} ${parsed.path}` : parsed.kind === "origin" ? `origin ${parsed.path}` : parsed.kind;
    t.is(shown, expected);
  });
}

test("authorities", (t) => {
  t.deepEqual(parseAuthority("a.test:443", null), { host: "a.test", port: 443 });
  t.deepEqual(parseAuthority("[2001:db8::1]:8443", null), { host: "2001:db8::1", port: 8443 });
  for (const text of ["a.test", "", ":443", "a:b:443", "a.test:65536", "a.test:443x", "u@a.test:443", "a b:443", "a.test:443/", "2001:db8::1:443"]) t.is(parseAuthority(text, null), null, text);
  t.is(formatAuthority("::1", 80, "http"), "[::1]");
  t.is(formatAuthority("a.test", 443, "http"), "a.test:443");
  t.is(formatAuthority("a.test", 443, "https"), "a.test");
});
