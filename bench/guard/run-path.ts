// Runs one hot path so many times in a process of its own, for whoever counts from outside; prints what it allocated for each turn.
// Bundled and run by count.ts: run-path GUEST-FILE PATH TURNS WORK-FOR-EACH-TURN
import { readFileSync } from "node:fs";
import { getHeapStatistics } from "node:v8";
import { makePath, pathNames } from "./paths.ts";

const [guestFile = "", wanted = "", turns = "0", times = "1"] = process.argv.slice(2);
const name = pathNames.find((path) => path === wanted);
if (name === undefined) throw new Error(`there is no path "${wanted}"`);
const work = await makePath(name, readFileSync(guestFile, "latin1"));
let sum = 0;
// What happens once only (lazy compilation, shapes of objects) is no cost of a turn.
for (let turn = 0; turn < 20; turn++) sum += work();
const before = getHeapStatistics().total_allocated_bytes;
for (let turn = 0; turn < Number(turns) * Number(times); turn++) sum += work();
const allocated = getHeapStatistics().total_allocated_bytes - before;
if (sum === 0) throw new Error("nothing was done");
process.stdout.write(JSON.stringify({ bytes: Number(turns) === 0 ? 0 : allocated / Number(turns) }));
