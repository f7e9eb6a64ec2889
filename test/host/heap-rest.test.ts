// When a heap is collected because the proxy went quiet: once for each burst, never under load; and that this V8 then gives memory back.
import test from "ava";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { HeapRest, judgeRest, quietLooks, worthBytes, type HeapLook } from "../../host/heap-rest.ts";

const quiet: HeapLook = { quietLooks, heapBytes: 10 * worthBytes, restingBytes: worthBytes };

const judgements: readonly (readonly [string, Partial<HeapLook>, ReturnType<typeof judgeRest>])[] = [
  ["quiet, and much to give back", {}, "collect"],
  ["quiet, and just enough to give back", { heapBytes: 2 * worthBytes }, "collect"],
  ["quiet, and too little to give back", { heapBytes: 2 * worthBytes - 1 }, "leave"],
  ["a heap that shrank by itself", { heapBytes: 1 }, "leave"],
  ["not quiet for long enough", { quietLooks: quietLooks - 1 }, "later"],
  ["load, and nothing to give back", { quietLooks: 0, heapBytes: 1 }, "later"],
];

for (const [what, look, expected] of judgements) test(what, (t) => t.is(judgeRest({ ...quiet, ...look }), expected));

interface Fakes { readonly rest: HeapRest; waitQuietly(): void; readonly now: { heapBytes: number; busyShare: number; collected: number } }

function makeRest(t: { teardown(end: () => void): void }): Fakes {
  const now = { heapBytes: worthBytes, busyShare: 0, collected: 0 };
  const rest = new HeapRest({ heapBytes: () => now.heapBytes, busyShare: () => now.busyShare, collect: () => void now.collected++ });
  t.teardown(() => rest.stop());
  return { rest, now, waitQuietly: () => { for (let look = 0; look < quietLooks; look++) rest.look(); } };
}

test("a burst is followed by one collection, when it has been over for long enough", (t) => {
  const { rest, waitQuietly, now } = makeRest(t);
  rest.opened();
  now.heapBytes = 8 * worthBytes;
  // The connection came since the last look, so this one is not quiet.
  rest.look();
  for (let look = 1; look < quietLooks; look++) rest.look();
  // Requests on connections that are open, and others that come: each time it begins anew.
  now.busyShare = 0.05;
  rest.look();
  now.busyShare = 0;
  for (let look = 1; look < quietLooks; look++) rest.look();
  rest.opened();
  rest.look();
  for (let look = 1; look < quietLooks; look++) rest.look();
  t.is(now.collected, 0);
  rest.look();
  t.is(now.collected, 1);
  // It did not help: nothing is tried again before connections come.
  waitQuietly();
  waitQuietly();
  t.is(now.collected, 1);
});

test("the next burst counts from what the last one left, even if it came before that was known", (t) => {
  const { rest, waitQuietly, now } = makeRest(t);
  const burst = (heapBytes: number): number => {
    now.heapBytes = heapBytes;
    rest.opened();
    rest.look();
    waitQuietly();
    return now.collected;
  };
  t.is(burst(8 * worthBytes), 1);
  now.heapBytes = 5 * worthBytes;
  rest.look();
  t.is(burst(6 * worthBytes - 1), 1);
  rest.look();
  t.is(burst(6 * worthBytes), 2);
  // Not a byte was given back.
  for (let count = 0; count < 5; count++) t.is(burst(6 * worthBytes), 2);
  t.is(burst(7 * worthBytes), 3);
});

/** In a process of its own, whose V8 says on stderr what it does not know. */
const program = `
import { setImmediate } from "node:timers/promises";
import { getHeapSpaceStatistics } from "node:v8";
import { collectGently } from ${JSON.stringify(new URL("../../host/heap-rest.ts", import.meta.url).href)};
const youngBytes = () => getHeapSpaceStatistics().find(({ space_name: name }) => name === "new_space").physical_space_size;
let kept = [];
for (let round = 0; youngBytes() < 8 * 1024 * 1024; round++) {
  if (round % 200_000 === 0) kept = [];
  kept.push([round]);
}
const grownBytes = youngBytes();
collectGently();
while (youngBytes() > grownBytes / 2) await setImmediate();
console.log("given back", kept.length > 0);
`;

test("this V8 gives the room of young objects back when it is told to, in turns of the loop", async (t) => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
  t.is(stdout, "given back true\n");
  t.notRegex(stderr, /flag/);
});

test("a system that gives no addresses for it ends nothing", async (t) => {
  const refused = `Buffer.allocUnsafeSlow = () => { throw new RangeError("Array buffer allocation failed"); };
import { collectGently } from ${JSON.stringify(new URL("../../host/heap-rest.ts", import.meta.url).href)};
collectGently();
console.log("alive");`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", refused]);
  t.is(stdout, "alive\n");
});
