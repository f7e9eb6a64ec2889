// Promises that nobody handled, in real isolates: told to `unhandledrejection` listeners of the global first, who may prevent that the
// call fails; blamed as without listeners otherwise; and what hostile listeners make of it.
import test from "ava";
import { makeHttpFlow } from "../../helpers/flows.ts";
import { useCells, type Stage } from "../../helpers/addon-stage.ts";

const cells = useCells(test);
const addon = (listener: string, cases: string): string => `
  const prevented = (event) => { event.preventDefault(); console.log("told", event.reason instanceof Error ? event.reason.name + ": " + event.reason.message : String(event.reason), event.promise instanceof Promise, event.isTrusted); };
  ${listener}
  export function request(flow) {
    flow.request.headers.set("x-seen", "1");
    return (${cases})[flow.request.path](flow);
  }`;

interface Outcome { readonly seen: string | undefined; readonly logged: readonly string[]; readonly faults: readonly string[]; readonly failures: number }

async function run(stage: Stage, path: string): Promise<Outcome> {
  const flow = makeHttpFlow();
  flow.request.path = path;
  const from = stage.records.length;
  await stage.host.gate.held("request", flow);
  const records = stage.records.slice(from);
  const info = stage.host.addons()[0];
  if (info?.status === "suspended") stage.host.resume(info.name);
  return {
    seen: flow.request.headers.get("x-seen"), failures: info?.failures ?? -1,
    logged: records.flatMap(({ msg, fields }) => (fields["fault"] === undefined ? [msg] : [])), faults: records.flatMap(({ msg, fields }) => (fields["fault"] === undefined ? [] : [msg])),
  };
}

// Room for a machine that does other things: nothing here is about how long an ordinary call may take.
const calm = { limits: { cpuMs: 3_000, startupMs: 8_000, wallMs: 30_000 } } as const;
const kinds = `{
  "/sync": () => { Promise.reject(new TypeError("floating")); },
  "/async": async () => { (async () => { await null; throw new RangeError("floating"); })(); },
  "/waits": async () => { Promise.reject(new Error("floating")); await new Promise((resolve) => setTimeout(resolve, 5)); },
  "/plain": () => { Promise.reject("only a text"); },
  "/nothing": () => { Promise.reject(); },
  "/own": () => { Promise.reject(new (class Mine extends Error { name = "Mine"; })("own")); },
  "/two": () => { Promise.reject(new Error("first")); Promise.reject(new Error("second")); },
  "/handled": () => { Promise.reject(new Error("caught")).catch(() => {}); },
}`;

test("a listener that prevents: the call counts as what its handler made of it", async (t) => {
  const stage = await cells.stage(t, { tool: addon("addEventListener('unhandledrejection', prevented);", kinds) }, calm);
  for (const [path, expected] of [["/sync", "TypeError: floating"], ["/async", "RangeError: floating"], ["/waits", "Error: floating"], ["/plain", "only a text"], ["/nothing", "undefined"], ["/own", "Mine: own"], ["/two", "Error: first"]] as const) {
    t.deepEqual(await run(stage, path), { seen: "1", logged: [`told ${expected} true true`], faults: [], failures: 0 }, path);
  }
  t.deepEqual(await run(stage, "/handled"), { seen: "1", logged: [], faults: [], failures: 0 });
});

test("a listener that does not prevent: told, and the call fails as without it", async (t) => {
  const stage = await cells.stage(t, { tool: addon("onunhandledrejection = (event) => { console.log('told', event.reason.stack.split('\\n').length > 1); };", kinds) }, calm);
  const { seen, logged, faults, failures } = await run(stage, "/sync");
  t.deepEqual([seen, logged, faults.length, failures], [undefined, ["told true"], 1, 1]);
  t.regex(faults[0] ?? "", /failed in request .*: the handler threw: a promise was rejected and nobody handled it: TypeError: floating at .*tool\.ts/);
});

test("onunhandledrejection prevents by false; one that is taken off does not", async (t) => {
  const stage = await cells.stage(t, { tool: addon("onunhandledrejection = () => false;", `{ "/": () => { Promise.reject(new Error("one")); }, "/off": () => { onunhandledrejection = null; Promise.reject(new Error("two")); } }`) }, calm);
  t.deepEqual(await run(stage, "/"), { seen: "1", logged: [], faults: [], failures: 0 });
  t.regex((await run(stage, "/off")).faults[0] ?? "", /Error: two/);
});

test("in a timer, and while the module loads", async (t) => {
  const stage = await cells.stage(t, {
    tool: `addEventListener("unhandledrejection", (event) => { event.preventDefault(); console.log("told", event.reason.message); });
      Promise.reject(new Error("at load"));
      export async function request(flow) { setTimeout(async () => { throw new Error("in a timer"); }, 1); await new Promise((resolve) => setTimeout(resolve, 30)); flow.comment = "done"; }`,
  }, calm);
  t.deepEqual(stage.problems, []);
  const { logged, faults } = await run(stage, "/");
  t.deepEqual([logged, faults], [["told in a timer"], []]);
  t.true(stage.records.some(({ msg }) => msg === "told at load"));
});

// The second on a machine that is busy otherwise.
const outOfTime = /used more CPU time than one call may|too little of the processor/;
const hostile: readonly (readonly [name: string, listener: string, expected: RegExp])[] = [
  ["rejects again: once for each entry, and the new one is the fault", "addEventListener('unhandledrejection', (e) => { prevented(e); Promise.reject(new Error('again')); });", /nobody handled it: Error: again/],
  ["throws: logged, and the rejection is the fault", "addEventListener('unhandledrejection', () => { throw new Error('thrown by the listener'); });", /nobody handled it: TypeError: floating/],
  ["never returns: its time is the call's", "addEventListener('unhandledrejection', (e) => { e.preventDefault(); for (;;); });", outOfTime],
  ["waits in a microtask for ever", "addEventListener('unhandledrejection', (e) => { e.preventDefault(); (function again() { queueMicrotask(again); })(); });", outOfTime],
  ["uses up the stack", "addEventListener('unhandledrejection', (e) => { e.preventDefault(); (function deep() { deep(); })(); });", /^$/],
  ["has replaced what the event is made with", "addEventListener('unhandledrejection', prevented); Object.setPrototypeOf(PromiseRejectionEvent, class { constructor() { throw 1; } });", /nobody handled it: TypeError: floating/],
];
for (const [name, listener, expected] of hostile) {
  test(`hostile: a listener that ${name}`, async (t) => {
    const stage = await cells.stage(t, { tool: addon(listener, kinds) }, name.startsWith("never") || name.startsWith("waits") ? {} : calm);
    const { faults, seen } = await run(stage, "/sync");
    t.regex(faults.join("|"), expected);
    t.is(seen, faults.length === 0 ? "1" : undefined);
    t.is((await run(stage, "/handled")).seen, "1", "the addon is at work afterwards");
  });
}

test("a flood of rejections is told once for each entry", async (t) => {
  const stage = await cells.stage(t, { tool: addon("addEventListener('unhandledrejection', prevented);", `{ "/": () => { for (let n = 0; n < 1e3; n++) Promise.reject(new Error(String(n))); } }`) }, calm);
  const { logged, faults } = await run(stage, "/");
  // Which one: the first that the engine has not collected meanwhile.
  t.regex(logged.join("|"), /^told Error: \d+ true true$/);
  t.deepEqual(faults, []);
});

test("a reason whose getters throw, or that is no error, is told by what the engine says of it", async (t) => {
  const stage = await cells.stage(t, { tool: addon("addEventListener('unhandledrejection', prevented);", `{ "/getter": () => { Promise.reject({ get message() { throw 1; }, get stack() { throw 2; } }); }, "/long": () => { Promise.reject(new Error("y".repeat(1e6))); } }`) }, calm);
  const { logged: [getter], faults } = await run(stage, "/getter");
  t.regex(getter ?? "", /^told Error: /);
  const { logged: [long] } = await run(stage, "/long");
  t.true((long ?? "").length < 9_000);
  t.deepEqual(faults, []);
});
