// The composition root: builds the proxy out of its parts from one configuration, starts it and stops it in the right order. The only
// place that knows all of them; it holds no logic of its own beyond that order.
import { existsSync } from "node:fs";
import path from "node:path";
import type { LogRecord } from "./log.ts";
import { makeLog, type Log } from "./log.ts";
import type { Config, ListenerConfig } from "./config.ts";
import { OperatorError } from "./operator-error.ts";
import { openProxyAuth } from "./access/proxy-auth.ts";
import { createAddonHost, type AddonHost, type AddonState, type LoadProblem } from "./addons/addon-host.ts";
import { addonNames } from "./addons/addon-names.ts";
import { GrantProblem, readGrants, type GrantRules } from "./addons/grant-rules.ts";
import type { AddonNews } from "./addons/addon.ts";
import { AddonLock, type LockJudge } from "./addons/lock.ts";
import { environmentLayer, type GivenLayer, type UnknownOptions } from "./addons/options.ts";
import { readOptionsFile } from "./addons/options-file.ts";
import { startCells, type CellParts, type Cells } from "./cells-ahead.ts";
import { replayFiles, type ReplayCounts } from "./flows/saved/client-replay.ts";
import { checkSavedFile } from "./flows/saved/read-flows.ts";
import { openServerReplay } from "./flows/saved/server-replay.ts";
import { playFiles } from "./flows/saved/play-files.ts";
import { openSaving, type Saving } from "./flows/saved/saving.ts";
import { createKeySource, type KeySource } from "./net/keys.ts";
import { OwnAddresses } from "./net/own-addresses.ts";
import { ownVersion } from "./own-place.ts";
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
import { openKeyLog } from "./tls/key-log.ts";
import { openUpstreamTrust } from "./tls/trust.ts";

export const drainMs = 5_000;
/** For each of several workers; together they have as many as one alone, or more. */
const warmCellsOfWorker = 1;
/** Workers wait for each other's writes. In practice no addon waits so long, and none loses a write to another worker. */
const workersLockMs = 250;
/** After the start, in which nothing is done that can wait. */
const warmMs = 500;

export interface OpenListener { readonly mode: string; readonly host: string; readonly port: number }

export interface Flowcell {
  readonly listeners: readonly OpenListener[];
  readonly authority: Authority;
  addons(): readonly AddonState[];
  /** Changes an option of addons while they run, as AddonHost.setOption does. */
  setOption: AddonHost["setOption"];
  /** Ends an addon's suspension. False: there is no such addon. */
  resume(name: string): boolean;
  /** Drains connections (at most `drainMs`), runs every addon's `done`, ends all processes. Idempotent. */
  stop(): Promise<void>;
}

/** One that is a process by itself. */
export interface LoneFlowcell extends Flowcell {
  /** Sends the requests of the files that the configuration names (`--replay-client`), until `signal`. */
  replayRecorded(signal: AbortSignal): Promise<ReplayCounts>;
}

/** What a proxy that is one of several gets from the process that leads them, in place of its own. */
export interface Seat extends CellParts {
  readonly lock: LockJudge;
  /** As they are in force, in the configuration file and by calls. */
  readonly options: { readonly file: GivenLayer; readonly runTime: GivenLayer };
  /** 32 bytes, the same for all: sessions of one worker are resumed by another. */
  readonly ticketSecret: Buffer;
  readonly tellPeers: (addon: string, news: AddonNews) => void;
}

/** A proxy that has loaded nothing and listens nowhere yet; whoever leads it says when. */
export interface SeatedFlowcell {
  readonly addons: AddonHost;
  /** Listens there beside others. Rejects with a ListenError. */
  listen(listeners: readonly ListenerConfig[]): Promise<void>;
  /** As Flowcell's. */
  stop(): Promise<void>;
}

type Owners = (() => Promise<void>)[];

/**
 * Starts everything. Rejects with an operator error (CA, port, addon path, jail) after having stopped what had started already.
 * `print` gets every log record, in order. `cells` are on their way already; from now on they are ended here.
 */
export async function startFlowcell(config: Config, print: (record: LogRecord) => void, cells: Promise<Cells>): Promise<LoneFlowcell> {
  return owned(async (owners) => {
    ownCells(cells, owners);
    checkAddonPaths(config.addons);
    await checkRecordings(config);
    const parts = await open(config, null, await cells, print, owners);
    const { authority, addons, log, keys } = parts;
    await loadAddons(parts, config);
    const proxy = await makeProxy(config, null, parts, owners);
    const listeners = await openListeners(proxy, config);
    return {
      listeners, authority, addons: () => addons.addons(), setOption: (name, value) => addons.setOption(name, value), resume: (name) => addons.resume(name),
      replayRecorded: (signal) => replayFiles(config.recorded.replayClient, { send: (flow, until) => proxy.replay(flow, until), keys, log, concurrency: config.recorded.replayConcurrency, signal }),
    };
  });
}

/** Starts one of several proxies. Rejects as startFlowcell does. */
export function startSeat(config: Config, seat: Seat, print: (record: LogRecord) => void): Promise<SeatedFlowcell> {
  return owned(async (owners) => {
    const starting = startCells(config, warmCellsOfWorker, seat);
    ownCells(starting, owners);
    const parts = await open(config, seat, await starting, print, owners);
    const proxy = await makeProxy(config, seat, parts, owners);
    return { addons: parts.addons, listen: async (listeners) => { for (const listener of listeners) await proxy.listen({ ...listener, reusePort: true }); } };
  });
}

/** Cells are ended whatever came of their start. */
function ownCells(cells: Promise<Cells>, owners: Owners): void {
  owners.push(async () => (await cells.catch(() => null))?.pool.close());
}

/** Gives what `start` makes a `stop` that ends, in reverse, what it gave to its owners; likewise when it rejects. */
async function owned<T extends object>(start: (owners: Owners) => Promise<T>): Promise<T & { stop(): Promise<void> }> {
  const owners: Owners = [];
  const stopAll = async (): Promise<void> => { for (const stop of owners.splice(0).reverse()) await stop(); };
  try {
    const started = await start(owners);
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
export async function playRecorded(config: Config, print: (record: LogRecord) => void, cells: Promise<Cells>, stopped: Promise<unknown>): Promise<number> {
  const owners: Owners = [];
  ownCells(cells, owners);
  try {
    checkAddonPaths(config.addons);
    await checkRecordings(config);
    const parts = await open(config, null, await cells, print, owners);
    const { addons, saving, log, keys } = parts;
    await loadAddons(parts, config);
    await playFiles(config.recorded.read, { filter: config.recorded.readFilter, gate: saving?.around(addons.gate) ?? addons.gate, keys, log, stopped, afterEach: () => saving?.flush() });
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
  readonly keys: KeySource;
  readonly addons: AddonHost;
}

/** Everything but what listens: a host for addons, and what they and the traffic stand on. */
async function open(config: Config, seat: Seat | null, { pool, tell }: Cells, print: (record: LogRecord) => void, owners: Owners): Promise<Parts> {
  const grants = readGrantRules(config);
  const listening: { addons: AddonHost | null } = { addons: null };
  const log = makeLog((record) => { print(record); listening.addons?.tellLog(record); });
  // Closed after everything that makes flows.
  const saving = await openSaving({ ...config.recorded, keepBytes: config.limits.bodyBytes, version: ownVersion }, log);
  if (saving !== null) owners.push(() => saving.close());
  tell((sentence) => log.info(sentence, { event: "cells" }));
  const [authority, trust] = await Promise.all([
    openAuthority(config.confdir),
    openUpstreamTrust({ sslInsecure: config.sslInsecure, ...(config.upstreamCa === null ? {} : { upstreamCaFile: config.upstreamCa }), ...(config.clientCerts === null ? {} : { clientCertsPath: config.clientCerts }) }),
  ]);
  if (seat === null) for (const warning of authority.warnings) log.warn(warning, { event: "ca" });
  const own = new OwnAddresses();
  const storage = new StorageFile({ path: path.join(config.confdir, "storage.sqlite"), log, ...(seat !== null && { lockMs: workersLockMs }) });
  owners.push(() => Promise.resolve(storage.close()));
  const network: FetchNetwork = {
    resolve: boundedLookup(), isOwn: (address, port) => own.includes(address, port),
    tls: { get secureContext() { return trust.secureContext; }, rejectUnauthorized: trust.isVerified, minVersion: minimumTlsVersion },
  };
  const addons = createAddonHost({
    log, pool, limits: config.limits, failure: config.onFailure, cells: config.cells, watch: seat === null,
    options: config.options, environmentOptions: environmentLayer(config.environmentOptions), optionsFile: { ...config.optionsFile, options: seat?.options.file ?? await readOptions(config) },
    grants, lock: seat?.lock ?? await openLock(config), services: { storage, network }, ...(seat !== null && { tellPeers: seat.tellPeers, runTimeOptions: seat.options.runTime }),
  });
  owners.push(() => addons.close());
  listening.addons = addons;
  return { log, saving, authority, trust, own, keys: createKeySource(), addons };
}

async function makeProxy(config: Config, seat: Seat | null, parts: Parts, owners: Owners): Promise<Proxy> {
  const { log, saving, authority, trust, own, keys, addons } = parts;
  const answering = config.recorded.replayServer.length === 0 ? null : await openServerReplay(config.recorded.replayServer, config.recorded.replayRules, log);
  const gate = answering?.around(addons.gate) ?? addons.gate;
  const listenerCertificate = config.listenerCert === null ? null : await openOwnCertificate(config.listenerCert, "--cert");
  const proxyAuth = config.proxyAuth === null ? null : await openProxyAuth(config.proxyAuth);
  if (proxyAuth !== null) owners.push(() => proxyAuth.close());
  const keyLog = config.keyLogFile === null ? null : openKeyLog(config.keyLogFile, log);
  if (keyLog !== null) owners.push(() => keyLog.close());
  const proxy = createProxy({
    proxyAuth, keyLog, listenerCertificate, keepHostHeader: config.keepHostHeader, upstreamAuth: config.upstreamAuth,
    onboarding: config.recorded.onboarding === null ? null : { host: config.recorded.onboarding, pages: onboardingSite(authority) },
    keys, meetsServersLate: answering !== null,
    gate: saving?.around(gate) ?? gate, keepPassedBytes: saving === null ? null : config.limits.bodyBytes, log, own, leafCache: await openOwnCertificates(config.certs, createLeafCache(authority, seat === null ? {} : { ticketSecret: seat.ticketSecret })), trust, bodyBytes: config.limits.bodyBytes,
    webSocketMessageBytes: config.limits.websocketMessageBytes, streamLargeBodiesBytes: config.streamLargeBodiesBytes, bodySizeLimitBytes: config.bodySizeLimitBytes,
    http2: config.http2, ignoreHosts: config.ignoreHosts, tcpHosts: config.tcpHosts, ...(config.allowHosts.length === 0 ? {} : { allowHosts: config.allowHosts }),
  });
  owners.push(() => proxy.close(drainMs));
  addons.useReplay((flow, signal) => proxy.replay(flow, signal)?.then(() => {}) ?? null);
  // The first TLS connection should not wait for the roots either.
  const warming = setTimeout(() => void trust.secureContext, warmMs);
  owners.push(() => Promise.resolve(clearTimeout(warming)));
  return proxy;
}

/** What is to be read is there and is what it should be: before anything else is started. */
async function checkRecordings({ recorded: { read, replayClient, replayServer } }: Config): Promise<void> {
  for (const file of [...read, ...replayClient, ...replayServer]) await checkSavedFile(file);
}

/** A file that cannot be read is for the operator to mend before anything runs. */
export async function openLock({ confdir }: Config): Promise<AddonLock> {
  const lock = new AddonLock(confdir);
  await lock.entries();
  return lock;
}

/** What `--grant` says. Throws a usage error. */
export function readGrantRules(config: Config): GrantRules {
  const rules = readGrants(config.grants, addonNames(config.addons));
  if (rules instanceof GrantProblem) throw new OperatorError("ERR_USAGE", `--grant ${rules.message}`);
  return rules;
}

/** Throws an operator error for a path with nothing there. */
export function checkAddonPaths(paths: readonly string[]): void {
  for (const path of paths) {
    if (!existsSync(path)) throw new OperatorError("ERR_ADDON_NOT_FOUND", `there is no addon at ${path}; give the path of a .ts or .js file, or of a folder with an index.ts`);
  }
}

async function loadAddons({ addons, log }: Parts, config: Config): Promise<void> {
  refuseProblems(await addons.loadAll(config.addons), config);
  refuseUnknownOptions(addons.unknownOptions(), log);
}

/** With `--on-failure closed` a proxy without one of its addons would let pass what that addon was there to stop: it does not start. */
export function refuseProblems([first]: readonly LoadProblem[], config: Config): void {
  if (first !== undefined && config.onFailure === "closed") {
    throw new OperatorError("ERR_ADDON_NOT_LOADED", `with --on-failure closed every addon must load, and "${first.addon}" did not: see the error above`);
  }
}

/** What the configuration file gives. Throws a usage error. */
export async function readOptions({ optionsFile: { path: file, isRequired } }: Config): Promise<GivenLayer> {
  const read = await readOptionsFile(file, isRequired);
  if (read.kind === "problem") throw new OperatorError("ERR_USAGE", read.message);
  return read.options;
}

/** An option that nobody has is a slip of the pen, and the proxy would not do what was meant. */
export function refuseUnknownOptions({ problems: [first], warnings }: UnknownOptions, log: Log): void {
  if (first !== undefined) throw new OperatorError("ERR_USAGE", first);
  for (const warning of warnings) log.warn(warning, { event: "options" });
}

async function openListeners(proxy: Proxy, config: Config): Promise<readonly OpenListener[]> {
  const open: OpenListener[] = [];
  for (const listener of config.listeners) open.push({ mode: listener.mode, ...(await proxy.listen(listener)) });
  return open;
}
