// `flowcell inspect` and `flowcell approve`: load an addon into a throw-away isolate and say what it asks for and what could leave
// through it, for recorded traffic if there is some; or record that the operator agrees. Neither runs a handler.
import { existsSync } from "node:fs";
import path from "node:path";
import type { Writable } from "node:stream";
import { isEventName } from "../sandbox-api/schema/events.ts";
import { everythingOnTheFlow } from "../sandbox-api/schema/permissions.ts";
import { addonNames } from "./addons/addon-names.ts";
import { readAddon, type ReadAddon } from "./addons/check.ts";
import { resolveGrants } from "./addons/grants.ts";
import { handlerWords, inspectAsks, type Inspection } from "./addons/inspect.ts";
import { inspectTraffic, type SeenOfHost, type TrafficReport } from "./addons/inspect-traffic.ts";
import { AddonLock, asksOf, beyond } from "./addons/lock.ts";
import { bundleGuest, bundleRuntime } from "./addons/own-code.ts";
import { makeCellPool } from "./cells/pool.ts";
import type { Config } from "./config.ts";
import { readFlows } from "./flows/saved/read-flows.ts";
import { printable } from "./log-format.ts";
import { makeLog } from "./log.ts";
import { OperatorError } from "./operator-error.ts";

/** Says what the addon could do; `har` null: no traffic. Gives the exit code: 1 when it cannot be read. */
export async function runInspect(addon: string, har: string | null, config: Config, output: Writable): Promise<number> {
  const read = await readOne(addon, config);
  if (read.kind === "problem") {
    output.write(config.logFormat === "json" ? `${JSON.stringify({ addon, ...read })}\n` : `✗ ${addon}\n${indented([read.message])}`);
    return 1;
  }
  const inspection = inspectAsks(read.manifest);
  const traffic = har === null ? null : await inspectFile(har, read, config);
  output.write(config.logFormat === "json" ? `${JSON.stringify(asJson(addon, read, inspection, traffic))}\n` : pretty(addon, read, inspection, traffic));
  return traffic?.kind === "problem" ? 1 : 0;
}

/** Records what the addon asks for now as agreed to. Gives the exit code. */
export async function runApprove(addon: string, config: Config, output: Writable): Promise<number> {
  const read = await readOne(addon, config);
  if (read.kind === "problem") {
    output.write(`✗ ${addon}\n${indented([read.message])}`);
    return 1;
  }
  const full = path.resolve(addon);
  const lock = new AddonLock(config.confdir);
  const known = (await lock.entries()).get(full);
  await lock.approve({ path: full, name: addonNames([addon])[0] ?? addon, hash: read.bundle.hash, manifest: read.manifest });
  const news = read.manifest === null ? ["it has no manifest: it is no longer recorded, and gets everything on the flow"]
    : known === undefined ? inspectAsks(read.manifest).asks : beyond(known.asks, asksOf(read.manifest));
  output.write(config.logFormat === "json" ? `${JSON.stringify({ addon, path: full, hash: read.bundle.hash, approved: news })}\n`
    : `✓ ${addon} is approved (${lock.file})\n${indented(news.length === 0 ? ["nothing beyond what was approved before"] : news)}`);
  return 0;
}

async function readOne(addon: string, config: Config): ReturnType<typeof readAddon> {
  if (!existsSync(addon)) throw new OperatorError("ERR_ADDON_NOT_FOUND", `there is no addon at ${addon}; give the path of a .ts or .js file, or of a folder with an index.ts`);
  const pool = makeCellPool({
    guestBundle: await bundleGuest(), entry: await bundleRuntime(), standby: 1, cellMemoryMiB: config.limits.cellMemoryMiB, unresponsiveMs: config.limits.unresponsiveMs,
    jail: config.jail, jitless: config.jitless,
  });
  try {
    return await readAddon(addon, { pool, limits: config.limits, log: makeLog(() => {}) });
  } finally {
    await pool.close();
  }
}

async function inspectFile(file: string, { manifest }: ReadAddon, { limits }: Config): Promise<TrafficReport> {
  let skipped = 0;
  const flows = readFlows(file, () => { skipped++; });
  return inspectTraffic(flows, resolveGrants(manifest, { permissions: everythingOnTheFlow, limits, failure: "open" }), () => skipped);
}

function asJson(addon: string, { bundle, loaded, manifest }: ReadAddon, inspection: Inspection, traffic: TrafficReport | null): object {
  return {
    addon, kind: "ok", hash: bundle.hash, handlers: loaded.handlers.filter(isEventName), name: manifest?.name ?? null, version: manifest?.version ?? null, description: manifest?.description ?? null,
    manifest: manifest === null ? null : asksOf(manifest), ...inspection, ...(traffic !== null && { seen: traffic }),
  };
}

function pretty(addon: string, { bundle, loaded, manifest }: ReadAddon, { asks, traffic, warnings }: Inspection, report: TrafficReport | null): string {
  const title = manifest?.name == null ? "" : ` (${manifest.name}${manifest.version === null ? "" : ` ${manifest.version}`}${manifest.description === null ? "" : `: ${manifest.description}`})`;
  const sections = [
    `${addon}${printable(title)}`, indented([`bundle   sha256 ${bundle.hash}`, `handles  ${handlerWords(loaded.handlers.filter(isEventName), (manifest?.edits.length ?? 0) > 0)}`, `traffic  ${traffic}`]),
    "It asks to", indented(asks.length === 0 ? ["nothing: it sees no traffic"] : asks), "What could come of it", indented(warnings.length === 0 ? ["it can read nothing that is worth taking, or has no way to pass it on"] : warnings.map((warning) => `! ${warning}`)),
  ];
  if (report !== null) sections.push("Of the recorded traffic it would have seen", indented(report.kind === "problem" ? [`✗ ${report.message}`] : trafficLines(report.hosts, report.skipped)));
  return `${sections.map((section) => (section.endsWith("\n") ? section : `${section}\n`)).join("")}`;
}

function trafficLines(hosts: readonly SeenOfHost[], skipped: number): readonly string[] {
  const lines: string[] = [];
  const seen = hosts.filter(({ flows }) => flows > 0);
  for (const host of seen) {
    const parts = [`${host.requests} requests`, `${host.queries} with a query`, `${host.requestBodies} request bodies`, `${host.responses} responses`, `${host.responseBodies} response bodies`].filter((part) => !part.startsWith("0 "));
    lines.push(`${host.host}: ${host.flows} of ${host.ofFlows} flows${parts.length === 0 ? "" : `, ${parts.join(", ")}`}`);
    for (const [words, counts] of [["sees", host.seenHeaders], ["sees, and they look like secrets:", host.suspectHeaders], ["withheld:", host.withheldHeaders]] as const) {
      const names = Object.entries(counts).map(([name, count]) => `${name} (${count})`);
      if (names.length > 0) lines.push(`    ${words} ${names.join(", ")}`);
    }
  }
  const others = hosts.length - seen.length;
  if (others > 0) lines.push(`nothing of ${others} other ${others === 1 ? "host" : "hosts"}`);
  if (skipped > 0) lines.push(`${skipped} entries are no HTTP exchange and were not looked at`);
  return lines.length === 0 ? ["nothing: there is no exchange in it"] : lines;
}

function indented(lines: readonly string[]): string {
  return lines.flatMap((line) => line.split("\n")).map((line) => `  ${printable(line)}\n`).join("");
}
