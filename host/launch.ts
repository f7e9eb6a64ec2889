#!/usr/bin/env node
// What `flowcell` on a command line starts: it says clearly when Node is too old, and else runs main. It must parse and run on
// any Node that knows ES modules, so it imports nothing before it has looked, and does nothing else.
const major = Number.parseInt(process.versions.node, 10);

if (major < 24) {
  console.error(`flowcell needs Node 24 or later; this is Node ${process.versions.node} (${process.execPath}). Newer ones: https://nodejs.org`);
  process.exitCode = 1;
} else {
  await keepCompiledCode();
  const isSource = import.meta.url.endsWith(".ts");
  const bundle = isSource ? (await import("./own-bundle.ts")).findOwnBundle() : null;
  // Stack traces name the sources.
  if (bundle !== null || !isSource) process.setSourceMapsEnabled(true);
  await (bundle === null ? import("./main.ts") : import(bundle));
}

/** PERF: half the time to the first request goes into compiling our own modules (bench/start-up.ts). A folder of the user's own, not a shared one. */
async function keepCompiledCode(): Promise<void> {
  const [{ enableCompileCache }, { homedir }, { join }] = await Promise.all([import("node:module"), import("node:os"), import("node:path")]);
  enableCompileCache(join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "flowcell", "compiled"));
}

export {};
