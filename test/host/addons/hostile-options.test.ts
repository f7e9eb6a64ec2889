// Manifests whose options attack whoever reads them, in real cells: getters that loop, throw or change their mind, proxies, prototypes, masses of
// text. The addon is refused or gets what was checked; an innocent one beside it is served all the same.
import test from "ava";
import { useCells } from "../../helpers/addon-stage.ts";
import { makeHttpFlow } from "../../helpers/flows.ts";

const cells = useCells(test);
const innocent = 'export function request(flow) { flow.request.headers.set("x-innocent", "1"); }';

const refused: readonly (readonly [what: string, options: string, message: RegExp])[] = [
  ["a getter of choices that loops", '{ x: { type: "string", get choices() { for (;;); } } }', /./],
  ["a getter that throws", '{ x: { get type() { throw new Error("mine\\x1b[31m"); } } }', /mine/],
  ["a getter of the options that loops", '(() => { const o = {}; Object.defineProperty(o, "x", { enumerable: true, get() { for (;;); } }); return o; })()', /./],
  ["a proxy with traps that loop", 'new Proxy({}, { ownKeys() { for (;;); } })', /./],
  ["a default of functions", '{ x: { type: "string", default: () => 1 } }', /function/],
  ["a default with toJSON", '{ x: { type: "string", default: { toJSON() { return "x"; } } } }', /default is not a string|plain data/],
  ["a huge default", '{ x: { type: "string", default: "y".repeat(1e7) } }', /larger than|longer than/],
  ["endless choices", '{ x: { type: "string", choices: { length: 1e9, 0: "a" } } }', /choices must be a list/],
  ["a cycle", '(() => { const o = { type: "string" }; o.default = o; return { x: o }; })()', /./],
  ["a class as options", 'new (class { constructor() { this.x = { type: "string" }; } })()', /plain data|./],
  ["names of prototypes", '{ ["__proto__"]: { type: "string" } }', /is not an option name/],
];
for (const [what, options, message] of refused) {
  test.serial(`refused, and the neighbour is served: ${what}`, async (t) => {
    const { host, problems } = await cells.stage(t, { hostile: `export const manifest = { options: ${options} };\nexport function request(flow) { flow.request.headers.set("x-hostile", "1"); }`, innocent }, { limits: { startupMs: 2_000 } });
    t.deepEqual(problems.map(({ addon }) => addon), ["hostile"], JSON.stringify(problems));
    t.regex(problems[0]?.message ?? "", message);
    // The control characters are what is looked for.
    t.notRegex(problems[0]?.message ?? "", /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    const flow = makeHttpFlow();
    await host.gate.held("request", flow);
    t.is(flow.request.headers.get("x-innocent"), "1");
    t.is(flow.request.headers.get("x-hostile"), undefined);
    t.is(({} as { readonly type?: unknown }).type, undefined);
  });
}

test.serial("a getter that changes its mind is asked once: what was checked is what counts", async (t) => {
  const { host, problems } = await cells.stage(t, {
    fickle: `let asked = 0;
export const manifest = { options: { x: { type: "string", get default() { return asked++ === 0 ? "fine" : { evil: 1 }; } } } };
export function configure(options) { console.log(JSON.stringify(options)); }`,
  });
  t.deepEqual(problems, []);
  t.is(host.options()[0]?.value, "fine");
});

test.serial("an addon cannot reach the options of another, nor change what it was given", async (t) => {
  const { host, problems, records } = await cells.stage(t, {
    good: 'export const manifest = { options: { token: { type: "string" }, list: { type: "string[]" } } };\nexport function configure() {}',
    spy: `import { ctx } from "flowcell";
export const manifest = { options: { own: { type: "string[]", default: ["a"] } } };
export function configure(options, updated) {
  for (const change of [() => { options.own = 1; }, () => { options.own.push("b"); }, () => { options.token = 1; }, () => { Object.setPrototypeOf(options, { token: 1 }); }, () => { delete options.own; }]) try { change(); } catch { /* Refused, or without effect. */ }
  Object.prototype.token = "polluted";
  console.log(JSON.stringify([options.own, Object.getPrototypeOf(options) === Object.prototype, Object.keys(options), Object.keys(ctx.options), [...updated], ctx.options === options]));
}`,
  }, { options: new Map([["token", "secret"], ["list", "x,y"]]) });
  t.deepEqual(problems, []);
  await host.close();
  const said = records.find(({ fields, msg }) => fields["addon"] === "spy" && msg.startsWith("["))?.msg ?? "";
  t.is(said, '[["a"],true,["own"],["own"],["own"],true]');
  t.false(records.some(({ fields, msg }) => fields["addon"] === "spy" && msg.includes("secret")));
});
