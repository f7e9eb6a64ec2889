// `npm run soak`: 10,000 load and unload cycles, then an hour's worth of traffic (28 requests a second: 100,000) as fast as it goes, with hostile
// addons on. Prints figures as it goes and at the end; ends with 1 when a bound was passed.
import { parseArgs } from "node:util";
import { soak } from "./soak.ts";

const { values } = parseArgs({ options: { loads: { type: "string", default: "10000" }, requests: { type: "string", default: "100000" } } });

const { problems, figures } = await soak({ loads: Number(values.loads), requests: Number(values.requests), say: (line) => console.log(line) });
for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(20)} ${value}`);
for (const problem of problems) console.error(`PROBLEM: ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;
