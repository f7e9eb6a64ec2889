// How the guest bundle is built, as plain data for whoever may call the bundler: one script without imports or exports, ASCII
// only, for the V8 of the oldest Node we run on. It builds nothing itself.

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
