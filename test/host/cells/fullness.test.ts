// How many addons share a cell: as many as `mostPerCell`, in the order in which they come, and not one more; and with however many sets of hosts
// not many cells that are nearly empty.
import test from "ava";
import { mostPerCell, mostScopes, placeAddon, Places } from "../../../host/cells/placement.ts";

/** Homes of addons that come one after the other, each for the hosts that `hostsOf` gives. */
function homes(count: number, cells: "shared" | "per-hosts", hostsOf: (at: number) => string | null): readonly string[] {
  const places = new Places(cells);
  return Array.from({ length: count }, (_, at) => placeAddon({ name: `a${at}`, group: "g", place: places.of(`a${at}`, hostsOf(at)), isIsolated: false }, cells));
}

test("limit mostPerCell: the next addon begins another cell", (t) => {
  const all = homes(2 * mostPerCell + 1, "shared", () => null);
  t.deepEqual(all, all.map((_, at) => `group:g/${Math.floor(at / mostPerCell)}`));
});

test("addons of a thousand tenants fill their cells", (t) => {
  const all = homes(1_000, "per-hosts", (at) => `tenant-${at}.example`);
  const residents = new Map<string, number>();
  for (const home of all) residents.set(home, (residents.get(home) ?? 0) + 1);
  t.true(Math.max(...residents.values()) <= mostPerCell);
  t.true(residents.size <= Math.ceil(1_000 / mostPerCell) + mostScopes, `${residents.size} cells`);
});

test("several addons of each tenant share its cell", (t) => {
  const all = homes(300, "per-hosts", (at) => `tenant-${Math.floor(at / 3)}.example`);
  for (let at = 0; at < 300; at += 3) t.is(new Set(all.slice(at, at + 3)).size, 1, `tenant ${at / 3}`);
});

test("an addon keeps its place while its hosts stay in its scope; a seat that one has left is given again", (t) => {
  const places = new Places("per-hosts");
  const first = Array.from({ length: mostPerCell }, (_, at) => places.of(`a${at}`, null));
  t.true(first.every(({ scope, block }) => scope === 0 && block === 0));
  t.deepEqual(places.of("late", null), { scope: 0, block: 1 });
  t.deepEqual(places.of("a3", "b.example"), { scope: 1, block: 0 });
  t.deepEqual(places.of("late", null), { scope: 0, block: 1 }, "nobody moves for nothing");
  t.deepEqual(places.of("new", null), { scope: 0, block: 0 });
  t.deepEqual(places.of("a3", null), { scope: 0, block: 1 });
});
