// Limits of addons with real cells: each at its edge, where nothing happens, and one past it, where the error names it and a counter
// grows; what a manifest tightens for itself; and how the operator sets them. Limits of cells and of pure parts have tests beside those.
import test from "ava";
import { makeConfig } from "../../../host/config.ts";
import { defaultLimits, isLimitName, limitTable, type LimitName } from "../../../sandbox-api/schema/limits.ts";
import { useCells } from "../../helpers/addon-stage.ts";
import { makeHttpFlow, makeRequest } from "../../helpers/flows.ts";

const cells = useCells(test);

interface Edge { readonly limit: LimitName; readonly value: number; readonly fits: string; readonly breaks: string; readonly extra?: { readonly [L in LimitName]?: number } }
const edges: readonly Edge[] = [
  { limit: "hostCalls", value: 5, fits: "for (let i = 0; i < 5; i++) console.log(i);", breaks: "for (let i = 0; i < 6; i++) console.log(i);" },
  // A change's own text counts with the body.
  { limit: "mutationBytes", value: 2_000, fits: "flow.request.body = new Uint8Array(1_900);", breaks: "flow.request.body = new Uint8Array(2_001);" },
  { limit: "wallMs", value: 500, fits: "await new Promise((resolve) => setTimeout(resolve, 20));", breaks: "await new Promise(() => {});" },
  { limit: "cpuMs", value: 300, fits: "for (const end = Date.now() + 20; Date.now() < end;);", breaks: "for (;;);" },
  { limit: "memoryMiB", value: 16, fits: "globalThis.kept = new Uint8Array(1 << 20);", breaks: "const kept = []; for (;;) kept.push(new Array(100_000).fill(1.5));", extra: { cpuMs: 20_000, wallMs: 60_000 } },
];
for (const { limit, value, fits, breaks, extra } of edges) {
  test.serial(`${limit}: at its edge nothing happens, past it the call fails, is named and counted`, async (t) => {
    const source = `export async function request(flow) { if (flow.request.path === "/breaks") { ${breaks} } else { ${fits} } flow.request.headers.set("x-done", "1"); }`;
    const { host, records } = await cells.stage(t, { edge: source }, { limits: { ...extra, [limit]: value } });
    const run = async (path: string): Promise<boolean> => {
      const flow = makeHttpFlow(makeRequest(undefined, Buffer.from("x")));
      flow.request.path = path;
      await host.gate.held("request", flow);
      return flow.request.headers.has("x-done");
    };
    t.true(await run("/fits"), records.map(({ msg }) => msg).join("\n"));
    t.deepEqual(host.addons()[0]?.breaches, {});
    t.false(await run("/breaks"));
    t.is(host.addons()[0]?.breaches[limit], 1, records.map(({ msg }) => msg).join("\n"));
    const named = records.find(({ fields }) => typeof fields["limit"] === "object" && fields["limit"] !== null && "name" in fields["limit"] && fields["limit"].name === limit);
    t.true(named?.msg.includes(`${value} ${limitTable[limit].unit} allowed`), named?.msg);
  });
}

test.serial("bodyBytes: a body of that size is given, one byte more is not, and the flow goes on", async (t) => {
  const tell = "export function request(flow) { flow.request.headers.set('x-saw', String(flow.request.body?.length) + flow.request.truncated); }";
  const { host } = await cells.stage(t, {
    loose: tell, tight: `export const manifest = { permissions: { read: ["request", "request.body"], write: ["request"] }, limits: { bodyBytes: 100 } }; ${tell.replace("'x-saw'", "'x-tight'")}`,
  }, { limits: { bodyBytes: 1_000 } });
  const saw = async (size: number): Promise<unknown> => {
    const flow = makeHttpFlow(makeRequest(undefined, Buffer.alloc(size)));
    await host.gate.held("request", flow);
    t.is(flow.request.body.raw?.length, size);
    return [flow.request.headers.get("x-saw"), flow.request.headers.get("x-tight")];
  };
  t.deepEqual(await saw(100), ["100false", "100false"]);
  t.deepEqual(await saw(101), ["101false", "undefinedtrue"]);
  t.deepEqual(await saw(1_000), ["1000false", "undefinedtrue"]);
  t.deepEqual(await saw(1_001), ["undefinedtrue", "undefinedtrue"]);
});

test.serial("a manifest tightens its own limits and never widens them", async (t) => {
  const source = (limits: string): string => `export const manifest = { permissions: { read: ["request"] }, limits: ${limits} }; export function request() { for (let i = 0; i < 8; i++) console.log(i); }`;
  const { host } = await cells.stage(t, { tighter: source("{ hostCalls: 3 }"), wider: source("{ hostCalls: 1000 }") }, { limits: { hostCalls: 5 } });
  await host.gate.held("request", makeHttpFlow());
  t.deepEqual(host.addons().map(({ breaches }) => breaches), [{ hostCalls: 1 }, { hostCalls: 1 }]);
  const { host: roomy } = await cells.stage(t, { tighter: source("{ hostCalls: 3 }"), wider: source("{ hostCalls: 1000 }") });
  await roomy.gate.held("request", makeHttpFlow());
  t.deepEqual(roomy.addons().map(({ breaches }) => breaches), [{ hostCalls: 1 }, {}]);
});

test.serial("an empty CPU bucket is named and counted for each call that it stops", async (t) => {
  const { host, records } = await cells.stage(t, { busy: "export function request() { for (const end = Date.now() + 60; Date.now() < end;); }" }, { limits: { cpuBudgetBurstMs: 10, cpuBudgetShare: 0.001 } });
  for (let i = 0; i < 3; i++) await host.gate.held("request", makeHttpFlow());
  t.true((host.addons()[0]?.breaches.cpuBudgetShare ?? 0) >= 1);
  t.true(records.some(({ msg }) => msg.includes("cpuBudgetShare 0.001, cpuBudgetBurstMs 10")));
});

test.serial("a flow that is held back too long goes on, and the operator reads why", async (t) => {
  const { host, records } = await cells.stage(t, { holder: "export function request(flow) { flow.intercept(); }" }, { limits: { interceptMs: 100 } });
  await host.gate.held("request", makeHttpFlow());
  t.true(records.some(({ msg }) => msg.includes("held back for 100 ms") && msg.includes("interceptMs")));
});

test("every limit can be set, from its least to its most and not beyond", (t) => {
  for (const name of Object.keys(limitTable).filter(isLimitName)) {
    const { min, max, default: initial } = limitTable[name];
    t.is(defaultLimits[name], initial, name);
    for (const value of [min, max]) t.is(makeConfig({ limit: [`${name}=${value}`] }).limits[name], value);
    for (const value of [max + 1, ...(min > 0 ? [min / 2] : [])]) t.throws(() => makeConfig({ limit: [`${name}=${value}`] }), { code: "ERR_USAGE", message: new RegExp(`limit ${name} must be between`) });
  }
  t.throws(() => makeConfig({ limit: ["wallMS=1"] }), { message: /did you mean "wallMs"/ });
  t.is(makeConfig({ limits: { cpuMs: 10 }, limit: ["cpuMs=20"] }).limits.cpuMs, 20);
});
