// Runs one variant of a test file in an isolate of its own, made and entered as a cell makes and enters those of addons, with limits
// so wide that only a hang meets them. Answers what tests ask of the host: timers, files by fetch.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { LoadText, HostCallText } from "../../sandbox-api/wire/messages.ts";
import type { IsolateMaker } from "../../runtime/isolate/create.ts";
import type { IsolatedVm } from "../../runtime/isolate/binary.ts";
import type { EntryResult } from "../../runtime/isolate/result.ts";
import { AddonIsolate, makeShared } from "../../runtime/isolate/run.ts";
import { resultStatus } from "../../sandbox-api/wire/messages.ts";
import { doneMark, reportMark, testOrigin, testScript, type TestFile } from "./test-file.ts";

export interface Subtest { readonly name: string; readonly passed: boolean; readonly message: string }
/** `problem`: the file as a whole did not run to its end. */
export interface FileResult { readonly subtests: readonly Subtest[]; readonly problem: string | null }

export interface Machine { readonly vm: IsolatedVm; readonly maker: IsolateMaker; readonly tree: string }

const settings: LoadText = {
  name: "wpt", file: "wpt.js",
  limits: { cpuMs: 60_000, startupMs: 60_000, memoryMiB: 512, hostCalls: 1_000_000, mutationBytes: 64 * 1_048_576, logLineBytes: 8 * 1_048_576, cryptoKeys: 100_000, cryptoKeyBytes: 64 * 1_048_576, rsaKeysAtOnce: 4 },
  services: { storage: null, fetch: { requestBytes: 1_048_576 } },
};
const mostMs = 60_000;
const entryMs = 30_000;

class FileRun {
  readonly #isolate: AddonIsolate;
  readonly #tree: string;
  readonly #timers = new Map<number, NodeJS.Timeout>();
  readonly #subtests: Subtest[] = [];
  readonly #ended = Promise.withResolvers<string | null>();
  #asked = 0;

  constructor({ vm, maker, tree }: Machine) {
    this.#tree = tree;
    this.#isolate = new AddonIsolate(vm, maker, makeShared(), settings);
  }

  async run(script: string): Promise<FileResult> {
    const limit = setTimeout(() => this.#ended.resolve("did not end"), mostMs);
    this.#take(this.#isolate.load(JSON.stringify(settings), script));
    const problem = await this.#ended.promise;
    clearTimeout(limit);
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#isolate.dispose();
    return { subtests: this.#subtests, problem };
  }

  #take(result: EntryResult): void {
    for (const { kind, id, text, attachments } of result.posts) if (kind === "hostCall") this.#host(id, JSON.parse(text), attachments);
    if (result.status === resultStatus.failed) this.#fail(result.text);
    else if (this.#timers.size === 0 && this.#asked === 0) this.#ended.resolve("nothing left to wait for");
  }

  /** An exception in a callback of a timer ends nothing but the callback. */
  #fail(text: string): void {
    const { code, message, stack }: { code: string; message: string; stack?: string } = JSON.parse(text);
    if (code !== "threw") this.#ended.resolve(`${code}: ${message} ${stack ?? ""}`.slice(0, 400));
  }

  #host(id: number, call: HostCallText, attachments: readonly ArrayBuffer[]): void {
    switch (call.call) {
      case "log": return this.#log(call.msg);
      case "timer.set":
        this.#timers.set(id, setTimeout(() => { this.#timers.delete(id); this.#answer(id, null, null); }, call.ms));
        return;
      case "timer.clear":
        clearTimeout(this.#timers.get(call.id));
        this.#timers.delete(call.id);
        return;
      case "fetch":
        if (call.url.endsWith("/echo-content.py")) return this.#echo(id, call.url, attachments);
        return void this.#fetch(id, call.url);
      default: return this.#answer(id, "not in these tests", null);
    }
  }

  #log(line: string): void {
    if (line.startsWith(reportMark)) {
      const list: [string, number, string | null][] = JSON.parse(line.slice(reportMark.length));
      for (const [name, status, message] of list) this.#subtests.push({ name, passed: status === 0, message: message ?? "" });
    } else if (line.startsWith(doneMark)) {
      const [status, message]: [number, string | null] = JSON.parse(line.slice(doneMark.length));
      this.#ended.resolve(status === 0 ? null : (message ?? `harness status ${status}`));
    } else if (process.env["WPT_LOG"] !== undefined) console.log("   ", line);
  }

  /** What that script of WPT's own server does. */
  #echo(id: number, url: string, attachments: readonly ArrayBuffer[]): void {
    queueMicrotask(() => this.#answer(id, null, { status: 200, statusText: "OK", url, redirected: false, headers: [["Content-Type", "text/plain"]] }, attachments.map((buffer) => Buffer.from(buffer))));
    this.#asked++;
    queueMicrotask(() => { this.#asked--; });
  }

  async #fetch(id: number, url: string): Promise<void> {
    this.#asked++;
    const { origin, pathname } = new URL(url);
    const file = origin === testOrigin ? await readFile(join(this.#tree, decodeURIComponent(pathname))).catch(() => null) : null;
    this.#asked--;
    if (pathname.endsWith(".py") || file === null) return this.#answer(id, "no such file", null);
    const type = pathname.endsWith(".json") ? "application/json" : "text/plain";
    this.#answer(id, null, { status: 200, statusText: "OK", url, redirected: false, headers: [["Content-Type", type]] }, [file]);
  }

  #answer(id: number, error: string | null, value: unknown, attachments: readonly Buffer[] = []): void {
    const text = JSON.stringify({ call: id, error, value }).replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
    this.#take(this.#isolate.resume(id, text, attachments, entryMs));
  }
}

/** Never rejects for what the test does. */
export function runVariant(machine: Machine, file: TestFile, variant: string): Promise<FileResult> {
  return new FileRun(machine).run(testScript(machine.tree, file, variant));
}
