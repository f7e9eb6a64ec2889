// Manifests as hostile isolates may give them: the check never throws, lists problems in bounded text, takes no key that it does not know;
// and grants never exceed what the operator allows or what the addon asked for.
import test from "ava";
import fc from "fast-check";
import { resolveGrants } from "../../host/addons/grants.ts";
import { defaultLimits, limitTable } from "../../sandbox-api/schema/limits.ts";
import { checkManifest, tightenable } from "../../sandbox-api/schema/manifest.ts";
import { everythingOnTheFlow, isPermissionName, permissionNames, type PermissionName } from "../../sandbox-api/schema/permissions.ts";

const words = (prefix: string): fc.Arbitrary<string> => fc.constantFrom(...permissionNames.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length)), "everything", "__proto__");
const nearly = fc.record({
  name: fc.oneof(fc.constantFrom("a", "good-name"), fc.string(), fc.anything()), version: fc.string(), description: fc.string(),
  hosts: fc.oneof(fc.array(fc.oneof(fc.constantFrom("*", "*.example.com", "a:80", "[::1]"), fc.string())), fc.anything()), filter: fc.oneof(fc.constant("~ts text/html"), fc.anything()),
  permissions: fc.oneof(fc.record({
    read: fc.array(words("read:")), write: fc.array(words("write:")), act: fc.array(words("act:")), headers: fc.array(words("header:")), fetch: fc.array(fc.oneof(fc.constant("https://a.example"), fc.string())),
    storage: fc.oneof(fc.constantFrom("1MiB", "4 KiB", "999999MiB", "-1B"), fc.anything()),
  }, { requiredKeys: [] }), fc.anything()),
  limits: fc.oneof(fc.dictionary(fc.constantFrom(...tightenable, "cellMemoryMiB", "__proto__"), fc.oneof(fc.double(), fc.integer(), fc.anything())), fc.anything()),
  failure: fc.constantFrom("open", "closed", "ajar"), options: fc.oneof(fc.dictionary(fc.string(), fc.record({ type: fc.constantFrom("string", "number", "any"), default: fc.anything(), help: fc.string() })), fc.anything()),
}, { requiredKeys: [] });
// What arrives has gone through JSON.
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (_, item: unknown) => (typeof item === "bigint" ? String(item) : item)) ?? "null");

test("any manifest is taken or refused with sentences, and grants stay within both bounds", (t) => {
  let taken = 0;
  const operator = new Set<PermissionName>([...everythingOnTheFlow].filter((_, index) => index % 2 === 0));
  fc.assert(fc.property(fc.oneof({ weight: 5, arbitrary: nearly }, { weight: 1, arbitrary: fc.anything() }), (value) => {
    const result = checkManifest(plain(value));
    if (result.kind === "problems") {
      t.true(result.problems.length > 0 && result.problems.length <= 20);
      for (const problem of result.problems) t.true(problem.startsWith("manifest") && problem.length < 2_000, problem);
      return;
    }
    taken++;
    const { manifest } = result;
    t.true([...manifest.permissions].every(isPermissionName));
    const grants = resolveGrants(manifest, { permissions: operator, limits: defaultLimits, failure: "open" });
    t.true([...grants.permissions].every((name) => operator.has(name) && manifest.permissions.has(name)));
    for (const name of tightenable) t.true(grants.limits[name] <= defaultLimits[name] && grants.limits[name] >= limitTable[name].min && Number.isFinite(grants.limits[name]), `${name}: ${grants.limits[name]}`);
    t.is(grants.limits.cellMemoryMiB, defaultLimits.cellMemoryMiB);
    grants.isForHost?.("example.com", 80);
  }), { numRuns: 4_000 });
  t.true(taken > 5, `only ${taken} were taken`);
});

test("a key more, anywhere, is a refusal", (t) => {
  const known = new Set(["name", "version", "description", "hosts", "filter", "permissions", "limits", "failure", "options", "read", "write", "act", "headers", "fetch", "storage", ...tightenable]);
  fc.assert(fc.property(fc.string({ minLength: 1 }).filter((key) => !known.has(key)), fc.constantFrom("top", "permissions", "limits"), (key, where) => {
    const extra = Object.fromEntries([[key, 1]]);
    const result = checkManifest(where === "top" ? { name: "a", ...extra } : { name: "a", [where]: extra });
    t.is(result.kind, "problems");
  }), { numRuns: 1_000 });
});
