#!/usr/bin/env node
// What `flowcell` on a command line starts: it says clearly when Node is too old, and else runs main. It must parse and run on
// any Node that knows ES modules, so it imports nothing before it has looked, and does nothing else.
const major = Number.parseInt(process.versions.node, 10);

if (major < 24) {
  console.error(`flowcell needs Node 24 or later; this is Node ${process.versions.node} (${process.execPath}). Newer ones: https://nodejs.org`);
  process.exitCode = 1;
} else {
  await import("./main.ts");
}

export {};
