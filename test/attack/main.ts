// `npm run attack`: every attack against this installation, in both placements, with a table of what came of each and a non-zero exit when
// anything got through. Prints progress while it runs; `--json FILE` keeps the results for machines. It judges by verdict.ts alone.
import { parseArgs } from "node:util";
import { prepareReport, writeJson, type AttackResult } from "./report.ts";
import { Arena, type Fight } from "./arena.ts";
import type { AttackCase } from "./attack-case.ts";
import { attackCases } from "./cases/index.ts";
import { judge } from "./verdict.ts";
import type { CellsOption } from "../../host/cells/placement.ts";

const usage = `usage: npm run attack -- [options]
  --only PATTERN      cases whose category/name matches this regular expression
  --placement WHICH   shared, per-hosts, per-addon, or both (shared and per-addon; default)
  --node PATH         run the cells under this Node
  --jail WHICH        auto (default), require or off
  --json FILE         write the results to FILE
  --verbose           print the log of every fight that was lost`;

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" }, placement: { type: "string", default: "both" }, node: { type: "string" }, jail: { type: "string", default: "auto" },
    json: { type: "string" }, verbose: { type: "boolean", default: false }, help: { type: "boolean", default: false },
  },
});

const placementsOf = (word: string): readonly CellsOption[] => (word === "both" ? ["shared", "per-addon"] : word === "shared" || word === "per-hosts" || word === "per-addon" ? [word] : []);
const jailOf = (word: string): "auto" | "require" | "off" | null => (word === "auto" || word === "require" || word === "off" ? word : null);

async function fightAll(arena: Arena, chosen: readonly AttackCase[], placements: readonly CellsOption[]): Promise<readonly AttackResult[]> {
  const results: AttackResult[] = [];
  const report = prepareReport(chosen.length * placements.length);
  for (const placement of placements) {
    for (const attack of chosen) {
      const result = await fightOne(arena, attack, placement);
      results.push(result);
      report.row(result);
    }
  }
  report.total(results);
  return results;
}

async function fightOne(arena: Arena, attack: AttackCase, placement: CellsOption): Promise<AttackResult> {
  let fight: Fight | null = null;
  try {
    fight = await arena.fight(attack, placement);
    const verdict = judge(attack, fight);
    if (verdict.problems.length > 0 && values.verbose) for (const { level, msg } of fight.records) console.error(`    ${level} ${msg.slice(0, 400)}`);
    return { attack, placement, pauseMs: fight.pauseMs, ...verdict };
  } catch (error) {
    // A flow that was never answered, or a proxy that broke: the attack got through.
    const problems = [error instanceof Error ? error.message : String(error)];
    return { attack, placement, pauseMs: 0, problems, stoppedBy: "nothing", stoppedAfterMs: null, innocentErrors: 1, innocentExchanges: 1, worstInnocentMs: 0 };
  }
}

const placements = placementsOf(values.placement);
const jail = jailOf(values.jail);
if (values.help || placements.length === 0 || jail === null) {
  console.log(usage);
  process.exitCode = values.help ? 0 : 2;
} else {
  const only = new RegExp(values.only);
  const chosen = attackCases.filter(({ category, name }) => only.test(`${category}/${name}`));
  const arena = await Arena.open({ jail, note: (sentence) => console.log(`note: ${sentence}`), ...(values.node !== undefined && { node: values.node }) });
  const results = await fightAll(arena, chosen, placements);
  await arena.close();
  if (values.json !== undefined) await writeJson(values.json, results, { jail, node: values.node ?? process.execPath });
  process.exitCode = results.length > 0 && results.every(({ problems }) => problems.length === 0) ? 0 : 1;
}
