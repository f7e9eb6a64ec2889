// Every attack of cases/ against real cells: the proxy lives, the wall named stops it in time, and an innocent addon and its flows in the same
// proxy notice nothing but, at worst, a restart. Both placements for the kinds that depend on it.
import test from "ava";
import { Arena, attackLimits, type Fight } from "./arena.ts";
import type { AttackCase } from "./attack-case.ts";
import { attackCases } from "./cases/index.ts";
import { withheldValue } from "../../sandbox-api/schema/http.ts";

// CPU limit (or wall limit) + 250 ms by the design; the rest is for a noisy machine and the restart of a cell.
const deadlineMs = Math.max(attackLimits.cpuMs, attackLimits.wallMs) + 250 + 4_000;

let arena: Arena;
test.before(async () => { arena = await Arena.open(); });
test.after.always(async () => { await arena?.close(); });

test("names of attacks are unique", (t) => {
  const names = attackCases.map(({ category, name }) => `${category}/${name}`);
  t.is(new Set(names).size, names.length);
  t.true(names.length >= 130);
});

for (const attack of attackCases) {
  test.serial(`${attack.category}/${attack.name}: wants ${attack.wants}; stopped by ${attack.wall}`, async (t) => {
    t.timeout(60_000);
    const fight = await arena.fight(attack);
    const said = fight.records.map((record) => `${record.level} ${record.msg} ${JSON.stringify(record.fields)}`.slice(0, 500)).join("\n");
    t.true(fight.innocent.length >= 6);
    for (const answer of fight.innocent) {
      t.is(answer.status, 200, said);
      t.regex(answer.body, /^echo:innocent \d+$/, said);
      t.is(answer.headers["x-innocent"], "was here", said);
    }
    t.deepEqual(fight.innocentFaults, [], said);
    for (const answer of fight.attacked) {
      t.true(answer.ms < deadlineMs, `took ${answer.ms} ms\n${said}`);
      t.is(answer.headers["x-escaped"], undefined, said);
      t.not(answer.body, withheldValue);
    }
    judge(t.assert, attack, fight, said);
  });
}

function judge(assert: (actual: unknown, message?: string) => boolean, attack: AttackCase, fight: Fight, said: string): void {
  const { ends } = attack;
  if (ends === "refused") assert(!fight.isLoaded, `it was loaded\n${said}`);
  else if (ends === "harmless") assert(fight.isLoaded && fight.faults.length === 0, `expected no fault, got ${fight.faults.join(", ")}\n${said}`);
  else assert(fight.isLoaded && fight.faults.some((fault) => ends.some((code) => code === fault)), `expected one of ${ends.join(", ")}, got ${fight.faults.join(", ") || "none"}\n${said}`);
  if (ends !== "refused" && attack.category !== "hang") for (const answer of fight.attacked) assert(answer.status === 200, `status ${answer.status}\n${said}`);
}
