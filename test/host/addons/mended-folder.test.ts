// A folder that is no addon yet: whatever could make it one is watched, so that who mends it need not start the proxy anew.
import test from "ava";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createAddonHost } from "../../../host/addons/addon-host.ts";
import { makeLog } from "../../../host/log.ts";
import { defaultLimits } from "../../../sandbox-api/schema/limits.ts";
import { FakePool } from "../../helpers/fake-cell.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const source = "export const version = 1;\n";
const cases: readonly (readonly [what: string, before: (folder: string) => void, mend: (folder: string) => void, problem: RegExp])[] = [
  ["an empty folder gets an index.ts", () => undefined, (folder) => writeFileSync(join(folder, "index.ts"), source), /has no index\.ts/],
  ["an editor saves index.js by renaming", () => undefined, (folder) => { writeFileSync(join(folder, ".index.js.swp"), source); renameSync(join(folder, ".index.js.swp"), join(folder, "index.js")); }, /has no index\.ts/],
  ["package.json is mended", (folder) => { writeFileSync(join(folder, "package.json"), "{"); writeFileSync(join(folder, "one.ts"), source); }, (folder) => writeFileSync(join(folder, "package.json"), '{"main": "one.ts"}'), /package\.json is no JSON/],
  ["the file that it names is made", (folder) => writeFileSync(join(folder, "package.json"), '{"main": "one.ts"}'), (folder) => writeFileSync(join(folder, "one.ts"), source), /but there is no such file/],
];

for (const [what, before, mend, problem] of cases) {
  test(what, async (t) => {
    const folder = join(temporaryFolder("mended"), "tool");
    mkdirSync(folder);
    before(folder);
    const host = createAddonHost({ log: makeLog(() => undefined), pool: new FakePool(() => ({ handlers: { request: () => undefined } })), failure: "open", cells: "shared", options: new Map(), watch: true, limits: defaultLimits });
    t.teardown(() => host.close());
    const problems = await host.loadAll([folder]);
    t.regex(problems[0]?.message ?? "", problem);
    mend(folder);
    for (let i = 0; i < 2_000 && host.addons()[0]?.status !== "running"; i++) await sleep(10);
    t.is(host.addons()[0]?.status, "running");
  });
}

test("index.ts goes and index.js comes", async (t) => {
  const folder = join(temporaryFolder("mended"), "tool");
  mkdirSync(folder);
  writeFileSync(join(folder, "index.ts"), source);
  const warnings: string[] = [];
  const host = createAddonHost({ log: makeLog(({ msg }) => { warnings.push(msg); }), pool: new FakePool(() => ({ handlers: { request: () => undefined } })), failure: "open", cells: "shared", options: new Map(), watch: true, limits: defaultLimits });
  t.teardown(() => host.close());
  t.deepEqual(await host.loadAll([folder]), []);
  rmSync(join(folder, "index.ts"));
  for (let i = 0; i < 2_000 && !warnings.some((msg) => msg.includes("has no index.ts")); i++) await sleep(10);
  writeFileSync(join(folder, "index.js"), "exports.version = 2;\n");
  for (let i = 0; i < 2_000 && host.addons()[0]?.reloads !== 1; i++) await sleep(10);
  t.is(host.addons()[0]?.reloads, 1);
});
