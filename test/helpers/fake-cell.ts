// Cells without processes: scripted addons that answer events as an honest (or lying) cell would, for tests of what is on this side
// of the wall. Each addon is found by its name; what it was sent is kept for assertions.
import type { CallName, PartName } from "../../sandbox-api/schema/view.ts";
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import { faultTable } from "../../sandbox-api/schema/faults.ts";
import type { InstanceId } from "../../sandbox-api/schema/ids.ts";
import type { HostCallText, StatText } from "../../sandbox-api/wire/messages.ts";
import type { Cell, CellCall, CellEvents, CellPool, InstanceSpec, LoadOutcome, Outcome } from "../../host/cells/cell.ts";

/** One event as an instance got it. */
export interface Received {
  readonly addon: string;
  readonly instance: number;
  readonly pid: number;
  readonly event: CallName;
  readonly key: number;
  readonly parts: ReadonlyMap<PartName, string>;
  readonly attachments: readonly Buffer[];
  /** How many addons the frame was for. */
  readonly chain: number;
}

/** What a scripted handler does: nothing, a list of changes (with bodies), raw text, a fault, or `"die"`: the process with it. */
export type Answer =
  | undefined | readonly (readonly [string, unknown])[] | { readonly text: string; readonly attachments?: readonly Buffer[] }
  | { readonly changes: readonly (readonly [string, unknown])[]; readonly attachments: readonly Buffer[] }
  | { readonly fault: Fault } | "die" | "lost";
export type Handler = (received: Received, tools: { readonly hostCall: (id: number, call: HostCallText) => void }) => Answer | Promise<Answer>;
export interface ScriptedAddon {
  readonly handlers: { readonly [event: string]: Handler };
  readonly manifest?: unknown;
  readonly loadFault?: Fault;
  /** Handlers that `start` says it was replaced by. */
  readonly replacedBy?: readonly string[];
}

export class FakePool implements CellPool {
  readonly received: Received[] = [];
  readonly cells: FakeCell[] = [];
  readonly released: { readonly instance: number; readonly keys: readonly number[] }[] = [];
  readonly resumed: { readonly instance: number; readonly call: number; readonly text: string }[] = [];
  readonly script: (spec: InstanceSpec) => ScriptedAddon;

  /** `script` gives the behaviour of what is loaded. */
  constructor(script: (spec: InstanceSpec) => ScriptedAddon) {
    this.script = script;
  }

  async acquire(events: CellEvents): Promise<FakeCell> {
    const cell = new FakeCell(this, this.cells.length + 1, events);
    this.cells.push(cell);
    return cell;
  }

  async close(): Promise<void> {
    for (const cell of this.cells) cell.kill();
  }

  /** The events that addon got, in order. */
  eventsOf(addon: string): readonly string[] {
    return this.received.filter((item) => item.addon === addon).map(({ event }) => event);
  }
}

interface Loaded { readonly spec: InstanceSpec; readonly addon: ScriptedAddon }

export class FakeCell implements Cell {
  readonly pid: number;
  loads = 0;
  restMiB: number | null = null;
  isDead = false;
  standsBack = false;
  readonly instances = new Map<InstanceId, Loaded>();
  readonly #pool: FakePool;
  readonly #events: CellEvents;

  constructor(pool: FakePool, pid: number, events: CellEvents) {
    this.#pool = pool;
    this.pid = pid;
    this.#events = events;
  }

  async load(instance: InstanceId, spec: InstanceSpec): Promise<LoadOutcome> {
    if (this.isDead) return { kind: "lost" };
    this.loads++;
    const addon = this.#pool.script(spec);
    if (addon.loadFault !== undefined) return { kind: "failed", fault: addon.loadFault };
    this.instances.set(instance, { spec, addon });
    return { kind: "loaded", cpuMicros: 100, loaded: { handlers: Object.keys(addon.handlers), warnings: [], manifest: addon.manifest ?? null } };
  }

  async call(call: CellCall): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = [];
    let hasStopped = false;
    for (const { instance } of call.chain) {
      const outcome: Outcome = hasStopped ? { kind: "skipped" } : await this.#runOne(instance, call);
      outcomes.push(outcome);
      // As a cell does: a failure, a wait or a changed body ends the chain.
      hasStopped ||= outcome.kind === "failed" || outcome.kind === "lost" || (outcome.kind === "changed" && outcome.attachments.length > 0);
    }
    return outcomes;
  }

  async resume(instance: InstanceId, hostCall: number, text: string): Promise<void> {
    this.#pool.resumed.push({ instance, call: hostCall, text });
  }

  standBack(): void { this.standsBack = true; }

  async unload(instance: InstanceId): Promise<void> {
    this.instances.delete(instance);
  }

  release(instance: InstanceId, keys: readonly number[]): void {
    this.#pool.released.push({ instance, keys });
  }

  async stat(): Promise<StatText | null> {
    return { loads: this.loads, instances: this.instances.size, heapBytes: {} };
  }

  kill(): void {
    this.#end(null, null);
  }

  /** The process had to go because those who live in it filled it together. */
  fill(): void {
    this.#end({ code: "cell-memory", message: "full", limit: { name: "cellMemoryMiB", value: 512, used: 530, unit: "MiB" } }, null);
  }

  /** The process goes away; `guilty` ran. */
  die(guilty: InstanceId | null, code: "cell-died" | "unresponsive" = "cell-died"): void {
    this.#end(guilty === null ? null : { code, message: "gone" }, guilty);
  }

  #end(fault: Fault | null, guilty: InstanceId | null): void {
    if (this.isDead) return;
    this.isDead = true;
    this.instances.clear();
    // Answers come first.
    setImmediate(() => this.#events.end({ fault, guilty, residentMiB: 50 }));
  }

  async #runOne(instance: InstanceId, call: CellCall): Promise<Outcome> {
    const loaded = this.instances.get(instance);
    if (loaded === undefined) return { kind: "lost" };
    const received = this.#read(instance, loaded.spec.name, call);
    this.#pool.received.push(received);
    if (received.event === "start" && loaded.addon.replacedBy !== undefined) {
      return { kind: "changed", cpuMicros: 10, text: JSON.stringify({ handlers: loaded.addon.replacedBy, warnings: [], manifest: null }), attachments: [] };
    }
    const answer = await loaded.addon.handlers[received.event]?.(received, { hostCall: (id, text) => this.#events.hostCall(instance, id, text, [], call) });
    if (answer === "lost" || !this.instances.has(instance)) return { kind: "lost" };
    if (answer === "die") {
      this.die(instance);
      return { kind: "failed", cpuMicros: 0, fault: { code: "cell-died", message: "gone" } };
    }
    if (answer === undefined) return { kind: "unchanged", cpuMicros: 10 };
    if ("fault" in answer) {
      if (faultTable[answer.fault.code].reloads) this.instances.delete(instance);
      return { kind: "failed", cpuMicros: 60_000, fault: answer.fault };
    }
    if ("text" in answer) return { kind: "changed", cpuMicros: 10, text: answer.text, attachments: answer.attachments ?? [] };
    if ("changes" in answer) return { kind: "changed", cpuMicros: 10, text: JSON.stringify(answer.changes), attachments: answer.attachments };
    return { kind: "changed", cpuMicros: 10, text: JSON.stringify(answer), attachments: [] };
  }

  #read(instance: number, addon: string, call: CellCall): Received {
    const [head = "{}", ...texts] = call.text.split("\0");
    const envelope: { event: CallName; key: number; parts: PartName[] } = JSON.parse(head);
    const parts = new Map(envelope.parts.map((part, index): [PartName, string] => [part, texts[index] ?? ""]));
    return { addon, instance, pid: this.pid, event: envelope.event, key: envelope.key, parts, attachments: call.attachments, chain: call.chain.length };
  }
}
