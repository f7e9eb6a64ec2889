// Manifests, host patterns and grants: what an addon may ask for, in which words it is told off, and what it gets.
import test from "ava";
import { resolveGrants } from "../../../host/addons/grants.ts";
import { anyHost, hostPattern } from "../../../host/addons/host-pattern.ts";
import { defaultLimits } from "../../../sandbox-api/schema/limits.ts";
import { checkManifest, type Manifest } from "../../../sandbox-api/schema/manifest.ts";
import { everythingOnTheFlow, permissionNames } from "../../../sandbox-api/schema/permissions.ts";

const full = {
  name: "inject-banner", version: "1.0.0", description: "text", hosts: ["*.example.com", "[::1]:8443"], filter: "~ts text/html",
  permissions: { read: ["request", "response.body"], write: ["response.body"], act: ["respond"], headers: ["Set-Cookie"], fetch: ["https://api.example.com"], storage: "1MiB" },
  limits: { cpuMs: 20, memoryMiB: 16 }, failure: "closed", options: { banner: { type: "string", default: "hello", help: "what it says" } },
};
const manifestOf = (value: unknown): Manifest => { const result = checkManifest(value); if (result.kind === "problems") throw new Error(result.problems.join()); return result.manifest; };

test("the manifest of the specification", (t) => {
  const manifest = manifestOf(full);
  t.deepEqual([...manifest.permissions].sort(), ["act:respond", "header:set-cookie", "read:request", "read:response.body", "write:response.body"]);
  t.like(manifest, { name: "inject-banner", failure: "closed", storageBytes: 1_048_576, filter: "~ts text/html" });
  t.deepEqual(manifest.options.get("banner"), { type: "string", default: "hello", help: "what it says", choices: null });
  t.deepEqual(manifest.limits, { cpuMs: 20, memoryMiB: 16 });
});

test("an empty manifest asks for nothing", (t) => {
  const manifest = manifestOf({});
  t.is(manifest.permissions.size, 0);
  t.is(manifest.hosts, null);
});

const problems: readonly (readonly [value: unknown, problem: string | RegExp])[] = [
  [null, "manifest must be an object"], [[], "manifest must be an object"], ["x", "manifest must be an object"],
  [{ permisions: {} }, 'manifest has no key "permisions"; did you mean "permissions"?'],
  [{ wholly: 1 }, 'manifest has no key "wholly"'],
  [JSON.parse('{"__proto__": {"name": "x"}}'), 'manifest has no key "__proto__"'],
  [{ permissions: { reads: [] } }, 'manifest.permissions has no key "reads"; did you mean "read"?'],
  [{ permissions: { read: ["requests"] } }, /^manifest\.permissions\.read has no permission "requests"; did you mean "request"\?; there are /],
  [{ permissions: { headers: ["accept"] } }, /has no permission "accept"/],
  [{ permissions: { read: "request" } }, /must be a list/], [{ permissions: { fetch: ["example.com"] } }, /not an origin/], [{ permissions: { storage: "lots" } }, /must be a size/],
  [{ hosts: ["http://x"] }, /not a host pattern/], [{ hosts: [1] }, /holds a number/],
  [{ limits: { cpuMs: "20" } }, "manifest.limits.cpuMs must be a number that is not negative"], [{ limits: { cpuMS: 20 } }, /did you mean "cpuMs"/], [{ limits: { memoryMiB: Number.NaN } }, /must be a number/],
  [{ failure: "maybe" }, 'manifest.failure must be "open" or "closed"'], [{ name: "a\nb" }, /short name/],
  [{ options: { x: { type: "colour" } } }, /type must be/], [{ options: { x: { type: "number", default: "1" } } }, /default is not a number/], [{ options: { x: { type: "strings" } } }, /type must be "string", "number", "boolean", "string\[\]"; did you mean "string"\?/], [{ options: { "a b": { type: "string" } } }, /is not an option name/],
];
for (const [value, problem] of problems) {
  test(`refused: ${JSON.stringify(value)}`, (t) => {
    const result = checkManifest(value);
    if (result.kind !== "problems") return t.fail();
    if (typeof problem === "string") t.true(result.problems.includes(problem), result.problems.join());
    else t.true(result.problems.some((each) => problem.test(each)), result.problems.join());
  });
}

const hosts: readonly (readonly [pattern: string, host: string, port: number | null, matches: boolean])[] = [
  ["*", "anything", 1, true], ["*:443", "anything", 443, true], ["*:443", "anything", 80, false], ["*:443", "anything", null, true],
  ["example.com", "EXAMPLE.com.", 80, true], ["example.com", "www.example.com", 80, false], ["example.com", "notexample.com", 80, false],
  ["*.example.com", "a.b.example.com", 80, true], ["*.example.com", "example.com", 80, true], ["*.example.com", "evilexample.com", 80, false], ["*.example.com", "example.com.evil", 80, false],
  ["example.com:8443", "example.com", 8443, true], ["example.com:8443", "example.com", 443, false], ["[::1]:80", "::1", 80, true], ["127.0.0.1", "127.0.0.1", 1, true],
];
for (const [pattern, host, port, matches] of hosts) test(`pattern ${pattern} for ${host}:${port}`, (t) => t.is(hostPattern(pattern)?.(host, port), matches));

test("no patterns: every host; patterns: any of them", (t) => {
  t.is(anyHost(null), null);
  t.false(anyHost([])?.("a", 1));
  t.true(anyHost(["a", "b"])?.("b", 1));
  t.is(hostPattern("http://x/*"), null);
});

test("grants: addons for the same hosts are known by it", (t) => {
  const policy = { permissions: everythingOnTheFlow, limits: defaultLimits, failure: "open" as const };
  const scope = (hosts?: readonly string[], rules: readonly string[] = []): string | null =>
    resolveGrants(hosts === undefined ? null : manifestOf({ hosts }), { ...policy, rules: rules.map((pattern) => ({ kind: "host", pattern })) }).hostScope;
  for (const every of [scope(), scope(["*"]), scope(["a", "*"]), scope(undefined, ["*"])]) t.is(every, null);
  t.is(scope(["b", "A", "a"]), scope(["a", "b"]));
  t.not(scope(["a"]), scope(["a", "b"]));
  t.not(scope(["a"], ["b"]), scope(["a"]));
  t.not(scope(["a,b"].map((text) => text.replace(",", "."))), scope(["a", "b"]));
});

test("grants: what was asked, cut to what is allowed; limits only tighter", (t) => {
  const policy = { permissions: everythingOnTheFlow, limits: defaultLimits, failure: "open" as const };
  t.deepEqual([...resolveGrants(null, policy).permissions], [...permissionNames]);
  const grants = resolveGrants(manifestOf({ ...full, limits: { cpuMs: 1_000, memoryMiB: 1, wallMs: 100 } }), { ...policy, permissions: new Set(["read:request", "act:kill"]) });
  t.deepEqual([...grants.permissions], ["read:request"]);
  t.like(grants.limits, { cpuMs: 50, memoryMiB: 8, wallMs: 100 });
  t.is(grants.failure, "closed");
  t.is(resolveGrants(manifestOf({ failure: "open" }), { ...policy, failure: "closed" }).failure, "closed");
  t.true(grants.isForHost?.("www.example.com", 1));
});
