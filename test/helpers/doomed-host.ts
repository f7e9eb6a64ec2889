// A proxy to be killed by a test: two cells, one idle and one in a call that cannot be interrupted; prints their process ids.
import { load, recordedCell, sendOne, testPool } from "./cell-pool.ts";

const pool = testPool({ jail: process.argv[2] === "require" ? "require" : "off", standby: 0, unresponsiveMs: 50_000 });
const idle = await recordedCell(pool);
const busy = await recordedCell(pool);
await load(busy.cell, 1, `exports.request = () => { 'a'.repeat(8e6).indexOf('ab' + 'a'.repeat(3e5)); };`);
void sendOne(busy.cell, "request", 1, [], { cpuMs: 50_000 });
setTimeout(() => console.log(JSON.stringify([idle.cell.pid, busy.cell.pid])), 200);
