// A cell that was taken over by its guest and says what no honest cell says: it is killed, the running call of the only one
// who lives there fails with the reason, where several do all are lost, and nothing of it reaches the owner twice.
import { fileURLToPath } from "node:url";
import test from "ava";
import { CellStartError } from "../../../host/cells/binary.ts";
import { instanceId } from "../../../sandbox-api/schema/ids.ts";
import type { CellPool } from "../../../host/cells/cell.ts";
import { load, recordedCell, sendOne, testPool } from "../../helpers/cell-pool.ts";

const file = fileURLToPath(new URL("../../helpers/lying-cell.ts", import.meta.url));
// The stand-in takes its mode where the runtime takes its binary.
// A liar on a busy machine is late before it lies: only silence is judged by the clock.
const lyingPool = (mode: string, unresponsiveMs = 60_000): CellPool => testPool({ entry: { file, imports: [] }, binary: mode, standby: 0, unresponsiveMs });

const lies = [
  "garbage", "oversize", "misfit", "unknown", "foreign", "type", "status", "skipped", "changes", "fault", "settled", "hello", "stat", "call", "stranger", "flood",
];

for (const lie of lies) {
  test(`lie: ${lie}`, async (t) => {
    const pool = lyingPool(lie);
    const { cell, ended, ends, hostCalls } = await recordedCell(pool);
    await load(cell, 1, "");
    t.like(await sendOne(cell, "request", 1), { kind: "failed", fault: { code: "cell-lied" } });
    const end = await ended;
    t.like(end, { guilty: 1, fault: { code: "cell-lied" } });
    t.log(end.fault?.message);
    await new Promise((resolve) => setTimeout(resolve, 50));
    t.is(ends.length, 1);
    t.true(hostCalls.length <= 1_000);
    await pool.close();
  });
}

test("lie in a cell of two: nobody is blamed for it, since either may have taken the cell over", async (t) => {
  for (const lie of lies) {
    const pool = lyingPool(lie);
    const { cell, ended } = await recordedCell(pool);
    await load(cell, 1, "");
    await load(cell, 2, "");
    const [first, second] = await Promise.all([sendOne(cell, "request", 1), sendOne(cell, "request", 2)]);
    t.deepEqual([first.kind, second.kind], ["lost", "lost"], lie);
    t.like(await ended, { guilty: null, fault: { code: "cell-lied" } }, lie);
    await pool.close();
  }
});

test("lie: a second answer to the same call, while nobody runs", async (t) => {
  const pool = lyingPool("duplicate");
  const { cell, ended } = await recordedCell(pool);
  await load(cell, 1, "");
  t.like(await sendOne(cell, "request", 1), { kind: "unchanged" });
  t.like(await ended, { guilty: 1, fault: { code: "cell-lied" } });
  await pool.close();
});

test("an honest cell that ends, in the middle of a frame or with an exit code, has died", async (t) => {
  for (const mode of ["truncated", "quits"]) {
    const pool = lyingPool(mode);
    const { cell, ended } = await recordedCell(pool);
    await load(cell, 1, "");
    t.like(await sendOne(cell, "request", 1), { kind: "failed", fault: { code: "cell-died" } });
    t.like(await ended, { guilty: 1, fault: { message: mode === "quits" ? "the cell ended (exit code 3)" : "the cell ended (exit code 0)" } });
    await pool.close();
  }
});

test("what the guest may forget is told soon, even if nothing else is asked of the cell", async (t) => {
  const pool = lyingPool("quits-at-release");
  const { cell, ended } = await recordedCell(pool);
  await load(cell, 1, "");
  cell.release(instanceId(1), [1, 2]);
  t.like(await ended, { fault: { message: "the cell ended (exit code 4)" } });
  await pool.close();
});

test("a mark of what is not outstanding is not believed, and a mark cannot grow", async (t) => {
  for (const [mode, how] of [["marks-nobody", /exit code 3/], ["marks-too-much", /SIGXFSZ|exit code 1/]] as const) {
    const pool = lyingPool(mode);
    const { cell, ended } = await recordedCell(pool);
    await load(cell, 1, "");
    await load(cell, 2, "");
    const [first, second] = await Promise.all([sendOne(cell, "request", 1), sendOne(cell, "request", 2)]);
    t.like(first, { kind: "failed", fault: { code: "cell-died" } }, mode);
    t.is(second.kind, "lost", mode);
    const { guilty, fault } = await ended;
    t.is(guilty, instanceId(1), mode);
    t.regex(fault?.message ?? "", how);
    await pool.close();
  }
});

test("a cell that keeps silent without working is given more time, and not for ever", async (t) => {
  const pool = lyingPool("silent", 200);
  const { cell } = await recordedCell(pool);
  await load(cell, 1, "");
  const startedAt = performance.now();
  t.like(await sendOne(cell, "request", 1), { kind: "failed", fault: { code: "unresponsive" } });
  const elapsed = performance.now() - startedAt;
  t.true(elapsed > 2_000 && elapsed < 60_000, `${elapsed} ms`);
  await pool.close();
});

test("a cell that greets wrongly or dies while it boots is an operator's error that says what it said", async (t) => {
  for (const [mode, said] of [["contract", /contract 99/], ["greeting", /greeted badly/], ["dies", /cannot find myself/]] as const) {
    const pool = lyingPool(mode);
    const error = await t.throwsAsync(recordedCell(pool), { instanceOf: CellStartError });
    t.regex(error?.message ?? "", said);
    await pool.close();
  }
});
