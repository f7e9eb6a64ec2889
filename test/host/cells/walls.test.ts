// WALL 3 and 4 seen from outside: what a cell process may do when its isolates have been escaped, and what is left when the proxy dies.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import { CellStartError, findIsolatedVm, sourceEntry } from "../../../host/cells/binary.ts";
import { type Jail, prepareJail } from "../../../host/cells/jail.ts";
import { spawnCell } from "../../../host/cells/spawn.ts";
import { load, recordedCell, sendOne, testPool } from "../../helpers/cell-pool.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const node = process.execPath;
const bare = prepareJail({ mode: "off", node, dataMiB: null });
const jailed = prepareJail({ mode: "auto", node, dataMiB: null });
const isJailed = jailed.kind === "bubblewrap";
const isRunning = (pid: number): boolean => existsSync(`/proc/${pid}`) && !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));

async function until(isSo: () => boolean, what: string, milliseconds = 60_000): Promise<void> {
  for (const end = performance.now() + milliseconds; !isSo();) {
    if (performance.now() > end) throw new Error(`never ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function probe(t: ExecutionContext, jail: Jail): Promise<{ readonly [name: string]: string }> {
  const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const cell = spawnCell({ node, entry: { file: here("../../helpers/probe-cell.ts"), imports: [] }, binary: String(port), jail: { ...jail, wrap: (file, args, readable) => jail.wrap(file, args, readable.filter((path) => path !== String(port))) }, jitless: false });
  try {
    const [text] = await Promise.race([once(cell.socket, "data"), cell.exited.then(() => { throw new Error(cell.diagnosis()); })]);
    const pid = await cell.nodePid;
    // In a jail "/" is the jail's own root.
    const foreign = openFiles(pid).filter((name) => !(name === "/" && jail.kind === "bubblewrap") && !/^(\/dev\/null|anon_inode:|pipe:|socket:)/.test(name) && !openFiles(process.pid).includes(name));
    t.deepEqual(foreign, [], "no file of the host's is open in the cell");
    return JSON.parse(String(text));
  } finally {
    cell.kill();
    await cell.exited;
    server.close();
  }
}

const openFiles = (pid: number): readonly string[] =>
  readdirSync(`/proc/${pid}/fd`).flatMap((name) => { try { return [readlinkSync(`/proc/${pid}/fd/${name}`)]; } catch { return []; } });

test("a cell cannot read, write, spawn, start threads or use the network, and knows no environment", async (t) => {
  const tried = await probe(t, bare);
  const denied = "ERR_ACCESS_DENIED";
  const isNetworkDenied = Number(process.versions.node.split(".")[0]) >= 25;
  t.like(tried, { read: denied, list: denied, write: denied, spawn: denied, worker: denied, environment: "", directory: "/" });
  if (isNetworkDenied) t.like(tried, { connect: denied, listen: denied });
});

(isJailed ? test : test.skip)("in the jail the same, and the machine's files are not even there", async (t) => {
  t.like(await probe(t, jailed), { read: "ERR_ACCESS_DENIED", connect: "ERR_ACCESS_DENIED", environment: "" });
  // Where Node itself lies, the way to it is there, and nothing else.
  const away = ["/etc/passwd", "/root", "/home", "/proc", "/tmp"].filter((path) => !node.startsWith(`${path}/`));
  const { file, args } = jailed.wrap(node, ["-p", `[...${JSON.stringify(away)}.filter((p) => require("fs").existsSync(p)), (() => { try { require("fs").writeFileSync("/x", ""); return "wrote"; } catch (e) { return e.code; } })(), process.pid, Object.keys(require("os").networkInterfaces())].join()`], []);
  const child = spawn(file, args, { env: {}, cwd: "/", stdio: ["ignore", "pipe", "inherit", "ignore", "pipe"] });
  let text = "";
  child.stdout?.on("data", (chunk) => { text += String(chunk); });
  child.stdio[4]?.on("data", () => undefined);
  await once(child, "close");
  t.is(text.trim(), "EROFS,1,lo");
});

(isJailed ? test : test.skip)("cells work in the jail: memory is read and a loop is killed through it", async (t) => {
  const pool = testPool({ jail: "require", standby: 0 });
  t.teardown(() => pool.close());
  const { cell, ended } = await recordedCell(pool);
  await load(cell, 1, `exports.request = () => {}; exports.stuck = () => { 'a'.repeat(8e6).indexOf('ab' + 'a'.repeat(3e5)); };`);
  t.like(await sendOne(cell, "request", 1), { kind: "unchanged" });
  t.like(await sendOne(cell, "stuck", 1), { kind: "failed", fault: { code: "unresponsive" } });
  t.true((await ended).residentMiB > 20);
  await until(() => !isRunning(cell.pid), "dead");
  await pool.close();
});

test("cells start from the sources as well; without a JIT from the bundle only", async (t) => {
  const pools = [testPool({ entry: sourceEntry, standby: 0 }), testPool({ standby: 0, jitless: true })];
  t.teardown(() => Promise.all(pools.map((pool) => pool.close())));
  for (const pool of pools) {
    const { cell } = await recordedCell(pool);
    t.like(await load(cell, 1, `exports.request = () => {};`, { startupMs: 10_000 }), { kind: "loaded" });
    t.like(await sendOne(cell, "request", 1, [], { cpuMs: 500 }), { kind: "unchanged" });
  }
  t.throws(() => testPool({ entry: sourceEntry, jitless: true }), { instanceOf: CellStartError, message: /bundled runtime/ });
});

test("what does not work here is said: no binary, no jail, no Node", async (t) => {
  t.true(existsSync(findIsolatedVm()));
  const path = process.env["PATH"];
  const missing = t.throws(() => prepareJail({ mode: "require", node: "/nonexistent", dataMiB: null }), { instanceOf: CellStartError });
  t.is(missing?.code, "no-jail");
  t.is(process.env["PATH"], path);
  const pool = testPool({ node: "/nonexistent", standby: 0 });
  t.teardown(() => pool.close());
  await t.throwsAsync(recordedCell(pool), { instanceOf: CellStartError, message: /cells do not start/ });
  await pool.close();
});

for (const jail of ["off", ...(isJailed ? ["require"] : [])]) {
  test(`no cell outlives a proxy that is killed, not even one that loops (jail ${jail})`, async (t) => {
    const host = spawn(node, [here("../../helpers/doomed-host.ts"), jail], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await once(host.stdout, "data");
    const pids: number[] = JSON.parse(String(line));
    t.is(pids.length, 2);
    t.true(pids.every(isRunning));
    host.kill("SIGKILL");
    await until(() => !pids.some(isRunning), "without orphans");
  });
}
