// Where attacks are fought: a real proxy with real cells on loopback, an innocent addon, and one hostile addon at a time that sees only the
// flows to `localhost`, while innocent flows go to 127.0.0.1. It measures what each side felt; it judges nothing (verdict.ts does).
import { symlink } from "node:fs/promises";
import { createServer, request as httpRequest } from "node:http";
import { dirname, join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createAddonHost, type AddonHost } from "../../host/addons/addon-host.ts";
import { bundleGuest, bundleRuntime } from "../../host/addons/own-code.ts";
import type { CellEntry } from "../../host/cells/binary.ts";
import type { CellPool } from "../../host/cells/cell.ts";
import type { JailMode } from "../../host/cells/jail.ts";
import type { CellsOption } from "../../host/cells/placement.ts";
import { makeCellPool } from "../../host/cells/pool.ts";
import { createProxy } from "../../host/layers/proxy.ts";
import { makeLog, type LogRecord } from "../../host/log.ts";
import { openAuthority } from "../../host/tls/authority.ts";
import { createLeafCache, type LeafCache } from "../../host/tls/leaf-cache.ts";
import type { UpstreamTrust } from "../../host/tls/policy.ts";
import { openUpstreamTrust } from "../../host/tls/trust.ts";
import { defaultLimits, type Limits } from "../../sandbox-api/schema/limits.ts";
import { writeAddon } from "../helpers/flowcell.ts";
import type { AttackCase } from "./attack-case.ts";
import { bundleLyingRuntime, findNode } from "./cell-parts.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

export const attackLimits: Limits = { ...defaultLimits, wallMs: 1_000, cellMemoryMiB: 400 };

const everything = `{
  read: ["request", "request.body", "response", "response.body", "connection", "tcp"], write: ["request", "request.body", "response", "response.body", "tcp"],
  act: ["respond", "redirect", "kill", "intercept", "layer"], headers: ["authorization", "cookie", "set-cookie"],
}`;
const manifest = ({ permissions = everything }: AttackCase): string =>
  `\nexport const manifest = { name: "hostile", version: "1.0.0", description: "an attack", hosts: ["localhost"], permissions: ${permissions} };\n`;
const innocent = `
(globalThis as any).innocentSecret = 1;
let hasSpoken = false;
export function request(flow: any) {
  flow.metadata.secret = 1;
  if (!hasSpoken) console.log("the innocent one is at work");
  hasSpoken = true;
}
export function response(flow: any) { flow.response.headers.set("x-innocent", "was here"); }
`;

export interface Answer { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string; readonly ms: number; readonly isIntact: boolean }

export interface Fight {
  /** The hostile addon was loaded. */
  readonly isLoaded: boolean;
  readonly attacked: readonly Answer[];
  readonly innocent: readonly Answer[];
  readonly records: readonly LogRecord[];
  /** Fault codes reported of the hostile addon, and of the innocent one. */
  readonly faults: readonly string[];
  readonly innocentFaults: readonly string[];
  /** From the beginning of the attacked exchange to the first fault reported, ms; null: none was. */
  readonly stoppedAfterMs: number | null;
  /** The origin saw a request that nobody sent, or one with a part that only smuggling could have brought there. */
  readonly smuggled: string | null;
  /** Longest pause of the host's event loop, ms. */
  readonly pauseMs: number;
}

export interface ArenaOptions {
  /** Node for the cells; this process's own when left out. */
  readonly node?: string;
  readonly jail?: JailMode;
  /** What walls are missing on this machine. */
  readonly note?: (sentence: string) => void;
}

const echo = (body: string): string => `echo:${body}`;
/** Some kilobytes that differ at every place, so that a lost, doubled or moved byte shows. */
const innocentBody = (turn: number): string => `innocent ${turn} ${Array.from({ length: 500 }, (_, index) => ((index * 7_919 + turn * 104_729) % 1_000_003).toString(36)).join(".")}`;

interface Parts { readonly options: ArenaOptions; readonly guest: Buffer; readonly leafCache: LeafCache; readonly trust: UpstreamTrust; readonly innocentPath: string }

export class Arena {
  readonly #parts: Parts;
  readonly #pools = new Map<string, Promise<CellPool>>();

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  static async open(options: ArenaOptions = {}): Promise<Arena> {
    const authority = await openAuthority(temporaryFolder("attack-ca"));
    return new Arena({
      options, guest: await bundleGuest(), leafCache: createLeafCache(authority), trust: await openUpstreamTrust({ sslInsecure: false }),
      innocentPath: await writeAddon(innocent, {}, "innocent.ts"),
    });
  }

  async close(): Promise<void> {
    for (const pool of this.#pools.values()) await (await pool).close();
  }

  async fight(attack: AttackCase, cells: CellsOption = "shared"): Promise<Fight> {
    const pool = await this.#pool(attack.isCellTaken === true);
    const origin = await openOrigin();
    const records: LogRecord[] = [];
    const listening: { addons: AddonHost | null } = { addons: null };
    const log = makeLog((record) => { records.push(record); listening.addons?.tellLog(record); });
    const addons = createAddonHost({ log, pool, limits: attackLimits, failure: "open", cells, options: new Map(), watch: false });
    listening.addons = addons;
    const path = await writeHostile(attack);
    const problems = await addons.loadAll([this.#parts.innocentPath, path]);
    const proxy = createProxy({ gate: addons.gate, log, leafCache: this.#parts.leafCache, trust: this.#parts.trust, bodyBytes: attackLimits.bodyBytes });
    try {
      const { port } = await proxy.listen({ host: "127.0.0.1", port: 0, mode: "regular" });
      const begun = Date.now();
      const fought = await exchange(port, origin.port);
      const faultsOf = (addon: string): string[] => records.filter((record) => isFaultOf(record, addon)).map(({ fields }) => String(fields["fault"]));
      const first = records.find((record) => isFaultOf(record, "hostile"));
      return {
        isLoaded: problems.length === 0, records, faults: faultsOf("hostile"), innocentFaults: faultsOf("innocent"), ...fought,
        stoppedAfterMs: first === undefined ? null : Math.max(0, first.time - begun), smuggled: smuggled(origin.seen, fought.attacked.length + fought.innocent.length),
      };
    } finally {
      await proxy.close(0);
      await addons.close();
      origin.close();
    }
  }

  /** Cells of honest runtimes, or of those that their guests have taken over. */
  #pool(isTaken: boolean): Promise<CellPool> {
    const name = isTaken ? "taken" : "honest";
    const known = this.#pools.get(name) ?? this.#makePool(isTaken ? bundleLyingRuntime() : bundleRuntime());
    this.#pools.set(name, known);
    return known;
  }

  async #makePool(bundling: Promise<CellEntry>): Promise<CellPool> {
    const { options: { node, jail = "off", note = () => undefined }, guest } = this.#parts;
    return makeCellPool({
      guestBundle: guest, entry: await bundling, standby: 2, cellMemoryMiB: attackLimits.cellMemoryMiB, unresponsiveMs: attackLimits.unresponsiveMs, jail, jitless: false, note,
      ...(node !== undefined && findNode(node)),
    });
  }
}

interface Origin { readonly port: number; readonly seen: readonly string[]; close(): void }

/** Echoes bodies and keeps the heads that it saw. */
async function openOrigin(): Promise<Origin> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    seen.push([`${request.method} ${request.url}`, ...request.rawHeaders].join("\n"));
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => response.setHeader("set-cookie", "session=origin-secret").end(echo(Buffer.concat(chunks).toString())));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    seen, port: address !== null && typeof address === "object" ? address.port : 0,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** In a call, or by the end of its cell while nothing was asked of it. Changes that came too late in a flow that the other addon has streamed are the order's fault. */
function isFaultOf({ msg, fields }: LogRecord, addon: string): boolean {
  if (typeof fields["fault"] !== "string" || (fields["addon"] !== addon && fields["guilty"] !== addon)) return false;
  return !(addon === "innocent" && fields["fault"] === "illegal-change" && msg.includes("the body was streamed"));
}

function smuggled(seen: readonly string[], sent: number): string | null {
  const strange = seen.find((request) => !/^POST \/\S*\n/.test(request) || request.split("\n").some((item, index, all) => (index % 2 === 1 ? item === "x-smuggled" : index > 0 && item.includes("smuggled") && /^(?:host|te|transfer-encoding|connection)$/i.test(all[index - 1] ?? ""))));
  if (strange !== undefined) return strange.slice(0, 300);
  return seen.length > sent ? `${seen.length} requests where ${sent} were sent` : null;
}

async function exchange(port: number, originPort: number): Promise<Pick<Fight, "attacked" | "innocent" | "pauseMs">> {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const attacked: Answer[] = [];
  const innocents: Answer[] = [];
  let isOver = false;
  const bystanders = (async () => {
    for (let i = 0; i < 400 && !(isOver && i >= 6); i += 1) {
      innocents.push(await request(port, originPort, "127.0.0.1", innocentBody(i)));
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  })();
  for (let i = 0; i < 2; i += 1) attacked.push(await request(port, originPort, "localhost", `attacked ${i}`));
  // Timers and rejections that an attack left behind get a moment to strike.
  await new Promise((resolve) => setTimeout(resolve, 60));
  isOver = true;
  await bystanders;
  delay.disable();
  return { attacked, innocent: innocents, pauseMs: delay.max / 1e6 };
}

function request(port: number, originPort: number, host: string, body: string): Promise<Answer> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const asked = httpRequest({
      host: "127.0.0.1", port, method: "POST", path: `http://${host}:${originPort}/`, agent: false, timeout: 20_000,
      headers: { host: `${host}:${originPort}`, "content-type": "text/plain", "content-length": Buffer.byteLength(body), cookie: "session=client-secret", authorization: "Bearer client-secret" },
    }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => resolve({
        status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), ms: performance.now() - began, isIntact: Buffer.concat(chunks).toString() === echo(body),
        headers: Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)])),
      }));
    });
    asked.on("timeout", () => asked.destroy(new Error(`no answer within 20 s from ${host}`)));
    asked.on("error", reject);
    asked.end(body);
  });
}

async function writeHostile(attack: AttackCase): Promise<string> {
  const path = await writeAddon(`${attack.source}${manifest(attack)}`, attack.files ?? {}, "hostile.ts");
  for (const [link, target] of Object.entries(attack.links ?? {})) await symlink(target, join(dirname(path), link));
  return path;
}
