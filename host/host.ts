// The composition root: builds the proxy out of its parts from one configuration, starts it and stops it in the right order. The only
// place that knows all of them; it holds no logic of its own beyond that order.
import { existsSync } from "node:fs";
import path from "node:path";
import type { LogRecord } from "./log.ts";
import { makeLog, type Log } from "./log.ts";
import type { Config } from "./config.ts";
import { OperatorError } from "./operator-error.ts";
import { openProxyAuth } from "./access/proxy-auth.ts";
import { createAddonHost, type AddonHost, type AddonState } from "./addons/addon-host.ts";
import { addonNames } from "./addons/addon-names.ts";
import { GrantProblem, readGrants, type GrantRules } from "./addons/grant-rules.ts";
import { AddonLock } from "./addons/lock.ts";
import { environmentLayer, type GivenLayer } from "./addons/options.ts";
import { readOptionsFile } from "./addons/options-file.ts";
import { bundleGuest, bundleRuntime } from "./addons/own-code.ts";
import type { CellEntry } from "./cells/binary.ts";
import type { CellPool } from "./cells/cell.ts";
import { makeCellPool } from "./cells/pool.ts";
import { playFiles } from "./flows/saved/play-files.ts";
import { openSaving, type Saving } from "./flows/saved/saving.ts";
import { createKeySource } from "./net/keys.ts";
import { OwnAddresses } from "./net/own-addresses.ts";
import { ownVersion } from "./own-version.ts";
import { boundedLookup } from "./services/bounded-lookup.ts";
import type { FetchNetwork } from "./services/fetch.ts";
import { StorageFile } from "./services/storage-file.ts";
import { createProxy, type Proxy } from "./layers/proxy.ts";
import { openAuthority, type Authority } from "./tls/authority.ts";
import { createLeafCache } from "./tls/leaf-cache.ts";
import { openOwnCertificate, openOwnCertificates } from "./tls/own-certificates.ts";
import { minimumTlsVersion } from "./tls/policy.ts";
import { onboardingSite } from "./tls/onboarding-site.ts";
import type { UpstreamTrust } from "./tls/policy.ts";
import { openUpstreamTrust } from "./tls/trust.ts";

export const drainMs = 5_000;
const warmCells = 2;
/** After the start, in which nothing is done that can wait. */
const warmMs = 500;

export interface OpenListener { readonly mode: string; readonly host: string; readonly port: number }

export interface Flowcell {
  readonly listeners: readonly OpenListener[];
  readonly authority: Authority;
  addons(): readonly AddonState[];
  /** Changes an option of addons while they run, as AddonHost.setOption does. */
  setOption: AddonHost["setOption"];
  /** Drains connections (at most `drainMs`), runs every addon's `done`, ends all processes. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts everything. Rejects with an operator error (CA, port, addon path, jail) after having stopped what had started already.
 * `print` gets every log record, in order.
 */
export async function startFlowcell(config: Config, print: (record: LogRecord) => void): Promise<Flowcell> {
  checkAddonPaths(config.addons);
  const grants = readGrantRules(config);
  const owners: (() => Promise<void>)[] = [];
  const stopAll = async (): Promise<void> => { for (const stop of owners.splice(0).reverse()) await stop(); };
  try {
    const started = await assemble(config, await open(config, grants, print, owners), owners);
    let stopping: Promise<void> | null = null;
    return { ...started, stop: () => (stopping ??= stopAll()) };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

/**
 * Runs the addons over saved flows instead of traffic, saves what comes of it where the configuration says so, and gives the exit code.
 * Rejects with an operator error when a file cannot be read or written at all. `stopped`: goes no further.
 */
export async function playRecorded(config: Config, print: (record: LogRecord) => void, stopped: Promise<unknown>): Promise<number> {
  checkAddonPaths(config.addons);
  const grants = readGrantRules(config);
  const owners: (() => Promise<void>)[] = [];
  try {
    const { addons, saving, log } = await open(config, grants, print, owners);
    await playFiles(config.recorded.read, { gate: saving?.around(addons.gate) ?? addons.gate, keys: createKeySource(), log, stopped, afterEach: () => saving?.flush() });
    return 0;
  } finally {
    for (const stop of owners.splice(0).reverse()) await stop();
  }
}

interface Parts {
  readonly log: Log;
  /** Null: nothing is saved. */
  readonly saving: Saving | null;
  readonly authority: Authority;
  readonly trust: UpstreamTrust;
  readonly own: OwnAddresses;
  readonly addons: AddonHost;
}

/** Everything but what listens: addons, and what they and the traffic stand on. */
async function open(config: Config, grants: GrantRules, print: (record: LogRecord) => void, owners: (() => Promise<void>)[]): Promise<Parts> {
  const listening: { addons: AddonHost | null } = { addons: null };
  const log = makeLog((record) => { print(record); listening.addons?.tellLog(record); });
  // Closed after everything that makes flows.
  const saving = await openSaving({ ...config.recorded, keepBytes: config.limits.bodyBytes, version: ownVersion() }, log);
  if (saving !== null) owners.push(() => saving.close());
  const [guestBundle, entry] = await Promise.all([bundleGuest(), bundleRuntime()]);
  // Cells boot while the rest is opened.
  const pool = makePool(config, guestBundle, entry, log);
  owners.push(() => pool.close());
  const [authority, trust] = await Promise.all([
    openAuthority(config.confdir),
    openUpstreamTrust({ sslInsecure: config.sslInsecure, ...(config.upstreamCa === null ? {} : { upstreamCaFile: config.upstreamCa }), ...(config.clientCerts === null ? {} : { clientCertsPath: config.clientCerts }) }),
  ]);
  for (const warning of authority.warnings) log.warn(warning, { event: "ca" });
  const own = new OwnAddresses();
  const storage = new StorageFile({ path: path.join(config.confdir, "storage.sqlite"), log });
  owners.push(() => Promise.resolve(storage.close()));
  const network: FetchNetwork = {
    resolve: boundedLookup(), isOwn: (address, port) => own.includes(address, port),
    tls: { get secureContext() { return trust.secureContext; }, rejectUnauthorized: trust.isVerified, minVersion: minimumTlsVersion },
  };
  const lock = new AddonLock(config.confdir);
  await lock.entries(); // A file that cannot be read is for the operator to mend before anything runs.
  const addons = createAddonHost({
    log, pool, limits: config.limits, failure: config.onFailure, cells: config.cells, watch: true,
    options: config.options, environmentOptions: environmentLayer(config.environmentOptions), optionsFile: { ...config.optionsFile, options: await readOptions(config) },
    grants, lock, services: { storage, network },
  });
  owners.push(() => addons.close());
  listening.addons = addons;
  await loadAddons(addons, config);
  checkOptions(addons, log);
  return { log, saving, authority, trust, own, addons };
}

async function assemble(config: Config, parts: Parts, owners: (() => Promise<void>)[]): Promise<Omit<Flowcell, "stop">> {
  const { log, saving, authority, trust, own, addons } = parts;
  const listenerCertificate = config.listenerCert === null ? null : await openOwnCertificate(config.listenerCert, "--cert");
  const proxyAuth = config.proxyAuth === null ? null : await openProxyAuth(config.proxyAuth);
  if (proxyAuth !== null) owners.push(() => proxyAuth.close());
  const proxy = createProxy({
    proxyAuth, listenerCertificate, keepHostHeader: config.keepHostHeader, upstreamAuth: config.upstreamAuth,
    onboarding: config.recorded.onboarding === null ? null : { host: config.recorded.onboarding, pages: onboardingSite(authority) },
    gate: saving?.around(addons.gate) ?? addons.gate, keepPassedBytes: saving === null ? null : config.limits.bodyBytes, log, own, leafCache: await openOwnCertificates(config.certs, createLeafCache(authority)), trust, bodyBytes: config.limits.bodyBytes,
    webSocketMessageBytes: config.limits.websocketMessageBytes,
    http2: config.http2, ignoreHosts: config.ignoreHosts, tcpHosts: config.tcpHosts, ...(config.allowHosts.length === 0 ? {} : { allowHosts: config.allowHosts }),
  });
  owners.push(() => proxy.close(drainMs));
  addons.useReplay((flow, signal) => proxy.replay(flow, signal));
  const listeners = await openListeners(proxy, config);
  // The first TLS connection should not wait for the roots either.
  const warming = setTimeout(() => void trust.secureContext, warmMs);
  owners.push(() => Promise.resolve(clearTimeout(warming)));
  return { listeners, authority, addons: () => addons.addons(), setOption: (name, value) => addons.setOption(name, value) };
}

function makePool(config: Config, guestBundle: Buffer, entry: CellEntry, log: Log): CellPool {
  return makeCellPool({
    guestBundle, entry, standby: warmCells, cellMemoryMiB: config.limits.cellMemoryMiB, unresponsiveMs: config.limits.unresponsiveMs,
    jail: config.jail, jitless: config.jitless, note: (sentence: string) => log.info(sentence, { event: "cells" }),
  });
}

function readGrantRules(config: Config): GrantRules {
  const rules = readGrants(config.grants, addonNames(config.addons));
  if (rules instanceof GrantProblem) throw new OperatorError("ERR_USAGE", `--grant ${rules.message}`);
  return rules;
}

function checkAddonPaths(paths: readonly string[]): void {
  for (const path of paths) {
    if (!existsSync(path)) throw new OperatorError("ERR_ADDON_NOT_FOUND", `there is no addon at ${path}; give the path of a .ts or .js file, or of a folder with an index.ts`);
  }
}

/** With `--on-failure closed` a proxy without one of its addons would let pass what that addon was there to stop: it does not start. */
async function loadAddons(addons: AddonHost, config: Config): Promise<void> {
  const problems = await addons.loadAll(config.addons);
  const [first] = problems;
  if (first !== undefined && config.onFailure === "closed") {
    throw new OperatorError("ERR_ADDON_NOT_LOADED", `with --on-failure closed every addon must load, and "${first.addon}" did not: see the error above`);
  }
}

async function readOptions({ optionsFile: { path: file, isRequired } }: Config): Promise<GivenLayer> {
  const read = await readOptionsFile(file, isRequired);
  if (read.kind === "problem") throw new OperatorError("ERR_USAGE", read.message);
  return read.options;
}

/** An option that nobody has is a slip of the pen, and the proxy would not do what was meant. */
function checkOptions(addons: AddonHost, log: Log): void {
  const { problems: [first], warnings } = addons.unknownOptions();
  if (first !== undefined) throw new OperatorError("ERR_USAGE", first);
  for (const warning of warnings) log.warn(warning, { event: "options" });
}

async function openListeners(proxy: Proxy, config: Config): Promise<readonly OpenListener[]> {
  const open: OpenListener[] = [];
  for (const listener of config.listeners) open.push({ mode: listener.mode, ...(await proxy.listen(listener)) });
  return open;
}
