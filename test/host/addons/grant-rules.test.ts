// `--grant`: how words become rules, what is refused with which hint, and what rules make of a manifest's requests.
import test from "ava";
import { applyRules, GrantProblem, hostsOf, readGrants, type GrantRule } from "../../../host/addons/grant-rules.ts";
import { addonNames } from "../../../host/addons/addon-names.ts";
import { resolveGrants } from "../../../host/addons/grants.ts";
import { defaultLimits } from "../../../sandbox-api/schema/limits.ts";
import { checkManifest } from "../../../sandbox-api/schema/manifest.ts";
import { everythingOnTheFlow, permissionNames, type PermissionName } from "../../../sandbox-api/schema/permissions.ts";

const rulesOf = (...words: readonly string[]): readonly GrantRule[] => {
  const rules = readGrants(words.map((word) => `tool:${word}`), ["tool"]);
  if (rules instanceof GrantProblem) throw new Error(rules.message);
  return rules.get("tool") ?? [];
};
const asked: ReadonlySet<PermissionName> = new Set(["read:request", "read:response", "write:response"]);
const results: readonly (readonly [words: readonly string[], granted: readonly string[]])[] = [
  [[], ["read:request", "read:response", "write:response"]], [["-write:response"], ["read:request", "read:response"]], [["header:cookie"], ["header:cookie", "read:request", "read:response", "write:response"]],
  [["+header:cookie", "-header:cookie"], ["read:request", "read:response", "write:response"]], [["none"], []], [["none", "read:request"], ["read:request"]], [["-read:*"], ["write:response"]], [["-act:kill"], ["read:request", "read:response", "write:response"]],
  [["all"], [...permissionNames].sort()], [["all", "-header:*"], permissionNames.filter((name) => !name.startsWith("header:")).sort()], [["host=*.example.com"], ["read:request", "read:response", "write:response"]],
];
for (const [words, granted] of results) test(`${words.join(" ") || "no rules"}`, (t) => t.deepEqual([...applyRules(asked, rulesOf(...words))].sort() as string[], [...granted].sort()));

for (const [word, message] of [
  ["tool", /write ADDON:PERMISSION/], [":none", /write ADDON:PERMISSION/], ["tol:none", /there is no addon "tol"; did you mean "tool"\?; there are tool, other/], ["tool:read:reqest", /no permission "read:reqest"; did you mean "read:request"\?/],
  ["tool:", /no permission ""/], ["tool:-", /no permission ""/], ["tool:x:*", /no permission "x:\*"/], ["tool:host=http://x", /no host pattern/], ["tool:ALL", /no permission "ALL"/],
  ["tool:fetch=example.com", /no origin such as/], ["tool:fetch=https://a.example/path", /no origin such as/], ["tool:fetch=ftp://a.example", /no origin such as/], ["tool:-fetch=https://*", /no origin such as/], ["tool:fetch=https://u:p@a.example", /no origin such as/], ["tool:fetch", /no permission "fetch"/],
] as const) {
  test(`refused: ${word}`, (t) => {
    const result = readGrants([word], ["tool", "other"]);
    t.regex(result instanceof GrantProblem ? result.message : "taken", message);
  });
}

for (const [words, granted] of [
  [[], ["https://a.example"]], [["fetch=https://b.example"], ["https://a.example", "https://b.example"]], [["-fetch=https://A.example:443/"], []], [["-fetch=https://other.example"], ["https://a.example"]], [["-fetch=http://a.example"], ["https://a.example"]],
  [["none"], []], [["none", "fetch=https://*.b.example"], ["https://*.b.example"]], [["fetch=https://b.example", "none"], []], [["fetch=https://a.example"], ["https://a.example"]], [["all"], ["https://a.example"]],
] as const) {
  test(`fetch: ${words.join(" ") || "no rules"}`, (t) => {
    const checked = checkManifest({ permissions: { read: ["request"], fetch: ["https://a.example"], storage: "1KiB" } });
    if (checked.kind === "problems") return t.fail();
    const grants = resolveGrants(checked.manifest, { permissions: everythingOnTheFlow, limits: defaultLimits, failure: "open", rules: rulesOf(...words) });
    t.deepEqual(grants.fetch, [...granted]);
    t.is(grants.limits.storageBytes, (words as readonly string[]).includes("none") ? 0 : 1_024);
    // One without a manifest fetches what the operator names, and nothing else.
    t.deepEqual(resolveGrants(null, { permissions: everythingOnTheFlow, limits: defaultLimits, failure: "open", rules: rulesOf("fetch=https://b.example") }).fetch, ["https://b.example"]);
  });
}

test("the policy's permissions are the most that rules can give; hosts of both must match", (t) => {
  const checked = checkManifest({ hosts: ["*.example.com"], permissions: { read: ["request"] } });
  if (checked.kind === "problems") return t.fail();
  const grants = resolveGrants(checked.manifest, { permissions: new Set(["read:request"]), limits: defaultLimits, failure: "open", rules: rulesOf("all", "host=a.example.com", "host=other.test") });
  t.deepEqual([...grants.permissions], ["read:request"]);
  t.deepEqual(["a.example.com", "b.example.com", "other.test"].map((host) => grants.isForHost?.(host, 443)), [true, false, false]);
  t.deepEqual(hostsOf(rulesOf("none")), null);
  t.is(resolveGrants(null, { permissions: everythingOnTheFlow, limits: defaultLimits, failure: "open" }).isForHost, null);
});

test("addons are called by their file or folder, numbered where that is taken", (t) => {
  t.deepEqual(addonNames(["a/tool.ts", "b/tool.js", "c/spy/index.ts", "d/spy", "x.y.ts"]), ["tool", "tool-2", "spy", "spy-2", "x.y"]);
});
