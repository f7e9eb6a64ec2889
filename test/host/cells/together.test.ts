// Events of several flows that come to a cell at once: they share entries and answers, and each is answered, failed, charged and
// blamed as if it had come alone.
import test from "ava";
import { bundleGuest } from "../../../host/addons/own-code.ts";
import type { Outcome } from "../../../host/cells/cell.ts";
import { chainOf, load, recordedCell, sendOne, testPool } from "../../helpers/cell-pool.ts";
import { flowText } from "../../helpers/flow-text.ts";
import { eventText } from "../../helpers/stand-in-guest.ts";

const pool = testPool();
test.after.always(() => pool.close());

/** What the event of that number carries. */
const textOf = (n: number): string => eventText("request", ["n", String(n)]);
const numberOf = `const n = Number(text.split("\\0")[1]);`;
/** Says what it was given, and how many events its entry had. */
const telling = (name: string): string => `exports.request = (text, _, api) => { ${numberOf} return [["${name}", n, api.joined]]; };`;

/** All at once; outcomes in the order of the numbers. */
const sendMany = (cell: { call(call: { text: string; attachments: readonly Buffer[]; chain: ReturnType<typeof chainOf> }): Promise<readonly Outcome[]> }, count: number, ids: readonly number[], entries: { cpuMs?: number } = {}): Promise<readonly (readonly Outcome[])[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => cell.call({ text: textOf(n), attachments: [], chain: chainOf(...ids).map((entry) => ({ ...entry, ...entries })) })));

const changesOf = (outcome: Outcome | undefined): readonly (readonly [string, number, number])[] => (outcome?.kind === "changed" ? JSON.parse(outcome.text) : []);
const kinds = (outcomes: readonly Outcome[]): readonly string[] => outcomes.map((outcome) => (outcome.kind === "failed" ? outcome.fault.code : outcome.kind));

test.serial("each event is answered with what was made of it, through a chain, and most shared their entries", async (t) => {
  const { cell } = await recordedCell(pool);
  for (const id of [1, 2, 3]) await load(cell, id, telling(`a${id}`));
  const all = await sendMany(cell, 100, [1, 2, 3]);
  let shared = 0;
  for (const [n, outcomes] of all.entries()) {
    for (const [at, outcome] of outcomes.entries()) {
      const [[name, number, joined] = ["", -1, 0]] = changesOf(outcome);
      t.deepEqual([name, number], [`a${at + 1}`, n]);
      if (joined > 1) shared++;
    }
  }
  t.true(shared > 1, `${shared} of 300`);
  t.true(all.every((outcomes) => outcomes.every((outcome) => "cpuMicros" in outcome && outcome.cpuMicros < 20_000)));
  cell.kill();
});

test.serial("the next in the chain sees the changes of its own event only", async (t) => {
  const { cell } = await recordedCell(pool);
  await load(cell, 1, `exports.request = (text) => { ${numberOf} return n % 2 === 0 ? [["mine", n]] : undefined; };`);
  await load(cell, 2, `exports.request = (text) => [["saw", text.split("\\0").at(-1)]];`);
  const all = await sendMany(cell, 30, [1, 2]);
  for (const [n, [, second]] of all.entries()) t.deepEqual(changesOf(second), [["saw", n % 2 === 0 ? `[[["mine",${n}]]]` : String(n)]] as never, `${n}`);
  cell.kill();
});

test.serial("one that throws, one that says too much and one that asks too often fail alone", async (t) => {
  const { cell, hostCalls } = await recordedCell(pool);
  await load(cell, 1, `exports.request = (text, _, api) => {
    ${numberOf}
    api.log("event " + n);
    if (n === 3) throw new Error("three");
    if (n === 5) return [["big", "x".repeat(40_000)]];
    if (n === 11) for (let i = 0; i < 50; i++) { try { api.log("again"); } catch {} }
    return [["fine", n]];
  };`, { mutationBytes: 30_000, hostCalls: 20 });
  const all = await sendMany(cell, 12, [1]);
  t.deepEqual(all.map((outcomes) => kinds(outcomes)[0]), Array.from({ length: 12 }, (_, n) => (n === 3 ? "threw" : n === 5 ? "mutation-too-large" : n === 11 ? "host-calls" : "changed")));
  const logged = hostCalls.flatMap(({ call }) => (call.call === "log" ? [call.msg] : []));
  t.deepEqual(logged.filter((line) => line.startsWith("event")), Array.from({ length: 12 }, (_, n) => `event ${n}`), "told in the order of the events");
  t.is(logged.filter((line) => line === "again").length, 19, "as many as one entry may ask, its own line included");
  t.is((await sendOne(cell, "request", 1)).kind, "lost", "who asks too often is started anew");
  cell.kill();
});

test.serial("one that loops is told so and costs its isolate; what ran before it counts, what comes after is to be asked again", async (t) => {
  const { cell } = await recordedCell(pool);
  await load(cell, 1, telling("innocent"));
  await load(cell, 2, `exports.request = (text) => { ${numberOf} if (n === 4) for (;;); return [["fine", n]]; };`);
  await load(cell, 3, telling("after"));
  const all = await sendMany(cell, 8, [1, 2, 3], { cpuMs: 50 });
  // On a machine that hardly ran it, it is `starved` instead.
  const looped = kinds(all[4] ?? [])[1] ?? "";
  t.true(["cpu-limit", "starved"].includes(looped), looped);
  t.deepEqual(all.map((outcomes) => kinds(outcomes)), Array.from({ length: 8 }, (_, n) => (n < 4 ? ["changed", "changed", "changed"] : n === 4 ? ["changed", looped, "skipped"] : ["changed", "lost", "skipped"])));
  t.is((await load(cell, 4, telling("new"))).kind, "loaded");
  cell.kill();
});

test.serial("one that waits is answered when it settles, and the others at once", async (t) => {
  const { cell } = await recordedCell(pool);
  // The word that tells of promises is not there, and still one is made.
  await load(cell, 1, `exports.request = (text, _, api) => { ${numberOf} return n === 2 ? api.sleep(30) : [["fine", n]]; };`);
  const all = await sendMany(cell, 6, [1]);
  t.deepEqual(all.map((outcomes) => kinds(outcomes)[0]), ["changed", "changed", "changed", "changed", "changed", "changed"]);
  t.deepEqual(changesOf(all[2]?.[0]), 30 as never);
  cell.kill();
});

test.serial("a promise that nobody handles fails every event that it may be of, where its maker hid it; where the text tells of promises, its own event only", async (t) => {
  const { cell } = await recordedCell(pool);
  const body = (reject: string): string => `exports.request = (text, _, api) => { ${numberOf} if (n === 2) ${reject}; return [["fine", n, api.joined]]; };`;
  await load(cell, 1, body(`globalThis["Pro" + "mise"]["rej" + "ect"](new Error("hidden"))`));
  await load(cell, 2, body(`Promise.reject(new Error("plain"))`));
  const hidden = await sendMany(cell, 5, [1]);
  t.deepEqual(hidden.map((outcomes) => kinds(outcomes)[0]), ["threw", "threw", "threw", "threw", "threw"]);
  const plain = await sendMany(cell, 5, [2]);
  t.deepEqual(plain.map((outcomes) => kinds(outcomes)[0]), ["changed", "changed", "threw", "changed", "changed"]);
  t.deepEqual(changesOf(plain[0]?.[0]), [["fine", 0, 1]]);
  cell.kill();
});

test.serial("when the cell must be killed, the one that ran is blamed, not the one whose answer was next", async (t) => {
  const { cell, ended } = await recordedCell(pool);
  await load(cell, 1, telling("innocent"));
  await load(cell, 2, `exports.request = (text) => { ${numberOf} if (n === 3) "a".repeat(8e6).indexOf("ab" + "a".repeat(3e5)); return [["fine", n]]; };`);
  const all = await sendMany(cell, 6, [1, 2], { cpuMs: 50 });
  t.like(await ended, { guilty: 2, fault: { code: "unresponsive" } });
  // Whatever was answered together with the guilty one's is asked again; nobody innocent has failed.
  const failed = all.flatMap((outcomes) => kinds(outcomes).flatMap((kind, at) => (kind === "lost" || kind === "changed" ? [] : [[at, kind]])));
  t.deepEqual(failed, [[1, "unresponsive"]]);
});

test.serial("a slow handler does not hold up the answers of all", async (t) => {
  const { cell } = await recordedCell(pool);
  await load(cell, 1, `exports.request = (text) => { ${numberOf} const until = Date.now() + 30; while (Date.now() < until); return [["slow", n]]; };`);
  await load(cell, 2, telling("next"));
  const order: number[] = [];
  await Promise.all(Array.from({ length: 8 }, async (_, n) => {
    // A limit so high that a busy machine does not meet it.
    const outcomes = await cell.call({ text: textOf(n), attachments: [], chain: chainOf(1, 2).map((entry) => ({ ...entry, cpuMs: 5_000 })) });
    t.deepEqual(kinds(outcomes), ["changed", "changed"]);
    order.push(n);
  }));
  t.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7]);
  cell.kill();
});

test.serial("each is given its own small bodies, large ones go by themselves, and who answers with a body ends its own chain", async (t) => {
  const { cell } = await recordedCell(pool);
  await load(cell, 1, `exports.request = (text, buffers, api) => {
    ${numberOf}
    const sum = buffers.map((buffer) => new Uint8Array(buffer).reduce((total, byte) => total + byte, 0));
    return n % 4 === 3 ? [["body", api.attach(new Uint8Array(n).fill(n).buffer)]] : [["got", n, buffers.map(({ byteLength }) => byteLength), sum]];
  };`);
  await load(cell, 2, `exports.request = (text, buffers) => { ${numberOf} return [["second", n, buffers.length]]; };`);
  const bodiesOf = (n: number): readonly Buffer[] => Array.from({ length: n % 3 }, (_, at) => Buffer.alloc(n === 20 ? 100_000 : n + at, n));
  const all = await Promise.all(Array.from({ length: 40 }, (_, n) => cell.call({ text: textOf(n), attachments: bodiesOf(n), chain: chainOf(1, 2) })));
  for (const [n, [first, second]] of all.entries()) {
    const bodies = bodiesOf(n);
    if (n % 4 === 3) {
      t.deepEqual(first?.kind === "changed" ? first.attachments.map((bytes) => bytes.toString("hex")) : null, [Buffer.alloc(n, n).toString("hex")]);
      t.is(second?.kind, "skipped");
      continue;
    }
    t.deepEqual(changesOf(first), [["got", n, bodies.map(({ length }) => length), bodies.map(({ length }) => length * n)]] as never);
    t.deepEqual(changesOf(second), [["second", n, bodies.length]]);
  }
  cell.kill();
});

test.serial("objects that end while events run are forgotten after them", async (t) => {
  const { cell } = await recordedCell(pool);
  await load(cell, 1, `exports.request = (text, _, api) => [["released", api.released]];`);
  const calls = Array.from({ length: 4 }, (_, n) => cell.call({ text: textOf(n), attachments: [], chain: chainOf(1) }));
  cell.release(chainOf(1)[0]!.instance, [7, 8]);
  calls.push(cell.call({ text: textOf(9), attachments: [], chain: chainOf(1) }));
  const told = (await Promise.all(calls)).map(([outcome]) => changesOf(outcome)[0]?.[1] as unknown);
  t.deepEqual(told.slice(0, 4), ["", "", "", ""]);
  const [after] = changesOf(await sendOne(cell, "request", 1));
  t.is([told[4], after?.[1] as unknown].find((keys) => keys !== ""), "7,8");
  cell.kill();
});

/** Handlers for the real guest; `n` is the number of the flow. */
const addons = [
  `flow.request.headers.set("x-first", n); if (n % 3 === 0) flow.request.headers.delete("X-Field-2"); flow.comment = "seen " + n;`,
  `if (n % 7 === 5) throw new Error("seven"); if (flow.request.headers.get("x-first") !== n + "") throw new Error("not mine"); flow.request.headers.set("x-second", flow.comment + flow.request.path); ctx.log.info("flow " + n);`,
  `if (n % 5 === 2) flow.response = new Response("body " + n, { status: 201 }); if (n % 6 === 1) flow.kill(); flow.request.path += "&third=" + flow.request.headers.get("x-second");`,
  `flow.request.headers.set("x-seen", JSON.stringify([...flow.request.headers])); flow.marked = flow.comment;`,
];
const moduleOf = (body: string): string => `const { ctx, Response } = require("flowcell"); exports.request = (flow) => { const n = Number(flow.request.headers.get("x-n")); ${body} };`;

test.serial("the guest makes of events that share an entry what it makes of each alone", async (t) => {
  const guests = testPool({ guestBundle: await bundleGuest() });
  t.teardown(() => guests.close());
  const { cell, hostCalls } = await recordedCell(guests);
  const ids = addons.map((_, at) => at + 1);
  for (const [at, body] of addons.entries()) t.is((await load(cell, at + 1, moduleOf(body))).kind, "loaded");
  const count = 120;
  const ask = async (key: number, n: number): Promise<readonly unknown[]> => {
    const outcomes = await cell.call({ text: flowText(key, n), attachments: [], chain: chainOf(...ids) });
    return outcomes.map((outcome) => ({ ...outcome, cpuMicros: 0, fault: outcome.kind === "failed" ? outcome.fault.message : null, attachments: outcome.kind === "changed" ? outcome.attachments.map(String) : [] }));
  };
  const together = await Promise.all(Array.from({ length: count }, (_, n) => ask(n + 1, n)));
  const logged = hostCalls.splice(0).map(({ instance, call }) => [instance, call]);
  const alone: (readonly unknown[])[] = [];
  for (let n = 0; n < count; n++) alone.push(await ask(count + n + 1, n));
  t.deepEqual(together, alone);
  t.deepEqual(logged, hostCalls.map(({ instance, call }) => [instance, call]));
  t.true(together.some((outcomes) => outcomes.some((outcome) => (outcome as { kind: string }).kind === "failed")) && logged.length > 80, JSON.stringify(together.slice(0, 6)) + logged.length);
});

test.serial("an addon that has replaced what buffers are cut with is given its bodies all the same, and runs nothing before its handler", async (t) => {
  const guests = testPool({ guestBundle: await bundleGuest() });
  t.teardown(() => guests.close());
  const { cell } = await recordedCell(guests);
  const body = `let early = 0; let inside = false;
    const spy = function (size) { if (!inside) early++; throw new Error("species"); };
    Object.defineProperty(ArrayBuffer, Symbol.species, { get: spy }); ArrayBuffer.prototype.slice = spy;
    exports.request = (flow) => { inside = true; flow.comment = early + ":" + flow.request.body.length; inside = false; };`;
  t.is((await load(cell, 1, body)).kind, "loaded");
  const view = JSON.stringify({ raw: 0, content: null, contentError: null, truncated: false, streamed: false });
  const textOfBody = (key: number): string => flowText(key, 1).replace('"parts":["flow","request"]', '"parts":["flow","request","request.body"]') + "\0" + view;
  const all = await Promise.all(Array.from({ length: 12 }, (_, n) => cell.call({ text: textOfBody(n + 1), attachments: [Buffer.alloc(n + 1, n)], chain: chainOf(1) })));
  t.deepEqual(all.map(([outcome]) => changesOf(outcome)), Array.from({ length: 12 }, (_, n) => [["flow.comment", `0:${n + 1}`]]) as never);
});
