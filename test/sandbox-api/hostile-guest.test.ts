// Hostile addons in real isolates, one child process each: what is thrown, returned or rejected comes out as short plain text inside
// the timed call, in bounded time and memory, and the bridge answers the next event as if nothing had been. What no guest can stop
// (built-ins that never end, unhandled rejections with hostile reasons) is the watchdog's work and tested with the runtime.
import test from "ava";
import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleAddon, bundleGuest, sampleParts as part } from "../helpers/guest-realm.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const guest = await bundleGuest();
const child = fileURLToPath(new URL("../helpers/guest-isolate.cjs", import.meta.url));
const killAfterMs = 20_000;

interface Report {
  readonly answers: readonly { readonly result?: unknown; readonly type?: string; readonly thrown?: string }[];
  readonly posted: readonly { readonly kind: string; readonly id: number; readonly text: string }[];
  readonly residentMiB: number;
}

const text = (event: string, key: number): string =>
  [JSON.stringify({ event, key, parts: ["flow", "request"] }), part.flow()[1], part.request()[1]].join("\0");

async function run(source: string, steps: readonly string[]): Promise<Report> {
  const folder = temporaryFolder("guest");
  try {
    const job = join(folder, "job.json");
    await writeFile(job, JSON.stringify({ guest, addon: await bundleAddon(source), steps }));
    const stdout = await new Promise<string>((resolve) => {
      execFile(process.execPath, ["--no-node-snapshot", child, job], { timeout: killAfterMs, killSignal: "SIGKILL", maxBuffer: 64 * 1_048_576 }, (_error, out) => resolve(out));
    });
    if (stdout === "") throw new Error("the child process died or hung");
    return JSON.parse(stdout) as Report;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What the hostile handler does; the second event must then be answered properly. */
const thrown: readonly (readonly [name: string, body: string])[] = [
  ["an object whose message getter throws", "throw { get message() { throw 1; } }"],
  ["an error whose name is an object", "const e = new Error('x'); e.name = { toString() { throw 2; } }; throw e"],
  ["a proxy whose traps throw", "throw new Proxy({}, { get() { throw 3; }, getPrototypeOf() { throw 4; }, has() { throw 5; } })"],
  ["a revoked proxy", "const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy"],
  ["null", "throw null"],
  ["undefined", "throw undefined"],
  ["a symbol", "throw Symbol('s')"],
  ["a huge bigint", "throw 2n ** 200000n"],
  ["a function", "throw function f() {}"],
  ["a 6 MB string", "throw 'x'.repeat(6e6)"],
  ["an error with a 6 MB message", "throw new Error('y'.repeat(6e6))"],
  ["an error with a 6 MB stack", "const e = new Error('z'); e.stack = 'z'.repeat(6e6); throw e"],
  ["a Float16Array", "throw new Float16Array(4)"],
  ["control characters", "throw new Error('a\\r\\nb\\0c\\u001b[31m\\u2028')"],
  ["deep recursion", "(function f() { f(); })()"],
  ["a promise that is rejected with a hostile value", "return Promise.reject({ get message() { throw 6; }, get stack() { throw 7; } })"],
  ["a thenable that throws", "return { then() { throw { get message() { throw 8; } }; } }"],
  ["a thenable with a throwing getter", "return { get then() { throw 9; } }"],
];

for (const [name, body] of thrown) {
  test.serial(`thrown or returned: ${name}`, async (t) => {
    const source = `let first = true; export function request(flow) { if (!first) { flow.comment = "alive"; return; } first = false; ${body}; }`;
    const { answers, posted, residentMiB } = await run(source, [text("request", 1), text("request", 2)]);
    const first = answers[3]?.result === "2" ? posted.find(({ kind }) => kind === "settled")?.text : answers[3]?.result;
    if (typeof first !== "string") return t.fail(JSON.stringify(answers).slice(0, 500));
    t.regex(first, /^30;\{"code":"threw","message":"[^"]/);
    t.true(first.length < 40_000, `${first.length} chars`);
    t.regex(first, /^[\x20-\x7e]*$/, "one line of printable ASCII");
    t.is(answers[4]?.result, `10;[["flow.comment","alive"]]`);
    t.true(residentMiB < 500, `${residentMiB} MiB`);
  });
}

test.serial("a getter that loops for ever is stopped by the timeout, because it runs inside the call", async (t) => {
  const { answers } = await run("export function request() { throw { get message() { for (;;); } }; }", [text("request", 1)]);
  t.regex(answers[3]?.thrown ?? "", /timed out/);
});

test.serial("memory that no limit counts cannot be had", async (t) => {
  const source = `
    const kept = [];
    const tries = [
      () => new ArrayBuffer(8, { maxByteLength: 2 ** 30 }).resize(2 ** 30),
      () => new WebAssembly.Memory({ initial: 16384 }),
      () => new SharedArrayBuffer(8, { maxByteLength: 2 ** 30 }).grow(2 ** 30),
      () => new Intl.DateTimeFormat("en"),
      () => Temporal.Now.instant(),
      () => new Date(0).toTemporalInstant(),
      () => Reflect.construct(ArrayBuffer, [8, { maxByteLength: 2 ** 30 }], Object).resize(2 ** 30),
      () => new (Object.getPrototypeOf(class extends ArrayBuffer {}))(8, { maxByteLength: 2 ** 30 }).resize(2 ** 30),
      () => { const C = class extends ArrayBuffer { static get [Symbol.species]() { return Array; } }; kept.push(new C(8, { get maxByteLength() { return 2 ** 30; } })); kept[0].resize(2 ** 30); },
    ];
    export function request(flow) { let got = ""; for (const each of tries) { try { kept.push(each()); got += "got "; } catch (e) { got += e.name + " "; } } flow.comment = got; }`;
  const { answers, residentMiB } = await run(source, [text("request", 1)]);
  t.is(answers[3]?.result, `10;[["flow.comment","RangeError ReferenceError ReferenceError ReferenceError ReferenceError TypeError RangeError RangeError RangeError "]]`);
  t.true(residentMiB < 200, `${residentMiB} MiB`);
});

test.serial("buffers moved by transfer stay counted", async (t) => {
  const source = `const kept = []; export function request() { for (let i = 0; i < 64; i++) kept.push(new ArrayBuffer(8).transfer(2 ** 24)); }`;
  const { residentMiB } = await run(source, [text("request", 1), text("request", 2)]);
  t.true(residentMiB < 400, `${residentMiB} MiB`);
});

test.serial("no constructor chain leads out of the isolate", async (t) => {
  const source = `
    import { Response, Headers, layers, ctx } from "flowcell";
    export function request(flow) {
      const found = [];
      for (const object of [flow, flow.request, flow.request.headers, Response, Headers, layers, ctx, console, setTimeout, queueMicrotask, URL, performance, flow.request.query, flow.metadata]) {
        const F = object.constructor.constructor;
        found.push(F("return typeof process + typeof require + typeof $post + typeof $guest + Object.keys(globalThis).length")());
      }
      flow.comment = [...new Set(found)].join();
    }`;
  const { answers } = await run(source, [text("request", 1)]);
  t.is(answers[3]?.result, `10;[["flow.comment","undefinedundefinedundefinedundefined0"]]`);
});

test.serial("changes larger than allowed are refused before a result is made", async (t) => {
  const source = `
    import { Response } from "flowcell";
    const big = new Uint8Array(2 ** 21);
    export function request(flow) { flow.request.body = big; }
    export function response(flow) { const r = Response.make(200, big); flow.response = r; }`;
  const { answers } = await run(source, [text("request", 1), text("response", 1)]);
  for (const { result } of answers.slice(3)) t.regex(String(result), /^30;\{"code":"mutation-too-large".*"limit":\{"name":"mutationBytes","value":1048576,"used":209\d+,"unit":"bytes"\}\}$/);
});
