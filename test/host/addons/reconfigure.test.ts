// Options that change while addons run in real cells: who is told, with what, and that all go back when one refuses, loops or never
// answers; edits of the configuration file included.
import test, { type ExecutionContext } from "ava";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readOptionsFile } from "../../../host/addons/options-file.ts";
import type { LogRecord } from "../../../host/log.ts";
import { useCells, type Stage } from "../../helpers/addon-stage.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const cells = useCells(test);

/** Says what it is told; refuses the values "bad" (by a throw), "loop" and "never". */
const teller = (options: string): string => `
import { ctx } from "flowcell";
export const manifest = { options: { ${options} } };
export function configure(options, updated) {
  console.log("told " + [...updated].sort().join() + " " + JSON.stringify(options) + (Object.isFrozen(options) && ctx.options === options ? "" : " not frozen"));
  if (options.mode === "bad") throw new Error("not this one");
  if (options.mode === "loop") for (;;);
  if (options.mode === "never") return new Promise(() => {});
}
`;
const said = ({ records }: Stage, addon: string): readonly string[] => records.filter(({ fields, msg }) => fields["addon"] === addon && msg.startsWith("told ")).map(({ msg }) => msg);

test.serial("only who declares an option is told of it, and sees nothing else", async (t) => {
  const stage = await cells.stage(t, { one: teller('mode: { type: "string", default: "a" }, token: { type: "string" }'), two: teller('count: { type: "number", default: 1 }'), script: 'export function configure(options, updated) { console.log("told " + [...updated].join() + " " + JSON.stringify(options)); }' },
    { options: new Map([["token", "secret"], ["loose", "x"], ["one.mode", "b"]]) });
  t.deepEqual(stage.problems, []);
  t.is(await stage.host.setOption("two.count", 2), null);
  t.is(await stage.host.setOption("count", "3"), null);
  t.is(await stage.host.setOption("two.count", null), null);
  t.is(await stage.host.setOption("free", true), null);
  t.is(await stage.host.setOption("mode", "b"), null);
  await stage.host.close();
  t.deepEqual(said(stage, "one"), ['told mode,token {"mode":"b","token":"secret"}']);
  t.deepEqual(said(stage, "two"), ['told count {"count":1}', 'told count {"count":2}', 'told count {"count":3}']);
  t.deepEqual(said(stage, "script"), ['told loose {"loose":"x"}', 'told free {"loose":"x","free":true}']);
});

test.serial("a change that is wrong or unknown reaches nobody", async (t) => {
  const stage = await cells.stage(t, { one: teller('count: { type: "number", default: 1 }'), two: teller('mode: { type: "string", default: "a", choices: ["a", "b"] }, count: { type: "number" }') });
  t.is(await stage.host.setOption("coutn", "1"), 'coutn: no addon has an option "coutn"; did you mean "count"?; flowcell run --options ADDONS lists them');
  t.is(await stage.host.setOption("mode", "c"), 'mode must be one of a, b, not "c"; did you mean "a"? (option "mode" of addon "two")');
  t.is(await stage.host.setOption("one.count", true), 'one.count must be a number, not true (option "count" of addon "one")');
  t.regex((await stage.host.setOption("count", 1)) ?? "", /^count is an option of addon "one" and of another; say whose you mean: "one\.count"/);
  await stage.host.close();
  t.is(said(stage, "one").length, 1);
  t.is(said(stage, "two").length, 1);
});

for (const [value, reason] of [["bad", /refused option mode: the handler threw: Error: not this one/], ["loop", /refused option mode: (used more CPU time|got too little)/], ["never", /refused option mode: did not answer in time/]] as const) {
  test.serial(`when one refuses (${value}), all are told of the way back`, async (t) => {
    const stage = await cells.stage(t, { ready: 'export const manifest = { options: { mode: { type: "string", default: "a" } } };\nexport function configure(options) { console.log("told " + options.mode); }', strict: teller('mode: { type: "string", default: "a" }') },
      { limits: { wallMs: 2_000 } });
    t.deepEqual(stage.problems, []);
    t.is(await stage.host.setOption("ready.mode", "b"), null);
    t.regex((await stage.host.setOption("strict.mode", value)) ?? "", reason);
    t.like(stage.host.options().filter(({ name }) => name === "mode"), [{ addon: "ready", value: "b", source: "run time" }, { addon: "strict", value: "a", source: "default" }]);
    t.is(await stage.host.setOption("ready.mode", "c"), null);
    await stage.host.close();
    t.deepEqual(said(stage, "ready"), ["told a", "told b", "told c"]);
  });
}

test.serial("changes asked for at once are made one after the other", async (t) => {
  const stage = await cells.stage(t, { one: teller('count: { type: "number", default: 0 }') });
  t.deepEqual(await Promise.all([1, 2, 3].map((count) => stage.host.setOption("count", count))), [null, null, null]);
  await stage.host.close();
  t.deepEqual(said(stage, "one"), [0, 1, 2, 3].map((count) => `told count {"count":${count}}`));
});

test.serial("an addon that wants another's option does not get it: the operator must say whose", async (t) => {
  const stage = await cells.stage(t, { good: teller('token: { type: "string" }'), thief: teller('token: { type: "string" }') }, { options: new Map([["token", "secret"]]) });
  t.deepEqual(stage.problems.map(({ addon }) => addon), ["thief"]);
  t.regex(stage.problems[0]?.message ?? "", /--set token is an option of addon "thief" and of another; say whose you mean: "thief\.token"/);
  await stage.host.close();
  t.deepEqual(said(stage, "good"), ['told token {"token":"secret"}']);
  t.deepEqual(said(stage, "thief"), []);
});

test.serial("start-up: a default that its own choices refuse, a value of the wrong type", async (t) => {
  const stage = await cells.stage(t, { odd: teller('mode: { type: "string", choices: ["a"], default: "b" }'), wrong: teller('count: { type: "number" }') }, { options: new Map([["count", "x"]]) });
  t.regex(stage.problems[0]?.message ?? "", /manifest\.options\.mode\.default must be one of a, not "b"/);
  t.regex(stage.problems[1]?.message ?? "", /--set count must be a number, not "x"/);
});

async function lineOf(records: readonly LogRecord[], pattern: RegExp, from: number): Promise<LogRecord | undefined> {
  for (let turn = 0; turn < 600; turn++) {
    const found = records.slice(from).find(({ msg }) => pattern.test(msg));
    if (found !== undefined) return found;
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
  return undefined;
}

async function edit(t: ExecutionContext, stage: Stage, file: string, text: string, expected: RegExp): Promise<void> {
  const from = stage.records.length;
  writeFileSync(file, text);
  t.truthy(await lineOf(stage.records, expected, from), `${text}: ${stage.records.slice(from).map(({ msg }) => msg).join("\n")}`);
}

test.serial("an edit of the configuration file counts for all or for none, and the log says why", async (t) => {
  const file = join(temporaryFolder("options"), "config.json");
  writeFileSync(file, '{ "options": { "one.count": 1 } }');
  const read = await readOptionsFile(file, false);
  const stage = await cells.stage(t, { one: teller('count: { type: "number", default: 0 }'), two: teller('mode: { type: "string", default: "a" }') },
    { watch: true, optionsFile: { path: file, isRequired: false, options: read.kind === "options" ? read.options : new Map() } });
  await edit(t, stage, file, '{ "options": { "one.count": 2, "mode": "b" } }', /are in force/);
  await edit(t, stage, file, '{ "options": { "one.count": 3, "mode": "bad" } }', /stay as they were: addon "two" refused option mode: .*not this one/);
  await edit(t, stage, file, '{ "options": { "one.count": "4" } }', /stay as they were: .*"one\.count" must be a number/);
  await edit(t, stage, file, '{ "optoins": {} }', /stay as they were: .*did you mean "options"/);
  await edit(t, stage, file, "{", /stay as they were: .*is not JSON/);
  await edit(t, stage, file, "{}", /are in force/);
  await stage.host.close();
  t.deepEqual(said(stage, "one"), [1, 2, 3, 2, 0].map((count) => `told count {"count":${count}}`));
  t.deepEqual(said(stage, "two"), ["a", "b", "bad", "b", "a"].map((mode) => `told mode {"mode":"${mode}"}`));
});
