// Counts what a hot path costs without a clock: machine instructions under valgrind's callgrind where it is installed, and bytes that
// V8 allocates. Without the just-in-time compiler, so that a run is like the next one: what is counted is work, not how well V8 happens
// to compile it. It knows no table.
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { bundleGuest } from "../../host/addons/own-code.ts";
import { projectRoot } from "../../test/helpers/flowcell.ts";
import { findProgram } from "../../test/helpers/programs.ts";
import type { Count } from "./bands.ts";
import { pathNames, type PathName } from "./paths.ts";

const run = promisify(execFile);
const nodeFlags = ["--jitless", "--single-threaded", "--hash-seed=1", "--random-seed=1", "--max-semi-space-size=64", "--min-semi-space-size=64"] as const;

interface Probe { readonly file: string; readonly guestFile: string }

/** `times`: how often each turn does its work; 2 is a path that has become twice as dear. `only`: paths with that in their names. */
export async function countPaths(times: number, only: string): Promise<readonly Count[]> {
  const probe = await buildProbe();
  const counts: Count[] = [];
  for (const name of pathNames.filter((path) => path.includes(only))) {
    counts.push({ name: `allocated bytes: ${name}`, value: await allocated(probe, name, times) });
    const instructions = await instructionsOf(probe, name, times);
    if (instructions !== null) counts.push({ name: `instructions: ${name}`, value: instructions });
  }
  return counts;
}

/** One script: Node cannot strip types without the compiler. Inside the repository, for its packages. */
async function buildProbe(): Promise<Probe> {
  const folder = path.join(projectRoot, "node_modules", ".cache", "flowcell");
  await mkdir(folder, { recursive: true });
  const probe = { file: path.join(folder, "guard-run-path.mjs"), guestFile: path.join(folder, "guard-guest.txt") };
  await writeFile(probe.guestFile, await bundleGuest());
  await build({ entryPoints: [path.join(import.meta.dirname, "run-path.ts")], bundle: true, platform: "node", format: "esm", target: "node24", external: ["esbuild"], outfile: probe.file, logLevel: "error" });
  return probe;
}

const words = ({ file, guestFile }: Probe, name: PathName, turns: number, times: number): readonly string[] => [...nodeFlags, file, guestFile, name, String(turns), String(times)];

/** V8 counts whole buffers that it fills: many turns make them small beside the sum. */
const allocationTurns = 5_000;

async function allocated(probe: Probe, name: PathName, times: number): Promise<number> {
  const { stdout } = await run(process.execPath, words(probe, name, allocationTurns, times), { env: {} });
  const report: unknown = JSON.parse(stdout);
  if (typeof report !== "object" || report === null || !("bytes" in report) || typeof report.bytes !== "number") throw new Error(`${name} printed ${stdout}`);
  return report.bytes;
}

/** Of a turn: the difference between many turns and few, so that start and end of the process do not count. Null: no valgrind. */
async function instructionsOf(probe: Probe, name: PathName, times: number): Promise<number | null> {
  const valgrind = findProgram("valgrind");
  if (valgrind === undefined) return null;
  const few = 20;
  const many = 220;
  const [less, more] = await Promise.all([few, many].map(async (turns) => {
    const { stderr } = await run(valgrind, ["--tool=callgrind", "--callgrind-out-file=/dev/null", process.execPath, ...words(probe, name, turns, times)], { env: {}, maxBuffer: 1 << 24 });
    const collected = /Collected : (\d+)/.exec(stderr)?.[1];
    if (collected === undefined) throw new Error(`callgrind counted nothing:\n${stderr.slice(-2_000)}`);
    return Number(collected);
  }));
  return ((more ?? Number.NaN) - (less ?? Number.NaN)) / (many - few);
}
