// Where attacks are fought: a real proxy with real cells on loopback, an innocent addon, and one hostile addon at a time that sees only the
// flows to `localhost`, while innocent flows go to 127.0.0.1. It measures what each side felt; it judges nothing (attack.test.ts does).
import { createServer, request as httpRequest, type Server } from "node:http";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createAddonHost, type AddonHost } from "../../host/addons/addon-host.ts";
import { bundleGuest, bundleRuntime } from "../../host/addons/own-code.ts";
import type { CellPool } from "../../host/cells/cell.ts";
import { makeCellPool } from "../../host/cells/pool.ts";
import { createProxy } from "../../host/layers/proxy.ts";
import { makeLog, type LogRecord } from "../../host/log.ts";
import { openAuthority } from "../../host/tls/authority.ts";
import { createLeafCache, type LeafCache } from "../../host/tls/leaf-cache.ts";
import type { UpstreamTrust } from "../../host/tls/policy.ts";
import { openUpstreamTrust } from "../../host/tls/trust.ts";
import { defaultLimits, type Limits } from "../../sandbox-api/schema/limits.ts";
import { temporaryFolder, writeAddon } from "../helpers/flowcell.ts";
import type { AttackCase } from "./attack-case.ts";

export const attackLimits: Limits = { ...defaultLimits, wallMs: 1_000, cellMemoryMiB: 400 };

const manifest = `
export const manifest = { name: "hostile", version: "1.0.0", description: "an attack", hosts: ["localhost"], permissions: {
  read: ["request", "request.body", "response", "response.body", "connection", "tcp"], write: ["request", "request.body", "response", "response.body", "tcp"],
  act: ["respond", "redirect", "kill", "intercept", "layer"], headers: ["authorization", "cookie", "set-cookie"],
} };
`;
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

export interface Answer { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string; readonly ms: number }

export interface Fight {
  /** The hostile addon was loaded. */
  readonly isLoaded: boolean;
  readonly attacked: readonly Answer[];
  readonly innocent: readonly Answer[];
  readonly records: readonly LogRecord[];
  /** Fault codes reported of the hostile addon, and of the innocent one. */
  readonly faults: readonly string[];
  readonly innocentFaults: readonly string[];
  /** Longest pause of the host's event loop, ms. */
  readonly pauseMs: number;
}

const echo = (body: string): string => `echo:${body}`;

export class Arena {
  readonly #pool: CellPool;
  readonly #leafCache: LeafCache;
  readonly #trust: UpstreamTrust;
  readonly #origin: Server;
  readonly #innocentPath: string;

  private constructor(parts: { pool: CellPool; leafCache: LeafCache; trust: UpstreamTrust; origin: Server; innocentPath: string }) {
    this.#pool = parts.pool;
    this.#leafCache = parts.leafCache;
    this.#trust = parts.trust;
    this.#origin = parts.origin;
    this.#innocentPath = parts.innocentPath;
  }

  static async open(): Promise<Arena> {
    const origin = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => response.end(echo(Buffer.concat(chunks).toString())));
    });
    await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
    const pool = makeCellPool({
      guestBundle: await bundleGuest(), entry: await bundleRuntime(), standby: 2, cellMemoryMiB: attackLimits.cellMemoryMiB, unresponsiveMs: attackLimits.unresponsiveMs, jail: "off", jitless: false,
    });
    const authority = await openAuthority(await temporaryFolder("attack-ca"));
    return new Arena({
      pool, origin, leafCache: createLeafCache(authority), trust: await openUpstreamTrust({ sslInsecure: false }), innocentPath: await writeAddon(innocent, {}, "innocent.ts"),
    });
  }

  async close(): Promise<void> {
    await this.#pool.close();
    this.#origin.close();
    this.#origin.closeAllConnections();
  }

  async fight(attack: AttackCase, cells: "shared" | "per-addon" = "shared"): Promise<Fight> {
    const records: LogRecord[] = [];
    const listening: { addons: AddonHost | null } = { addons: null };
    const log = makeLog((record) => { records.push(record); listening.addons?.tellLog(record); });
    const addons = createAddonHost({ log, pool: this.#pool, limits: attackLimits, failure: "open", cells, options: new Map(), watch: false });
    listening.addons = addons;
    const path = await writeAddon(`${attack.source}${manifest}`, attack.files ?? {}, "hostile.ts");
    const problems = await addons.loadAll([this.#innocentPath, path]);
    const proxy = createProxy({ gate: addons.gate, log, leafCache: this.#leafCache, trust: this.#trust, bodyBytes: attackLimits.bodyBytes });
    try {
      const { port } = await proxy.listen({ host: "127.0.0.1", port: 0, mode: "regular" });
      const fought = await this.#exchange(port);
      const faultsOf = (addon: string): string[] => records.filter((record) => record.fields["addon"] === addon).map((record) => String(record.fields["fault"] ?? "")).filter((code) => code !== "");
      return { isLoaded: problems.length === 0, records, faults: faultsOf("hostile"), innocentFaults: faultsOf("innocent"), ...fought };
    } finally {
      await proxy.close(0);
      await addons.close();
    }
  }

  async #exchange(port: number): Promise<Pick<Fight, "attacked" | "innocent" | "pauseMs">> {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const attacked: Answer[] = [];
    const innocents: Answer[] = [];
    let isOver = false;
    const bystanders = (async () => {
      for (let i = 0; i < 400 && !(isOver && i >= 6); i += 1) {
        innocents.push(await this.#request(port, "127.0.0.1", `innocent ${i}`));
        await new Promise((resolve) => setTimeout(resolve, 15));
      }
    })();
    for (let i = 0; i < 2; i += 1) attacked.push(await this.#request(port, "localhost", `attacked ${i}`));
    // Timers and rejections that an attack left behind get a moment to strike.
    await new Promise((resolve) => setTimeout(resolve, 60));
    isOver = true;
    await bystanders;
    delay.disable();
    return { attacked, innocent: innocents, pauseMs: delay.max / 1e6 };
  }

  #request(port: number, host: string, body: string): Promise<Answer> {
    const began = performance.now();
    const address = this.#origin.address();
    const originPort = address !== null && typeof address === "object" ? address.port : 0;
    return new Promise((resolve, reject) => {
      const request = httpRequest({
        host: "127.0.0.1", port, method: "POST", path: `http://${host}:${originPort}/`, agent: false, timeout: 20_000,
        headers: { host: `${host}:${originPort}`, "content-type": "text/plain", "content-length": Buffer.byteLength(body) },
      }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => resolve({
          status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), ms: performance.now() - began,
          headers: Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)])),
        }));
      });
      request.on("timeout", () => request.destroy(new Error(`no answer within 20 s from ${host}`)));
      request.on("error", reject);
      request.end(body);
    });
  }
}
