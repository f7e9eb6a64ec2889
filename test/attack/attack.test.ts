// Every attack of cases/ against real cells: the proxy lives, the wall named stops it in time, and an innocent addon and its flows in the same
// proxy notice nothing but, at worst, a restart. One placement for each case; all three for those that end a cell. `npm run attack` runs all of two.
import test, { type ExecutionContext } from "ava";
import type { CellsOption } from "../../host/cells/placement.ts";
import { Arena } from "./arena.ts";
import type { AttackCase } from "./attack-case.ts";
import { attackCases } from "./cases/index.ts";
import { judge } from "./verdict.ts";

// Most of a fight is waiting, so three at a time.
const ringsideSeats = 3;

let arena: Arena;
test.before(async () => { arena = await Arena.open(); });
test.after.always(async () => { await arena?.close(); });

test("names of attacks are unique, and there are enough of them", (t) => {
  const names = attackCases.map(({ category, name }) => `${category}/${name}`);
  t.deepEqual(names.filter((name, index) => names.indexOf(name) !== index), []);
  t.true(names.length >= 200);
});

const inAll = new Set(["forgery/garbage", "forgery/duplicate", "forgery/quits", "hang/index-of-periodic", "hang/plain-loop", "memory/flat-string", "memory/array-of-arrays", "flood/log-flood", "escape/global-names"]);
const fights = attackCases.flatMap((attack): readonly (readonly [AttackCase, CellsOption])[] => (inAll.has(`${attack.category}/${attack.name}`) ? [[attack, "shared"], [attack, "per-hosts"], [attack, "per-addon"]] : [[attack, "shared"]]));

async function fight(t: ExecutionContext, attack: AttackCase, placement: CellsOption): Promise<void> {
  const fought = await arena.fight(attack, placement);
  const said = fought.records.map((record) => `${record.level} ${record.msg} ${JSON.stringify(record.fields)}`.slice(0, 500)).join("\n");
  t.deepEqual(judge(attack, fought).problems, [], said);
}

for (let at = 0; at < fights.length; at += ringsideSeats) {
  const group = fights.slice(at, at + ringsideSeats);
  test.serial(group.map(([{ category, name, wants }, placement]) => `${category}/${name} (${placement}): wants ${wants}`).join(" · "), async (t) => {
    t.timeout(100_000);
    await Promise.all(group.map(([attack, placement]) => fight(t, attack, placement)));
  });
}
