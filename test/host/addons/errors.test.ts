// What an author reads when an addon fails, in real isolates: place, code, event and flow for errors, for promises that nobody handles and for
// timers; and what hostile errors make of it.
import test from "ava";
import { makeHttpFlow } from "../../helpers/flows.ts";
import { useCells, type Stage } from "../../helpers/addon-stage.ts";
import { codeLines, prettyLine } from "../../../host/log-format.ts";
import type { LogRecord } from "../../../host/log.ts";

const cells = useCells(test);
const source = `export async function request(flow) {
  flow.request.headers.set("x-half", "1");
  switch (flow.request.path) {
    case "/throw": throw new TypeError("at once");
    case "/floating": Promise.reject(new RangeError("nobody waits")); return;
    case "/later": (async () => { await null; later(); })(); return;
    case "/handled": Promise.reject(new Error("caught")).catch(() => {}); return;
    case "/waits": Promise.reject(new Error("while it waits")); await new Promise((resolve) => setTimeout(resolve, 20)); return;
    case "/text": Promise.reject("only a text"); return;
    case "/timer": setTimeout(() => { later(); }, 1); await new Promise((resolve) => setTimeout(resolve, 60)); return;
    case "/hostile": throw Object.assign(new Error("\\x1b[31m\\n\\n"), { stack: "Error\\n    at \\x1b[2J (tool.bundle.js:1:1)\\n".repeat(5000), name: "\\u202eno" });
    case "/hostile-rejection": Promise.reject(Object.assign(new Error("\\x9b2J".repeat(5000)), { stack: "at x\\u001b]0;owned\\u0007" })); return;
  }
}
function later() {
  throw new Error("from later");
}
`;

async function failureOf(stage: Stage, path: string): Promise<LogRecord | undefined> {
  const flow = makeHttpFlow();
  flow.request.path = path;
  const from = stage.records.length;
  await stage.host.gate.held("request", flow);
  for (const { name, status } of stage.host.addons()) if (status === "suspended") stage.host.resume(name);
  return stage.records.slice(from).find(({ fields }) => fields["fault"] !== undefined);
}

const cases: readonly (readonly [path: string, msg: RegExp, line: number, code: readonly string[]])[] = [
  ["/throw", /^addon "tool" failed in request \(https:\/\/example\.com\/throw\): the handler threw: TypeError: at once at .*tool\.ts:4:26$/, 4, ['case "/throw": throw new TypeError("at once");', `${" ".repeat(21)}^`]],
  ["/floating", /failed in request \(https:\/\/example\.com\/floating\): the handler threw: a promise was rejected and nobody handled it: RangeError: nobody waits at .*tool\.ts:5:38$/, 5, ['case "/floating": Promise.reject(new RangeError("nobody waits")); return;', `${" ".repeat(33)}^`]],
  ["/later", /failed in request .*nobody handled it: Error: from later at .*tool\.ts:16:9$/, 16, ['throw new Error("from later");', "      ^"]],
  ["/waits", /failed in request .*nobody handled it: Error: while it waits at .*tool\.ts:8:35$/, 8, ['case "/waits": Promise.reject(new Error("while it waits")); await new Promise((resolve) => setTimeout(resolve, 20)); return;', `${" ".repeat(30)}^`]],
  ["/timer", /failed in a timer: the handler threw: Error: from later at .*tool\.ts:16:9$/, 16, ['throw new Error("from later");', "      ^"]],
];
for (const [path, msg, line, code] of cases) {
  test.serial(`${path}: the place, the code, the event and the flow`, async (t) => {
    const stage = await cells.stage(t, { tool: source });
    const record = await failureOf(stage, path);
    t.regex(record?.msg ?? "", msg);
    t.deepEqual(codeLines(record?.fields ?? {}), code);
    t.regex(String(record?.fields["stack"]), new RegExp(`tool\\.ts:${line}:`));
    t.notRegex(String(record?.fields["stack"]), /node_modules|isolated-vm|file:|runtime/);
    t.is(stage.host.addons()[0]?.failures, 1);
  });
}

test.serial("a rejection without an error is told by what it was; one that is handled is none", async (t) => {
  const stage = await cells.stage(t, { tool: source });
  t.regex((await failureOf(stage, "/text"))?.msg ?? "", /nobody handled it: only a text$|nobody handled it: string$/);
  t.is(await failureOf(stage, "/handled"), undefined);
});

test.serial("a handler that goes on after its call has failed settles for nobody: the process stays", async (t) => {
  const stage = await cells.stage(t, { tool: source });
  const pid = stage.host.addons()[0]?.cellPid;
  t.truthy(await failureOf(stage, "/waits"));
  const from = stage.records.length;
  await new Promise((resolve) => { setTimeout(resolve, 300); });
  t.is(await failureOf(stage, "/fine"), undefined);
  t.deepEqual(stage.records.slice(from).map(({ msg }) => msg), []);
  t.deepEqual([stage.host.addons()[0]?.cellPid, stage.host.addons()[0]?.restarts], [pid, 0]);
});

test.serial("rejections count as strikes: five suspend", async (t) => {
  const stage = await cells.stage(t, { tool: source });
  for (let turn = 0; turn < 5; turn++) {
    const flow = makeHttpFlow();
    flow.request.path = "/floating";
    await stage.host.gate.held("request", flow);
    t.is(flow.request.headers.get("x-half"), undefined);
  }
  t.is(stage.host.addons()[0]?.status, "suspended");
});

test.serial("hostile names, messages and stacks: bounded, and nothing of them reaches a terminal raw", async (t) => {
  const stage = await cells.stage(t, { tool: source });
  for (const path of ["/hostile", "/hostile-rejection"]) {
    const record = await failureOf(stage, path);
    t.truthy(record);
    const line = record === undefined ? "" : prettyLine(record, false);
    t.true(line.length < 12_000, `${line.length}`);
    // The control characters are what is looked for.
    t.notRegex(line.replaceAll("\n", ""), /[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
  }
});
