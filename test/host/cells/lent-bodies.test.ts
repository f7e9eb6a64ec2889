// The cell lends an isolate what lies in its own buffer for as long as a call runs: no flow's body is ever read as another's, however
// events, waiting handlers and reads of the pipe fall together, and what an addon was given stays what it was.
import test from "ava";
import { bundleGuest } from "../../../host/addons/own-code.ts";
import type { Outcome } from "../../../host/cells/cell.ts";
import { chainOf, load, recordedCell, testPool } from "../../helpers/cell-pool.ts";
import { flowText } from "../../helpers/flow-text.ts";

const guests = testPool({ guestBundle: await bundleGuest() });
test.after.always(() => guests.close());

const view = JSON.stringify({ raw: 0, content: null, contentError: null, truncated: false, streamed: false });
const textOf = (key: number): string => `${flowText(key, 1).replace('"parts":["flow","request"]', '"parts":["flow","request","request.body"]')}\0${view}`;
/** Of that flow alone: its number over and over. */
const bodyOf = (key: number, size: number): Buffer => Buffer.alloc(size, `flow ${key}. `);

/** Nothing here is about time, whoever else uses the machine. */
const patient = (...ids: readonly number[]): ReturnType<typeof chainOf> => chainOf(...ids).map((entry) => ({ ...entry, cpuMs: 5_000, wallMs: 30_000 }));

const sizes = [600, 90_000, 20_000, 4_000, 250_000, 16_000];
const sizeOf = (key: number): number => sizes[key % sizes.length] ?? 0;
/** What left, or what came in its place; short enough to be shown. */
function problem(outcome: Outcome | undefined, key: number): string | null {
  if (outcome?.kind !== "changed") return JSON.stringify(outcome);
  const [sent] = outcome.attachments;
  const wanted = Buffer.from(bodyOf(key, sizeOf(key)).toString().replaceAll("flow", "FLOW"));
  return sent?.equals(wanted) === true ? null : `${sent?.length} bytes, ${sent?.subarray(0, 40)}`;
}

const rewriters: readonly (readonly [what: string, body: string])[] = [
  ["at once", "exports.request = (flow) => { flow.request.text = flow.request.text.replaceAll('flow', 'FLOW'); };"],
  ["after others have run", `const before = []; exports.request = async (flow) => {
    for (let turn = flow.request.text.length % 5; turn > 0; turn--) await new Promise((done) => setTimeout(done, turn));
    flow.request.text = flow.request.text.replaceAll('flow', 'FLOW');
  };`],
  ["after others have run, never looked at before", `exports.request = async (flow) => {
    await new Promise((done) => setTimeout(done, 3));
    flow.request.text = flow.request.text.replaceAll('flow', 'FLOW');
  };`],
  ["with the bodies of flows before it kept and read again", `const kept = []; exports.request = (flow) => {
    for (const { request, number } of kept) if (!request.text.startsWith('FLOW ' + number + '. ')) throw new Error('another body');
    kept.push({ request: flow.request, number: /flow (\\d+)\\./.exec(flow.request.text)[1] });
    if (kept.length > 8) kept.shift();
    flow.request.text = flow.request.text.replaceAll('flow', 'FLOW');
  };`],
];

for (const [what, body] of rewriters) {
  test.serial(`each flow's body is its own: ${what}`, async (t) => {
    const { cell } = await recordedCell(guests);
    t.is((await load(cell, 1, body)).kind, "loaded");
    const keys = Array.from({ length: 48 }, (_, n) => n + 1);
    const all = await Promise.all(keys.map((key) => cell.call({ text: textOf(key), attachments: [bodyOf(key, sizeOf(key))], chain: patient(1) })));
    for (const [n, [outcome]] of all.entries()) t.is(problem(outcome, n + 1), null, `${n + 1}`);
    cell.kill();
  });
}

test.serial("every addon of a chain is shown the body as it came until one changes it", async (t) => {
  const { cell } = await recordedCell(guests);
  for (const id of [1, 2]) await load(cell, id, `exports.request = (flow) => { const { body } = flow.request; flow.comment = flow.request.text.slice(0, 7) + "${id}"; body.fill(33); };`);
  await load(cell, 3, "exports.request = (flow) => { flow.request.text = flow.request.text.replaceAll('flow', 'FLOW'); };");
  const keys = Array.from({ length: 24 }, (_, n) => n + 1);
  const all = await Promise.all(keys.map((key) => cell.call({ text: textOf(key), attachments: [bodyOf(key, sizeOf(key))], chain: patient(1, 2, 3) })));
  for (const [n, [first, second, third]] of all.entries()) {
    for (const [at, outcome] of [first, second].entries()) t.is(outcome?.kind === "changed" ? outcome.text : JSON.stringify(outcome), JSON.stringify([["flow.comment", `flow ${n + 1}. `.slice(0, 7) + (at + 1)]]));
    t.is(problem(third, n + 1), null, `${n + 1}`);
  }
  cell.kill();
});
