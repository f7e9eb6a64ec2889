// A child process with isolated-vm for tests of the guest in real isolates: reads one JSON job from argv, runs it the way the runtime
// does (every entry a timed applySync), prints one JSON line. Killed by its parent when it does not answer. Not for use outside tests.
"use strict";
const { readFileSync } = require("node:fs");
const ivm = require("isolated-vm");

const { guest, addon, steps, memoryMiB = 32, timeoutMs = 500 } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const isolate = new ivm.Isolate({ memoryLimit: memoryMiB });
const context = isolate.createContextSync();
const { global } = context;
const posted = [];
global.setSync("$post", new ivm.Callback((kind, id, text) => { posted.push({ kind, id, text }); }));
const [main, ...parts] = guest.split("\0");
global.setSync("$native", new ivm.Callback(() => { throw new Error("not here"); }));
global.setSync("$part", new ivm.Callback((name) => { isolate.compileScriptSync(parts[parts.indexOf(name) + 1], { filename: name }).runSync(context, { timeout: timeoutMs }); }));
isolate.compileScriptSync(main, { filename: "guest.js" }).runSync(context);
const entries = global.getSync("$guest", { reference: true });
const entry = Object.fromEntries(["prepare", "load", "dispatch", "resume", "attachment"].map((name) => [name, entries.getSync(name, { reference: true })]));
global.deleteSync("$guest");
const limits = { cpuMs: 50, startupMs: 1000, memoryMiB, hostCalls: 1000, mutationBytes: 1_048_576, logLineBytes: 200 };
const call = (name, args) => entry[name].applySync(undefined, args, { arguments: { copy: true }, result: { copy: true }, timeout: timeoutMs });
const answers = [];
const attempt = (run) => {
  try {
    const result = run();
    answers.push({ result, type: typeof result });
  } catch (error) {
    answers.push({ thrown: String(error.message).slice(0, 300) });
  }
};
attempt(() => call("prepare", [JSON.stringify({ name: "hostile", file: "addon.js", limits })]));
attempt(() => isolate.compileScriptSync(addon, { filename: "addon.js" }).runSync(context, { timeout: timeoutMs }));
attempt(() => call("load", []));
steps.forEach((text, index) => attempt(() => call("dispatch", [index + 1, "", text])));
console.log(JSON.stringify({ answers, posted, residentMiB: Math.round(process.memoryUsage.rss() / 1_048_576) }));
// Threads of isolates that never end would keep exit waiting.
process.kill(process.pid, "SIGKILL");
