// Loaded before every test file. With FLOWCELL_FUZZ_SEED set, all property tests draw from that seed, so that one run can be repeated (CI
// does, lest luck decide what lands); without it each run looks somewhere else, which is what finds things.
const seed = process.env["FLOWCELL_FUZZ_SEED"];

if (seed !== undefined) {
  const { configureGlobal } = await import("fast-check");
  configureGlobal({ seed: Number(seed) });
}

export {};
