// Servers that reset and clients that leave at every stage, with real addons that wait in every event: the flow of whoever left ends, each addon
// hears of exactly one end of it, others' flows are whole, nothing hangs, and nothing is left over in the proxy or its cells.
import { connect, type Socket } from "node:net";
import test, { type ExecutionContext } from "ava";
import { setTimeout as sleep } from "node:timers/promises";
import { createAddonHost, type AddonHost } from "../../host/addons/addon-host.ts";
import { bundleGuest, bundleRuntime } from "../../host/addons/own-code.ts";
import type { CellPool } from "../../host/cells/cell.ts";
import { makeCellPool } from "../../host/cells/pool.ts";
import { makeLog, type LogRecord } from "../../host/log.ts";
import { defaultLimits } from "../../sandbox-api/schema/limits.ts";
import { rawClient } from "../helpers/client.ts";
import { writeAddon } from "../helpers/flowcell.ts";
import { answering, rawOrigin } from "../helpers/origin.ts";
import { startProxy, type TestProxy } from "../helpers/proxy.ts";
import { descriptorCount, until } from "./leftovers.ts";

const waiting = `
const pause = () => new Promise((resolve) => setTimeout(resolve, 4));
export async function requestheaders() { await pause(); } export async function request() { await pause(); } export async function serverconnect() { await pause(); }
export async function responseheaders() { await pause(); }
export async function response(flow: any) { await pause(); flow.response.headers.set("x-ended", "response"); console.log("ended " + flow.request.path); }
export async function error(flow: any) { console.log("ended " + flow.request.path); }
`;

const shared: { pool?: CellPool; path?: string } = {};
test.before(async () => {
  shared.pool = makeCellPool({ guestBundle: await bundleGuest(), entry: await bundleRuntime(), standby: 1, cellMemoryMiB: 512, unresponsiveMs: 200, jail: "off", jitless: false });
  shared.path = await writeAddon(waiting, {}, "waiting.ts");
});
test.after.always(() => shared.pool?.close());

interface Stage { readonly proxy: TestProxy; readonly addons: AddonHost; readonly records: readonly LogRecord[] }

async function stage(t: ExecutionContext): Promise<Stage> {
  const records: LogRecord[] = [];
  const { pool, path = "" } = shared;
  if (pool === undefined) throw new Error("no cells");
  const addons = createAddonHost({ log: makeLog((record) => void records.push(record)), pool, limits: { ...defaultLimits, cpuMs: 1_000, logLinesPerSecond: 100_000 }, failure: "open", cells: "shared", options: new Map(), watch: false });
  t.teardown(() => addons.close());
  t.deepEqual(await addons.loadAll([path]), []);
  return { addons, records, proxy: await startProxy(t, { gate: addons.gate }) };
}

const answer = "HTTP/1.1 200 OK\r\nX-Head: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n";
const message = (port: number, path: string): string => `POST http://127.0.0.1:${port}${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 11\r\n\r\nhello world`;

/** A flow of somebody else, whole from end to end. */
async function bystander(t: ExecutionContext, { proxy: { port } }: Stage, place: string): Promise<void> {
  const server = await rawOrigin(answering(answer));
  const client = await rawClient(port);
  try {
    client.send(message(server.port, `/bystander/${place}`));
    const text = await client.until(/\r\n0\r\nX-Trailer: 1\r\n\r\n$/, 20_000);
    t.regex(text, /^HTTP\/1\.1 200 OK\r\nX-Head: 1\r\n/, place);
    t.regex(text, /x-ended: response/);
    t.is(text.slice(text.indexOf("\r\n\r\n") + 4), "b\r\nhello world\r\n0\r\nX-Trailer: 1\r\n\r\n", place);
  } finally {
    client.close();
    server.close();
  }
}

async function settle(t: ExecutionContext, { proxy: { proxy }, addons, records }: Stage, paths: readonly string[]): Promise<void> {
  t.not(await until(() => proxy.connectionCount === 0, 15_000), null, `${proxy.connectionCount} client connections never ended`);
  const ends = (path: string): number => records.filter(({ msg }) => msg === `ended ${path}`).length;
  await until(() => paths.every((path) => ends(path) > 0), 5_000);
  t.deepEqual(paths.filter((path) => ends(path) !== 1).map((path) => `${path}: ${ends(path)} ends`), []);
  t.deepEqual(records.filter(({ fields }) => "fault" in fields).map(({ msg }) => msg), []);
  t.is(addons.addons()[0]?.restarts, 0);
}

// One after the other: each counts the descriptors of this process.
test.serial("servers that reset after every part of their answer", async (t) => {
  t.timeout(100_000);
  const place = await stage(t);
  const before = descriptorCount();
  const paths: string[] = [];
  for (let cut = 0; cut < answer.length; cut += 6) {
    for (const how of ["reset", "close"] as const) {
      const path = `/${how}/${cut}`;
      const leave = (socket: Socket): void => void (how === "reset" ? socket.resetAndDestroy() : socket.destroy());
      const server = await rawOrigin((socket) => { socket.once("data", () => { if (cut === 0) leave(socket); else socket.write(answer.slice(0, cut), () => leave(socket)); }); });
      const client = await rawClient(place.proxy.port);
      client.send(message(server.port, path).replace("Content-Length", "Connection: close\r\nContent-Length"));
      const others = bystander(t, place, path);
      const text = await client.untilEnd(20_000).catch(() => client.text);
      // Either nothing of the answer and our own page, or a body that says by its framing that it is not whole.
      t.true(/^HTTP\/1\.1 502 /.test(text) || (text.startsWith("HTTP/1.1 200") && !/\r\n0\r\n/.test(text)) || text === "", `${path}: ${JSON.stringify(text)}`);
      await others;
      client.close();
      server.close();
      paths.push(path);
    }
  }
  await settle(t, place, paths);
  // A standby cell may have been made meanwhile.
  t.not(await until(() => (descriptorCount() ?? 0) <= (before ?? 0) + 5, 5_000), null, `${before} descriptors before, ${descriptorCount()} after`);
});

test.serial("clients that leave after every part of their request, and while each event waits", async (t) => {
  t.timeout(100_000);
  const place = await stage(t);
  const before = descriptorCount();
  const server = await rawOrigin(answering(answer));
  const paths: string[] = [];
  const leaveAfter = async (text: string, path: string, delayMs: number): Promise<void> => {
    const socket = connect({ host: "127.0.0.1", port: place.proxy.port });
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    socket.on("error", () => undefined); // Its own reset comes back.
    const others = bystander(t, place, path);
    socket.write(text);
    await sleep(delayMs);
    socket.resetAndDestroy();
    await others;
  };
  const whole = message(server.port, "/cut");
  const bodyStart = whole.indexOf("\r\n\r\n") + 4;
  for (let cut = 0; cut <= whole.length; cut += 7) {
    const path = `/cut-${cut}`;
    await leaveAfter(message(server.port, path).slice(0, cut === 0 ? 0 : cut + path.length - 4), path, 15);
    // Before its head is whole a request is none, and no addon hears of it.
    if (cut >= bodyStart) paths.push(path);
  }
  for (const delayMs of [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 25, 30]) await leaveAfter(message(server.port, `/late-${delayMs}`), `/late-${delayMs}`, delayMs);
  server.close();
  await settle(t, place, paths.filter((path) => path !== "/cut-0"));
  // A standby cell may have been made meanwhile.
  t.not(await until(() => (descriptorCount() ?? 0) <= (before ?? 0) + 5, 5_000), null, `${before} descriptors before, ${descriptorCount()} after`);
});
