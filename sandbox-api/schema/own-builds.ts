// How Flowcell's own code for cells is built, as plain data for whoever may call the bundler: the guest, one script without imports
// or exports, ASCII only, and the runtime, one CommonJS file; for the oldest Node we run on. It builds nothing itself.

/** Where the guest begins, relative to the folder that holds `sandbox-api`. */
export const guestEntry = "sandbox-api/guest/main.ts";

/** esbuild options; add `entryPoints: [guestEntry]`, `absWorkingDir` and `write: false`. The result is one file. */
export const guestBuildOptions = {
  bundle: true,
  format: "iife",
  platform: "neutral",
  target: "node24",
  charset: "ascii",
  minify: true,
  legalComments: "none",
  treeShaking: true,
  sourcemap: false,
} as const;

/** Where a cell's own code begins, relative to the folder that holds `runtime`. */
export const runtimeEntry = "runtime/main.ts";

/** esbuild options for one file that a cell is started from (decision 0006). */
export const runtimeBuildOptions = {
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node24",
  charset: "ascii",
  minify: true,
  legalComments: "none",
} as const;
