// How many addons share a cell: as many as `mostPerCell`, in the configured order, and not one more.
import test from "ava";
import { mostPerCell, placeAddon } from "../../../host/cells/placement.ts";

test("limit mostPerCell: the next addon begins another cell", (t) => {
  const home = (order: number): string => placeAddon({ name: `a${order}`, group: "g", order, isIsolated: false }, "shared");
  t.is(home(mostPerCell - 1), home(0));
  t.not(home(mostPerCell), home(0));
  t.is(home(2 * mostPerCell - 1), home(mostPerCell));
});
