// Sizes as operators write them: a table of what is read and what is not.
import test from "ava";
import { readByteSize } from "../../host/byte-size.ts";

const sizes: readonly (readonly [string, number | null])[] = [
  ["0", 0], ["512", 512], ["1k", 1_024], ["64K", 65_536], ["10m", 10_485_760], ["1g", 1_073_741_824], ["1.5g", 1_610_612_736], ["10MB", 10_485_760], ["3MiB", 3_145_728], [" 5 k ", 5_120], ["7b", 7],
  ["", null], ["k", null], ["-1", null], ["1e9", null], ["0x10", null], ["10 m b", null], ["1.2.3m", null], ["9999999999", null], ["10t", null], ["NaN", null],
];

test("sizes are read as operators write them, and nothing else is", (t) => {
  for (const [text, bytes] of sizes) t.is(readByteSize(text), bytes, JSON.stringify(text));
});
