// The lock file: what counts as more, what is recorded and what is held, also while a proxy runs; broken and unwritable files.
import test, { type ExecutionContext } from "ava";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AddonLock, beyond, type Asks } from "../../../host/addons/lock.ts";
import { checkManifest, type Manifest } from "../../../sandbox-api/schema/manifest.ts";
import { useCells } from "../../helpers/addon-stage.ts";
import { makeHttpFlow } from "../../helpers/flows.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const cells = useCells(test);
const manifestOf = (value: unknown): Manifest => { const result = checkManifest(value); if (result.kind === "problems") throw new Error(result.problems.join()); return result.manifest; };
const folder = (): string => temporaryFolder("lock");
const base: Asks = { permissions: ["read:request"], hosts: ["a.example"], filter: "~q", fetch: ["https://api.example"], storageBytes: 10 };

const differences: readonly (readonly [name: string, asks: Partial<Asks>, news: readonly string[]])[] = [
  ["the same", {}, []], ["fewer permissions", { permissions: [] }, []], ["fewer hosts", { hosts: [] }, []], ["no fetch", { fetch: [] }, []], ["less storage", { storageBytes: 9 }, []],
  ["a permission", { permissions: ["read:request", "header:cookie"] }, ["see and change Cookie headers (sessions) (header:cookie)"]],
  ["another permission", { permissions: ["read:response"] }, ["see status lines and response headers (read:response)"]],
  ["a host", { hosts: ["a.example", "b.example"] }, ["do so on b.example"]], ["every host", { hosts: null }, ["do so on every host, not only on a.example"]],
  ["another filter", { filter: "~s" }, ["take other flows: ~s, not ~q"]], ["no filter", { filter: null }, ["take every flow, not only ~q"]],
  ["an origin", { fetch: ["https://api.example", "https://b.example"] }, ["exchange data with https://b.example"]], ["more storage", { storageBytes: 11 }, ["keep 11 bytes, not 10"]],
];
for (const [name, asks, news] of differences) test(`beyond: ${name}`, (t) => t.deepEqual(beyond(base, { ...base, ...asks }), news));
test("beyond: less of what was unbounded is no news", (t) => t.deepEqual(beyond({ ...base, hosts: null, filter: null }, base), []));

test("first seen is recorded, the same or less as well, more is held until it is approved", async (t) => {
  const confdir = join(folder(), "new");
  const lock = new AddonLock(confdir);
  const subject = (hash: string, value: unknown): Parameters<AddonLock["judge"]>[0] => ({ path: "/addons/tool", name: "tool", hash, manifest: value === null ? null : manifestOf(value) });
  t.deepEqual(await lock.judge(subject("0", null)), { kind: "fine" });
  t.is((await lock.entries()).size, 0);
  t.deepEqual(await lock.judge(subject("1", { permissions: { read: ["request", "response"] } })), { kind: "fine" });
  t.like((await lock.entries()).get("/addons/tool"), { name: "tool", hash: "1" });
  t.is(statSync(lock.file).mode & 0o777, 0o600);
  t.deepEqual(await lock.judge(subject("2", { permissions: { read: ["request"] } })), { kind: "fine" });
  t.like((await lock.entries()).get("/addons/tool"), { hash: "2" });
  const more = subject("3", { permissions: { read: ["request", "response"] } });
  t.deepEqual(await lock.judge(more), { kind: "held", news: ["see status lines and response headers (read:response)"] });
  t.like((await lock.entries()).get("/addons/tool"), { hash: "2" });
  t.deepEqual((await lock.judge(subject("4", null))).kind, "held");
  await lock.approve(more);
  t.deepEqual(await lock.judge(more), { kind: "fine" });
  await lock.approve(subject("4", null));
  t.is((await lock.entries()).size, 0);
  t.deepEqual(readdirSync(confdir), ["addons.lock.json"]);
});

test("judgements at the same time lose no entry", async (t) => {
  const lock = new AddonLock(folder());
  await Promise.all(Array.from({ length: 20 }, (_, index) => lock.judge({ path: `/a/${index}`, name: `${index}`, hash: "x", manifest: manifestOf({}) })));
  t.is((await lock.entries()).size, 20);
});

for (const [name, text] of [["no JSON", "{"], ["nothing", ""], ["a list", "[]"], ["another contract", '{"contract":2,"addons":{}}'], ["a broken entry", '{"contract":1,"addons":{"/x":{"name":"x"}}}'], ["wrong lists", '{"contract":1,"addons":{"/x":{"name":"x","hash":"1","approved":"","asks":{"permissions":[1],"hosts":null,"filter":null,"fetch":[],"storageBytes":0}}}}']] as const) {
  test(`refused with a sentence: ${name}`, async (t) => {
    const confdir = folder();
    const lock = new AddonLock(confdir);
    writeFileSync(lock.file, text);
    const subject = { path: "/x", name: "x", hash: "1", manifest: manifestOf({}) };
    for (const attempt of [() => lock.entries(), () => lock.judge(subject), () => lock.approve(subject)]) await t.throwsAsync<Error & { code?: string }>(attempt, { code: "ERR_LOCK_FILE", message: /addons\.lock\.json is no lock file of addons \(.*\); mend it, or delete it/ });
    t.is(readFileSync(lock.file, "utf8"), text);
  });
}

test("a file that cannot be written is said, and nothing is left behind", async (t) => {
  const confdir = folder();
  mkdirSync(join(confdir, "addons.lock.json.d"));
  const lock = new AddonLock(join(confdir, "file"));
  writeFileSync(join(confdir, "file"), "");
  await t.throwsAsync<Error & { code?: string }>(lock.approve({ path: "/x", name: "x", hash: "1", manifest: manifestOf({}) }), { code: "ERR_LOCK_FILE" });
  t.deepEqual(readdirSync(confdir).sort(), ["addons.lock.json.d", "file"]);
});

const source = (permissions: string, mark: string): string => `export const manifest = { permissions: ${permissions} }; export function request(flow) { flow.request.headers.set("x-mark", "${mark}"); }`;
const small = '{ read: ["request"], write: ["request"] }';
const large = '{ read: ["request", "request.body"], write: ["request"] }';
async function until(t: ExecutionContext, isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await isSo()) return;
    await sleep(20);
  }
  t.fail(`never came: ${what}`);
}

test.serial("an update that asks for more waits for the operator while the version before serves; approval brings it in", async (t) => {
  const lock = new AddonLock(folder());
  const { host, paths, records, problems } = await cells.stage(t, { tool: source(small, "1") }, { lock, watch: true });
  t.deepEqual(problems, []);
  const mark = async (): Promise<string | undefined> => { const flow = makeHttpFlow(); await host.gate.held("request", flow); host.gate.release(flow); return flow.request.headers.get("x-mark"); };
  t.is(await mark(), "1");
  writeFileSync(paths[0] ?? "", source(small, "2"));
  await until(t, async () => (await mark()) === "2", "an update that asks for the same");
  writeFileSync(paths[0] ?? "", source(large, "3"));
  await until(t, () => records.some(({ fields }) => fields["event"] === "held"), "the word that it is held");
  t.regex(records.find(({ fields }) => fields["event"] === "held")?.msg ?? "", /is held, the version before stays in service: .*\n {4}see request bodies \(read:request\.body\)\n.*flowcell approve /);
  t.is(await mark(), "2");
  t.like(host.addons()[0], { status: "running", held: ["see request bodies (read:request.body)"] });
  const known = [...(await lock.entries()).entries()][0];
  t.is(known?.[0], paths[0]);
  await new AddonLock(join(lock.file, "..")).approve({ path: paths[0] ?? "", name: "tool", hash: "by another process", manifest: manifestOf({ permissions: { read: ["request", "request.body"], write: ["request"] } }) });
  await until(t, async () => (await mark()) === "3", "the approved version");
  t.like(host.addons()[0], { status: "running", held: null });
});

test.serial("an addon that is held from the start does not run, and does once it is approved and asked again", async (t) => {
  const lock = new AddonLock(folder());
  const first = await cells.stage(t, { tool: source(small, "1") }, { lock });
  await first.host.close();
  writeFileSync(first.paths[0] ?? "", source(large, "2"));
  const { host, records } = await cells.stage(t, {}, { lock });
  const [problem] = await host.loadAll(first.paths);
  t.regex(problem?.message ?? "", /asks for more than was approved/);
  t.is(host.addons()[0]?.status, "held");
  t.false(records.some(({ level }) => level === "error"));
  t.is(host.gate.held("request", makeHttpFlow()), null);
  await lock.approve({ path: first.paths[0] ?? "", name: "tool", hash: "2", manifest: manifestOf({ permissions: { read: ["request", "request.body"], write: ["request"] } }) });
  t.is(await host.reload("tool"), null);
  t.is(host.addons()[0]?.status, "running");
});

test.serial("with a lock file that is broken meanwhile no addon with a manifest is brought in, and others are", async (t) => {
  const lock = new AddonLock(folder());
  writeFileSync(lock.file, "{");
  const { host, problems } = await cells.stage(t, { tool: source(small, "1"), plain: "export function request() {}" }, { lock });
  t.deepEqual(host.addons().map(({ status }) => status), ["failed", "failed"]);
  t.regex(problems[0]?.message ?? "", /is no lock file of addons/);
});
