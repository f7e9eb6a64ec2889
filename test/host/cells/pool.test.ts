// The pool with real processes: standby, death from outside at any moment, stalls, and closing without leaving anything behind.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { getPriority } from "node:os";
import test from "ava";
import { load, recordedCell, sendOne, testPool } from "../../helpers/cell-pool.ts";

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
const readOrEmpty = (path: string): string => { try { return readFileSync(path, "latin1"); } catch { return ""; } };
/** Alive, and a child of this process that runs a cell. */
const isCellOfOurs = (id: string): boolean => {
  const [state, parent] = readOrEmpty(`/proc/${id}/stat`).replace(/^.*\) /s, "").split(" ");
  return state !== "Z" && Number(parent) === process.pid && readOrEmpty(`/proc/${id}/cmdline`).includes("--allow-addons");
};
const descriptors = (): number => readdirSync("/proc/self/fd").length;

test.serial("a cell that is killed from outside is replaced from the standby, and nothing is answered twice", async (t) => {
  const pool = testPool({ standby: 2 });
  t.teardown(() => pool.close());
  const swaps: number[] = [];
  for (let round = 0; round < 6; round++) {
    const { cell, ended, ends } = await recordedCell(pool);
    await load(cell, 1, `exports.request = () => {}; exports.wait = (t, b, api) => api.sleep(10_000);`);
    const waiting = sendOne(cell, "wait", 1);
    let answers = 0;
    let isOver = false;
    const busy = (async () => { while (!isOver) { await sendOne(cell, "request", 1); answers++; } })();
    await pause(Math.random() * 20);
    process.kill(cell.pid, "SIGKILL");
    const end = await ended;
    isOver = true;
    t.true((await waiting).kind !== "unchanged", "failed if it was running, lost if it waited");
    await busy;
    t.is(end.fault?.code, "cell-died");
    t.is(ends.length, 1);
    t.true(answers > 0);
    const startedAt = performance.now();
    const next = await recordedCell(pool);
    await load(next.cell, 1, `exports.request = () => {};`);
    swaps.push(Math.round((performance.now() - startedAt) * 10) / 10);
    next.cell.kill();
    t.deepEqual(await next.ended, { fault: null, guilty: null, residentMiB: (await next.ended).residentMiB });
    await pause(400);
  }
  t.log(`replaced and loaded in ms: ${swaps.join(" ")}`);
  await pool.close();
});

test.serial("a pool without standby boots no cell before one is asked for, and can be closed before that", async (t) => {
  const cells = (): number => readdirSync("/proc").filter(isCellOfOurs).length;
  const before = cells();
  await testPool({ standby: 0 }).close();
  const pool = testPool({ standby: 0 });
  t.teardown(() => pool.close());
  await pause(300);
  t.is(cells(), before);
  const { cell } = await recordedCell(pool);
  t.is(cells(), before + 1);
  await load(cell, 1, `exports.request = () => {};`);
  t.is((await sendOne(cell, "request", 1)).kind, "unchanged");
  await pool.close();
});

test.serial("a stopped cell is killed in the end; one that goes on in time is not", async (t) => {
  const pool = testPool({ standby: 0 });
  t.teardown(() => pool.close());
  const { cell, ended } = await recordedCell(pool);
  await load(cell, 1, `exports.request = () => {};`);
  process.kill(cell.pid, "SIGSTOP");
  const delayed = sendOne(cell, "request", 1);
  await pause(600);
  process.kill(cell.pid, "SIGCONT");
  t.deepEqual((await delayed).kind, "unchanged", "it was not scheduled, which is no fault of the addon");
  process.kill(cell.pid, "SIGSTOP");
  t.like(await sendOne(cell, "request", 1), { kind: "failed", fault: { code: "unresponsive" } });
  t.like(await ended, { guilty: 1 });
  await pool.close();
});

test.serial("a host that was late itself blames nobody", async (t) => {
  const pool = testPool({ standby: 0 });
  t.teardown(() => pool.close());
  const { cell } = await recordedCell(pool);
  await load(cell, 1, `exports.request = () => {};`);
  const before = sendOne(cell, "request", 1);
  await new Promise((resolve) => setImmediate(resolve));
  for (const end = performance.now() + 700; performance.now() < end;);
  t.is((await before).kind, "unchanged");
  const unsent = sendOne(cell, "request", 1);
  for (const end = performance.now() + 700; performance.now() < end;);
  t.is((await unsent).kind, "unchanged");
  await pool.close();
});

for (const jail of ["off", "auto"] as const) {
  test.serial(`a cell that stands back does so with all its threads, and brings nobody else down with it (jail ${jail})`, async (t) => {
    const pool = testPool({ standby: 0, jail });
    t.teardown(() => pool.close());
    const { cell } = await recordedCell(pool);
    const ordinary = await recordedCell(pool);
    const group = (pid: number | "self"): readonly string[] => existsSync("/proc/self/autogroup") ? readFileSync(`/proc/${pid}/autogroup`, "utf8").trim().split(" nice ") : [];
    const priorities = (pid: number): readonly number[] => [...new Set(readdirSync(`/proc/${pid}/task`).map((task) => getPriority(Number(task))))];
    const [own, before] = [getPriority(), group("self")];
    cell.standBack();
    cell.standBack();
    t.deepEqual(priorities(cell.pid), [5]);
    // The kernel may ask to be asked again.
    const [name, weight] = group(cell.pid);
    for (let i = 0; i < 50 && name !== before[0] && group(cell.pid)[1] === weight && weight !== "5"; i++) await pause(100);
    t.is(group(cell.pid)[1], name === before[0] ? before[1] : "5");
    t.deepEqual([getPriority(), group("self")], [own, before]);
    t.deepEqual(priorities(ordinary.cell.pid), [own]);
    await load(cell, 1, `exports.request = () => {};`);
    t.is((await sendOne(cell, "request", 1)).kind, "unchanged");
    cell.kill();
    cell.standBack();
    await pool.close();
  });
}

test.serial("while cells die of faults, one is kept ready and no more", async (t) => {
  const pool = testPool({ standby: 3 });
  t.teardown(() => pool.close());
  const children = (): number => readdirSync("/proc").filter((id) => /^\d+$/.test(id) && isCellOfOurs(id)).length;
  const { cell, ended } = await recordedCell(pool);
  for (let i = 0; i < 1_000 && children() < 4; i++) await pause(20);
  t.is(children(), 4, "one that is used and three that wait");
  process.kill(cell.pid, "SIGKILL");
  t.is((await ended).fault?.code, "cell-died");
  for (const left of [2, 1]) {
    const next = await recordedCell(pool);
    process.kill(next.cell.pid, "SIGKILL");
    await next.ended;
    for (let i = 0; i < 100 && children() > left; i++) await pause(20);
    t.is(children(), left);
  }
  await pause(500);
  t.is(children(), 1, "for whoever comes next");
  for (let i = 0; i < 1_000 && children() < 3; i++) await pause(20);
  t.is(children(), 3, "calm again");
  await pool.close();
});

test.serial("two pools close cleanly, and leave no process and no descriptor", async (t) => {
  const warm = testPool({ standby: 0 });
  await recordedCell(warm);
  await warm.close();
  await pause(50);
  const before = descriptors();
  const pids: number[] = [];
  for (let round = 0; round < 3; round++) {
    const pools = [testPool({ standby: 1 }), testPool({ standby: 1 })];
    const cells = await Promise.all(pools.map((pool) => recordedCell(pool)));
    pids.push(...cells.map(({ cell }) => cell.pid));
    await Promise.all(pools.map((pool) => pool.close()));
    t.true(cells.every(({ ends }) => ends.length === 1));
    await t.throwsAsync(recordedCell(pools[0] ?? warm), { message: /closed/ });
  }
  await pause(100);
  t.false(pids.some((pid) => existsSync(`/proc/${pid}`)));
  t.true(descriptors() <= before + 1, `${before} → ${descriptors()}`);
});

test.serial("closing while cells boot waits for them", async (t) => {
  const pool = testPool({ standby: 3 });
  t.teardown(() => pool.close());
  const asked = recordedCell(pool);
  await Promise.all([pool.close(), t.throwsAsync(asked, { message: /closed|ended/ })]);
  await pool.close();
});
