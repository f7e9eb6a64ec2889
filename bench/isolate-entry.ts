// Claim: an event that has come into a cell costs a few microseconds in the isolate, and not many more while the isolate is new. Enters isolates
// as a cell does, in this process (no pipe, no host): a request's and a response's head of 20 fields in turn, a new flow for each pair.
// Run: node --no-node-snapshot bench/isolate-entry.ts [--isolates 20] [--events 500] [--handler header|read|idle|text|rewrite] [--body 102400] [--words "some w\u00f6rds"] [--together 16]
import { parseArgs } from "node:util";
import { bundleGuest } from "../host/addons/own-code.ts";
import { findIsolatedVm } from "../host/cells/binary.ts";
import { loadIsolatedVm } from "../runtime/isolate/binary.ts";
import { makeIsolateMaker } from "../runtime/isolate/create.ts";
import { AddonIsolate, makeShared } from "../runtime/isolate/run.ts";
import { resultStatus } from "../sandbox-api/wire/messages.ts";

const handlers: { readonly [name: string]: (side: string) => string } = {
  header: (side) => `(flow) => { flow.${side}.headers.set("x-bench-${side}", "1"); }`,
  read: (side) => `(flow) => { flow.${side}.headers.get("x-absent"); }`,
  idle: () => `() => {}`,
  text: (side) => `(flow) => { if (flow.${side}.text === null) throw new Error("no body"); }`,
  rewrite: (side) => `(flow) => { flow.${side}.text = flow.${side}.text.replaceAll("some words", "SOME WORDS"); }`,
};
const milestones = [1, 2, 10, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 400_000];

const { values } = parseArgs({ options: { isolates: { type: "string", default: "1" }, events: { type: "string", default: "20000" }, handler: { type: "string", default: "header" }, body: { type: "string", default: "0" }, words: { type: "string", default: "some words" }, together: { type: "string", default: "1" } } });
const handler = handlers[values.handler];
if (handler === undefined) throw new Error(`--handler must be one of ${Object.keys(handlers).join(", ")}`);

const fields = Array.from({ length: 20 }, (_, at) => `X-Header-Number-${at}: some value of ordinary length ${at}\r\n`);
const flow = JSON.stringify({ id: "f", type: "http", live: true, error: null, intercepted: false, marked: "", comment: "", isReplay: null, timestampCreated: 1, websocket: false });
const request = JSON.stringify({ method: "GET", scheme: "https", host: "example.com", port: 443, path: "/index.html?q=1", authority: "", httpVersion: "HTTP/1.1", timestampStart: 1_790_000_000.123, timestampEnd: 1_790_000_000.124 });
const response = JSON.stringify({ statusCode: 200, reason: "OK", httpVersion: "HTTP/1.1", timestampStart: 1_790_000_000.123, timestampEnd: 1_790_000_000.124 });
const head = (json: string): string => `${json}\n${fields.length}\n${fields.join("")}`;
const together = Number(values.together);
const body = Buffer.alloc(Number(values.body), `<p>A paragraph of a page, with a <a href="/link">link</a> and ${values.words}.</p>\n`);
const bodyPart = (side: string): readonly [name: string, text: string] => body.length === 0 ? ["", ""] : [`,"${side}.body"`, `\0{"raw":0,"content":null,"contentError":null,"truncated":false,"streamed":false}`];
const [requestBody, responseBody] = [bodyPart("request"), bodyPart("response")];
const textOf = (event: number, key: number): string => event % 2 === 0
  ? `{"event":"request","key":${key},"parts":["flow","request"${requestBody[0]}]}\0${flow}\0${head(request)}${requestBody[1]}`
  : `{"event":"response","key":${key},"parts":["response"${responseBody[0]}]}\0${head(response)}${responseBody[1]}`;

const vm = loadIsolatedVm(findIsolatedVm());
const maker = makeIsolateMaker(vm, (await bundleGuest()).toString("latin1"));
const clocks = makeShared();
const limits = { cpuMs: 200, startupMs: 1_000, memoryMiB: 32, hostCalls: 1_000, mutationBytes: 1 << 24, logLineBytes: 8_192, cryptoKeys: 100, cryptoKeyBytes: 65_536, rsaKeysAtOnce: 0 };

const isolates = Array.from({ length: Number(values.isolates) }, (_, index) => {
  const settings = { name: `addon-${index}`, file: `addon-${index}.js`, limits, permissions: ["read:request", "read:response", "write:request", "write:response", ...(body.length > 0 ? (["read:request.body", "read:response.body", "write:request.body", "write:response.body"] as const) : [])] as const };
  const isolate = new AddonIsolate(vm, maker, clocks, settings);
  const loaded = isolate.load(JSON.stringify(settings), `$module(function (exports) { exports.request = ${handler("request")}; exports.response = ${handler("response")}; });`);
  if (loaded.status !== resultStatus.changed) throw new Error(loaded.text);
  return isolate;
});

/** The heads of so many flows in each entry: their requests, then their responses. */
function runTogether(from: number, to: number): void {
  for (let event = from; event < to; event += 2 * together) {
    for (const phase of [0, 1]) {
      const numbers = Array.from({ length: together }, (_, at) => event + 2 * at + phase);
      const events = numbers.map((number) => ({ call: number + 1, text: textOf(number, (number >> 1) + 1), attachments: body.length === 0 ? [] : [body] }));
      const released = phase === 0 && event >= 2 * together ? numbers.map((number) => (number >> 1) + 1 - together).join(",") : "";
      for (const isolate of isolates) {
        const results = isolate.dispatchMany(events, released, limits.cpuMs, () => undefined);
        for (let done = results.length; done < events.length;) {
          const more = isolate.dispatchMany(events.slice(done), "", limits.cpuMs, () => undefined);
          done += more.length;
        }
        const failed = results.find(({ status }) => status > resultStatus.changed);
        if (failed !== undefined) throw new Error(failed.text);
      }
    }
  }
}

/** CPU microseconds of the whole process, compiler threads included, for each event of the range in each isolate. */
function measure(from: number, to: number): number {
  const before = process.cpuUsage();
  if (together > 1) runTogether(from, to);
  else for (let event = from; event < to; event++) {
    const key = (event >> 1) + 1;
    for (const isolate of isolates) {
      const result = isolate.dispatch({ call: event + 1, releasedKeys: event % 2 === 0 && key > 1 ? `${key - 1}` : "", text: textOf(event, key), attachments: body.length === 0 ? [] : [body], cpuMs: limits.cpuMs, isStartup: false });
      if (result.status > resultStatus.changed) throw new Error(result.text);
    }
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (to - from) / isolates.length;
}

process.stdout.write(`${isolates.length} isolates, handler "${values.handler}": µs of CPU for each event\n`);
const events = Number(values.events);
for (const [at, milestone] of milestones.entries()) {
  if (milestone > events) break;
  const from = milestones[at - 1] ?? 0;
  process.stdout.write(`  events ${from + 1} to ${milestone}`.padEnd(26) + `${measure(from, milestone).toFixed(1).padStart(8)}\n`);
}
for (const isolate of isolates) isolate.dispose();
