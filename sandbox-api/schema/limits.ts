// Every number that bounds something, with unit, default and reason (spec: sandbox.md §2). Enforced elsewhere; a limit that
// fires is named in its error by the key used here. Nothing outside this file invents a bound for addons.

export interface LimitRow {
  readonly unit: "ms" | "MiB" | "bytes" | "calls" | "calls/s" | "lines/s" | "keys" | "share" | "loads";
  readonly default: number;
  /** Smallest and largest value an operator may set. */
  readonly min: number;
  readonly max: number;
  readonly reason: string;
}

const row = (unit: LimitRow["unit"], value: number, min: number, max: number, reason: string): LimitRow => ({ unit, default: value, min, max, reason });
const KiB = 1024;
const MiB = 1024 * KiB;

export const limitTable = {
  cpuMs: row("ms", 50, 1, 60_000, "CPU time of one entry into an isolate"),
  wallMs: row("ms", 5_000, 10, 600_000, "time from the event to its answer, awaits included"),
  startupMs: row("ms", 1_000, 10, 60_000, "CPU time of module body, start and configure together"),
  memoryMiB: row("MiB", 32, 8, 4_096, "heap of one isolate"),
  cellMemoryMiB: row("MiB", 512, 64, 65_536, "resident memory of one cell process"),
  unresponsiveMs: row("ms", 200, 50, 60_000, "silence of a cell beyond the CPU limit of the call it runs"),
  hostCalls: row("calls", 1_000, 1, 1_000_000, "log, timer, storage, fetch and replay calls made during one entry"),
  bodyBytes: row("bytes", 8 * MiB, 0, 1_024 * MiB, "largest body that is handed to an addon"),
  websocketMessageBytes: row("bytes", 8 * MiB, 1_024, 64 * MiB, "one message of a WebSocket that addons look at, decompressed; a larger one closes it with code 1009"),
  mutationBytes: row("bytes", 16 * MiB, 1_024, 1_024 * MiB, "all changes of one call together; likewise all edits of a manifest for one event"),
  waitingCalls: row("calls", 256, 1, 100_000, "calls of one addon that were begun and not answered"),
  logLinesPerSecond: row("lines/s", 200, 1, 1_000_000, "log lines of one addon"),
  logLineBytes: row("bytes", 8_192, 64, MiB, "one log line; longer ones are cut"),
  bundleBytes: row("bytes", 5 * MiB, 1_024, 64 * MiB, "compiled source of one addon"),
  cpuBudgetShare: row("share", 0.2, 0.001, 64, "long-run share of a core one addon may use"),
  cpuBudgetBurstMs: row("ms", 2_000, 10, 600_000, "CPU an idle addon may use at once on top of its share"),
  cellLoads: row("loads", 1_000, 1, 1_000_000, "isolate loads after which a cell is replaced (each leaks about 32 KB)"),
  cellRestMiB: row("MiB", 300, 64, 65_536, "resident memory of an idle cell after which it is replaced"),
  storageBytes: row("bytes", 16 * MiB, 0, 1_024 * MiB, "keys and values that one addon may keep, whatever its manifest asks for"),
  storageKeys: row("keys", 10_000, 1, 1_000_000, "keys that one addon may keep"),
  storageKeyBytes: row("bytes", 512, 16, 4_096, "one key in UTF-8"),
  storageValueBytes: row("bytes", 256 * KiB, 64, 400 * KiB, "one value: its bytes, or its JSON"),
  fetchesAtOnce: row("calls", 16, 1, 1_000, "fetches of one addon that are under way"),
  fetchesPerSecond: row("calls/s", 20, 1, 10_000, "fetches that one addon may begin"),
  fetchRequestBytes: row("bytes", MiB, 0, 16 * MiB, "body of one fetch's request"),
  fetchResponseBytes: row("bytes", 8 * MiB, 1_024, 64 * MiB, "body of one fetch's response, as it comes and decoded; four times that for all of an addon at once"),
  replaysAtOnce: row("calls", 16, 0, 1_000, "replays of one addon that are under way"),
  replaysPerSecond: row("calls/s", 20, 1, 10_000, "replays that one addon may begin"),
  replayDepth: row("calls", 1, 0, 3, "replays of replays of a client's request: with 1, what was replayed cannot be replayed again"),
  cryptoKeys: row("keys", 10_000, 0, 1_000_000, "keys of crypto.subtle that one isolate holds: those that nothing refers to any more are forgotten, one more than fits is refused"),
  cryptoKeyBytes: row("bytes", 8 * MiB, 0, 256 * MiB, "all those keys together: secret keys as their bytes, others as DER"),
  rsaKeysAtOnce: row("calls", 2, 0, 4, "RSA key pairs that one isolate waits for; their making is charged to its CPU budget"),
  interceptMs: row("ms", 60_000, 10, 86_400_000, "longest time a flow stays intercepted before it is resumed"),
} as const satisfies Record<string, LimitRow>;

export type LimitName = keyof typeof limitTable;
export const isLimitName = (name: string): name is LimitName => Object.hasOwn(limitTable, name);
export type Limits = { readonly [L in LimitName]: number };

export const defaultLimits: Limits = Object.freeze({
  cpuMs: limitTable.cpuMs.default, wallMs: limitTable.wallMs.default, startupMs: limitTable.startupMs.default,
  memoryMiB: limitTable.memoryMiB.default, cellMemoryMiB: limitTable.cellMemoryMiB.default,
  unresponsiveMs: limitTable.unresponsiveMs.default, hostCalls: limitTable.hostCalls.default,
  bodyBytes: limitTable.bodyBytes.default, websocketMessageBytes: limitTable.websocketMessageBytes.default, mutationBytes: limitTable.mutationBytes.default,
  waitingCalls: limitTable.waitingCalls.default, logLinesPerSecond: limitTable.logLinesPerSecond.default,
  logLineBytes: limitTable.logLineBytes.default, bundleBytes: limitTable.bundleBytes.default,
  cpuBudgetShare: limitTable.cpuBudgetShare.default, cpuBudgetBurstMs: limitTable.cpuBudgetBurstMs.default,
  cryptoKeys: limitTable.cryptoKeys.default, cryptoKeyBytes: limitTable.cryptoKeyBytes.default, rsaKeysAtOnce: limitTable.rsaKeysAtOnce.default,
  cellLoads: limitTable.cellLoads.default, cellRestMiB: limitTable.cellRestMiB.default, interceptMs: limitTable.interceptMs.default,
  storageBytes: limitTable.storageBytes.default, storageKeys: limitTable.storageKeys.default,
  storageKeyBytes: limitTable.storageKeyBytes.default, storageValueBytes: limitTable.storageValueBytes.default,
  fetchesAtOnce: limitTable.fetchesAtOnce.default, fetchesPerSecond: limitTable.fetchesPerSecond.default,
  fetchRequestBytes: limitTable.fetchRequestBytes.default, fetchResponseBytes: limitTable.fetchResponseBytes.default,
  replaysAtOnce: limitTable.replaysAtOnce.default, replaysPerSecond: limitTable.replaysPerSecond.default, replayDepth: limitTable.replayDepth.default,
});
