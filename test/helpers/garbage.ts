// Runs V8's garbage collector on demand, with the finalizers that follow it. For tests about what lives how long; gives no numbers.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Collects, then lets finalizers run. */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new Error("V8 gives no gc()");
  collect();
  await new Promise((resolve) => setTimeout(resolve, 10));
}
