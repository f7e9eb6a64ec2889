// Native code in a cell, as far as a test can play it: started with a cell's flags and environment, it tries what a cell must not
// be able to do and reports on the socket. It imports nothing of ours.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs";
import { connect, createServer } from "node:net";
import { Worker } from "node:worker_threads";

const tried: { [name: string]: string } = {};
const attempt = (name: string, action: () => unknown): void => {
  try {
    const value = action();
    tried[name] = `worked: ${String(value).slice(0, 50)}`;
  } catch (error) {
    tried[name] = error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
};
const eventually = (name: string, start: (done: (outcome: string) => void) => void): Promise<void> =>
  new Promise((resolve) => {
    const done = (outcome: string): void => { tried[name] = outcome; process.removeAllListeners("uncaughtException"); resolve(); };
    const refused = (error: unknown): void => done(error instanceof Error && "code" in error ? String(error.code) : String(error));
    // Node throws some refusals where nobody can catch them.
    process.once("uncaughtException", refused);
    try { start(done); } catch (error) { refused(error); }
  });

attempt("read", () => readFileSync("/etc/passwd", "latin1"));
attempt("list", () => readdirSync("/"));
attempt("write", () => writeFileSync("/tmp/flowcell-probe", "x"));
attempt("spawn", () => spawnSync("/bin/true").pid);
attempt("worker", () => new Worker("1", { eval: true }).threadId);
await eventually("connect", (done) => void connect(Number(process.argv[2]), "127.0.0.1").on("connect", () => done("worked")).on("error", (error) => done("code" in error ? String(error.code) : error.message)));
await eventually("listen", (done) => void createServer().on("error", (error) => done("code" in error ? String(error.code) : error.message)).listen(0, "127.0.0.1", () => done("worked")));
tried["environment"] = Object.keys(process.env).filter((name) => name !== "PWD").join();
tried["directory"] = process.cwd();
writeSync(3, JSON.stringify(tried));
readSync(3, Buffer.alloc(1));
