// The host's end of one cell: implements Cell over its socket. Frames out are batched per turn; frames in are checked against the
// ledger, and the first lie ends the cell (WALL 5). It reads no flows and no changes: texts pass as they came.
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import { hostCallId, type InstanceId } from "../../sandbox-api/schema/ids.ts";
import { asciiJson } from "../../sandbox-api/schema/view.ts";
import { contractVersion } from "../../sandbox-api/schema/version.ts";
import type { FrameLayout } from "../../sandbox-api/wire/frame.ts";
import { type CellMessage, cellMessages, eventPhase, type HostMessage, hostMessages, type LoadText, type StatText } from "../../sandbox-api/wire/messages.ts";
import { parseHello, parseHostCall, parseLoaded, parseStat } from "../../sandbox-api/wire/text-checks.ts";
import { giveBack, worthGivingBackBytes } from "../read-memory.ts";
import type { Cell, CellCall, CellEnd, CellEvents, ChainEntry, InstanceSpec, LoadOutcome, Outcome } from "./cell.ts";
import { FrameReader } from "./frame-reader.ts";
import { FrameWriter } from "./frame-writer.ts";
import type { Health } from "./health.ts";
import { type Answer, type Head, type InstanceRecord, Ledger } from "./ledger.ts";
import { standBack } from "./priority.ts";
import type { CellProcess } from "./spawn.ts";
import { Watchdog } from "./watchdog.ts";

export interface CellLinkOptions {
  readonly process: CellProcess;
  /** Process id of Node in the cell, as seen from here. */
  readonly pid: number;
  readonly health: Health;
  readonly cellMemoryMiB: number;
  readonly unresponsiveMs: number;
}

const KiB = 1024;
// Room for a frame's tables and for the answers that carry no changes.
const frameSlackBytes = 128 * KiB;
// Texts of log lines are escaped; nothing else a guest asks for is longer.
const longestHostCall = 1_024 * KiB;
// `unload` and `stat` run no addon code.
const housekeepingMs = 1_000;
// Time for the exit status to arrive after the socket has closed, and the other way round.
const lastNewsMs = 100;
const nobody: CellEvents = Object.freeze({ hostCall: () => undefined, instanceFault: () => undefined, end: () => undefined });
const noBuffers: readonly Buffer[] = Object.freeze([]);
const noWords: readonly number[] = Object.freeze([]);
const lost: Outcome = Object.freeze({ kind: "lost" });

export class CellLink implements Cell {
  readonly pid: number;
  /** Resolves when the cell has greeted; rejects with the reason when it ends before. */
  readonly booted: Promise<void>;
  readonly #process: CellProcess;
  readonly #health: Health;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #ledger: Ledger;
  readonly #watchdog: Watchdog;
  readonly #greeting = Promise.withResolvers<void>();
  #events = nobody;
  #end: CellEnd | null = null;
  #isBooted = false;
  #standsBack = false;
  #loads = 0;
  #lastId = 0;
  /** The answer to the `stat` that was answered last. */
  #stat: StatText | null = null;

  constructor({ process, pid, health, cellMemoryMiB, unresponsiveMs }: CellLinkOptions) {
    this.pid = pid;
    this.booted = this.#greeting.promise;
    this.#process = process;
    this.#health = health;
    this.#ledger = new Ledger();
    this.#writer = new FrameWriter(process.socket, () => this.#ledger.written());
    this.#reader = new FrameReader(frameSlackBytes, (frame, bytes, start, isOwn) => this.#onFrame(frame, bytes, start, isOwn));
    this.#watchdog = new Watchdog({
      ledger: this.#ledger, running: () => this.#running(), health, unresponsiveMs, cellMemoryMiB, residents: () => this.#ledger.instances.size,
      condemn: (fault, ran) => this.#finish(fault, ran?.instance ?? null, ran),
      expire: () => this.#expire(),
      remind: () => this.#writer.flush(),
    });
    this.#listen();
  }

  get loads(): number { return this.#loads; }
  get restMiB(): number | null { return this.#end !== null || !this.#ledger.isIdle ? null : this.#health.residentMiB(); }
  get isBooted(): boolean { return this.#isBooted; }
  /** Why the cell ended; null while it lives. */
  get ended(): CellEnd | null { return this.#end; }

  /** Sends the guest bundle; `booted` tells how it went. */
  boot(guestBundle: Buffer): void {
    this.#write("boot", this.#nextId(), 0, noWords, "", [guestBundle]);
  }

  /** From now on the cell's owner hears of it. `end` comes at once if the cell has ended already. */
  attach(events: CellEvents): void {
    this.#events = events;
    if (this.#end !== null) events.end(this.#end);
  }

  load(instance: InstanceId, spec: InstanceSpec): Promise<LoadOutcome> {
    if (this.#end !== null) return Promise.resolve({ kind: "lost" });
    const { cpuMs, startupMs, memoryMiB, hostCalls, mutationBytes, logLineBytes, cryptoKeys, cryptoKeyBytes, rsaKeysAtOnce, wallMs } = spec.limits;
    const text: LoadText = { name: spec.name, file: spec.file, limits: { cpuMs, startupMs, memoryMiB, hostCalls, mutationBytes, logLineBytes, cryptoKeys, cryptoKeyBytes, rsaKeysAtOnce }, ...(spec.permissions && { permissions: [...spec.permissions] }), ...(spec.services && { services: spec.services }), ...(spec.isSuspect === true && { isSuspect: true }) };
    this.#loads++;
    this.#ledger.instances.set(instance, { limits: spec.limits, waiting: 0, isClosing: false });
    this.#reader.largestFrameBytes = Math.max(this.#reader.largestFrameBytes, mutationBytes + frameSlackBytes);
    return new Promise((resolve) => {
      const finish = ([outcome = lost]: readonly Outcome[]): void => {
        const result = readLoad(outcome);
        if (result.kind !== "loaded") this.#ledger.instances.delete(instance);
        resolve(result);
      };
      const id = this.#nextId();
      this.#ledger.expect({ id, kind: "load", chain: [{ instance, cpuMs: startupMs, wallMs }], call: null, finish });
      this.#write("load", id, instance, noWords, asciiJson(text), [spec.bundle]);
    });
  }

  call(call: CellCall): Promise<readonly Outcome[]> {
    const { chain } = call;
    const stop = chain.findIndex((entry) => this.#refusal(entry) !== null);
    if (stop < 0) return new Promise((resolve) => this.#sendEvent(call, chain, resolve));
    const refused = chain.slice(stop).map((entry, index): Outcome => (index === 0 ? this.#refusal(entry) ?? lost : { kind: "skipped" }));
    if (stop === 0) return Promise.resolve(refused);
    return new Promise((resolve) => this.#sendEvent(call, chain.slice(0, stop), (outcomes) => resolve([...outcomes, ...refused])));
  }

  resume(instance: InstanceId, hostCall: number, text: string, attachments: readonly Buffer[], cpuMs: number): Promise<void> {
    const record = this.#record(instance);
    if (record === null) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const finish = ([outcome]: readonly Outcome[]): void => {
      resolve();
      if (outcome?.kind === "failed" && this.#end === null) this.#events.instanceFault(instance, outcome.fault);
      else if (outcome?.kind === "unchanged" && outcome.cpuMicros > 0) this.#events.cpuUsed?.(instance, outcome.cpuMicros);
    };
    const id = this.#nextId();
    this.#ledger.expect({ id, kind: "resume", chain: [{ instance, cpuMs, wallMs: record.limits.wallMs }], call: null, finish });
    this.#write("resume", id, instance, [cpuMs, hostCallId(hostCall)], text, attachments);
    return promise;
  }

  unload(instance: InstanceId): Promise<void> {
    const record = this.#record(instance);
    if (record === null) return Promise.resolve();
    return new Promise((resolve) => this.#sendUnload(instance, record, resolve));
  }

  release(instance: InstanceId, keys: readonly number[]): void {
    const mostWordsPerFrame = 1_024;
    if (this.#record(instance) === null) return;
    for (let at = 0; at < keys.length; at += mostWordsPerFrame) {
      // PERF: nobody waits for it, and a cell that is woken for it alone costs both processes more than half an event.
      this.#writer.add({ type: hostMessages.release.type, status: 0, id: 0, instance, words: keys.slice(at, at + mostWordsPerFrame), text: "", attachments: noBuffers }, true);
    }
    this.#watchdog.wake();
  }

  stat(): Promise<StatText | null> {
    if (this.#end !== null) return Promise.resolve(null);
    return new Promise((resolve) => {
      const id = this.#nextId();
      const nobodyInside = 0 as InstanceId;
      this.#ledger.expect({ id, kind: "stat", chain: [{ instance: nobodyInside, cpuMs: housekeepingMs, wallMs: housekeepingMs }], call: null, finish: () => resolve(this.#end === null ? this.#stat : null) });
      this.#write("stat", id, 0, noWords, "", noBuffers);
    });
  }

  standBack(): void {
    if (this.#end !== null || this.#standsBack) return;
    this.#standsBack = true;
    standBack(this.pid);
  }

  kill(): void { this.#finish(null, null, null); }

  /** Where `chain` must stop before this entry; null: it may be called. */
  #refusal({ instance }: ChainEntry): Outcome | null {
    const record = this.#record(instance);
    if (record === null) return lost;
    const { waitingCalls } = record.limits;
    if (record.waiting < waitingCalls) return null;
    const fault: Fault = { code: "overloaded", message: `has ${record.waiting} events waiting`, limit: { name: "waitingCalls", value: waitingCalls, used: record.waiting, unit: "calls" } };
    return { kind: "failed", cpuMicros: 0, fault };
  }

  /** The instance, if it can be asked something. */
  #record(instance: InstanceId): InstanceRecord | null {
    const record = this.#end === null ? this.#ledger.instances.get(instance) : undefined;
    return record === undefined || record.isClosing ? null : record;
  }

  #sendEvent(call: CellCall, chain: readonly ChainEntry[], finish: (outcomes: readonly Outcome[]) => void): void {
    const { text, attachments, startup = false } = call;
    const id = this.#nextId();
    const entries = startup ? chain.map((entry) => ({ ...entry, cpuMs: this.#ledger.instances.get(entry.instance)?.limits.startupMs ?? entry.cpuMs })) : chain;
    const words: number[] = [];
    for (const { instance, cpuMs } of entries) words.push(instance, cpuMs);
    this.#ledger.expect({ id, kind: "event", chain: entries, call, finish });
    this.#write("event", id, 0, words, text, attachments, startup ? eventPhase.startup : eventPhase.running);
  }

  #sendUnload(instance: InstanceId, record: InstanceRecord, resolve: () => void): void {
    record.isClosing = true;
    this.#ledger.forgetPending(instance);
    const finish = (): void => {
      this.#ledger.instances.delete(instance);
      resolve();
    };
    const id = this.#nextId();
    this.#ledger.expect({ id, kind: "unload", chain: [{ instance, cpuMs: housekeepingMs, wallMs: housekeepingMs }], call: null, finish });
    this.#write("unload", id, instance, noWords, "", noBuffers);
  }

  /** A call that did not settle in time cannot be stopped, so its isolate goes: the cell is told here, the owner by the outcome. */
  #expire(): void {
    for (const instance of this.#ledger.expire()) {
      const record = this.#record(instance);
      if (record !== null) this.#sendUnload(instance, record, () => undefined);
    }
  }

  #nextId(): number {
    this.#lastId = this.#lastId === 0xffff_ffff ? 1 : this.#lastId + 1;
    return this.#lastId;
  }

  #write(message: HostMessage, id: number, instance: number, words: readonly number[], text: string, attachments: readonly Buffer[], status = 0): void {
    this.#writer.add({ type: hostMessages[message].type, status, id, instance, words, text, attachments });
    this.#watchdog.wake();
  }

  #onFrame(frame: FrameLayout, bytes: Buffer, start: number, isOwn: boolean): void {
    if (this.#end !== null) return;
    const name = messageNames[frame.type];
    const lie = name === undefined ? `sent a message of unknown type ${frame.type}`
      : this.#isBooted === (name === "hello") ? "greeted at the wrong time"
      : this.#handlers[name](readAnswer(frame, bytes, start, isOwn));
    if (lie !== null) this.#lied(lie);
  }

  /** What each message of a cell does here; gives what is wrong with it, or null. */
  readonly #handlers: { readonly [M in CellMessage]: (answer: Answer) => string | null } = {
    result: (answer) => this.#ledger.result(answer),
    settled: (answer) => this.#ledger.settled(answer),
    hostCall: ({ id, instance, text, attachments }) => {
      const lie = this.#ledger.hostCall(instance);
      if (lie !== null) return lie;
      const call = parseHostCall(text, longestHostCall);
      if (call === null) return "asked for something that does not exist";
      const during = "during" in call ? this.#ledger.callOf(instance, call.during) : null;
      this.#events.hostCall(instance as InstanceId, id, call, attachments, during);
      return null;
    },
    stat: ({ id, text }) => {
      this.#stat = parseStat(text);
      return this.#stat === null ? "sent a bad report" : this.#ledger.stat(id);
    },
    hello: ({ text }) => {
      const hello = parseHello(text);
      if (hello === null) return "greeted badly";
      if (hello.contract !== contractVersion) return `speaks contract ${hello.contract}, not ${contractVersion}`;
      this.#isBooted = true;
      this.#process.endDiagnosis();
      this.#greeting.resolve();
      return null;
    },
  };

  /** WALL 5: a cell that lies has been taken over. By whom is known only if one lives there: it can wait until another one runs. */
  #lied(what: string): void {
    const [only, ...others] = this.#ledger.instances.keys();
    this.#finish({ code: "cell-lied", message: `the cell ${what}` }, others.length === 0 ? only ?? null : null, others.length === 0 ? this.#ledger.head() : null);
  }

  #listen(): void {
    const { socket, exited } = this.#process;
    socket.on("data", (chunk: Buffer) => {
      const lie = this.#end === null ? this.#reader.push(chunk) : null;
      if (lie !== null && this.#end === null) this.#lied(`sent a ${lie}`);
      if (chunk.length >= worthGivingBackBytes) giveBack(chunk);
    });
    socket.on("error", () => undefined); // "close" follows, and means the same.
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    const soon = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, lastNewsMs).unref());
    void Promise.race([closed.then(() => Promise.race([exited, soon()])), exited.then(() => Promise.race([closed, soon()]))]).then(async () => {
      if (this.#end !== null) return;
      const exit = await Promise.race([exited, undefined]);
      const how = exit === undefined ? "closed its socket" : `ended (${exit.signal ?? `exit code ${exit.code}`})`;
      const ran = this.#running();
      this.#finish({ code: "cell-died", message: `the cell ${how}` }, ran?.instance ?? null, ran);
    });
  }

  /** Who holds the cell's thread, as far as its answers and its mark tell. */
  #running(): Head | null {
    return this.#ledger.running(this.#process.marks?.read() ?? null);
  }

  /** Ends the cell once: kills it, answers everything, tells the owner. */
  #finish(fault: Fault | null, suspect: InstanceId | null, ran: Head | null): void {
    if (this.#end !== null) return;
    const guilty = suspect === 0 ? null : suspect;
    this.#end = { fault, guilty, residentMiB: this.#watchdog.residentMiB };
    this.#process.kill();
    this.#process.socket.destroy();
    this.#watchdog.stop();
    this.#health.close();
    this.#process.marks?.close();
    this.#ledger.abandon(ran, fault);
    this.#greeting.reject(new Error(fault?.message ?? "the cell was ended while it booted"));
    this.#events.end(this.#end);
  }
}

const messageNames: readonly (CellMessage | undefined)[] = Object.entries(cellMessages).reduce<(CellMessage | undefined)[]>((names, [name, { type }]) => {
  names[type] = name as CellMessage;
  return names;
}, []);

/** The bytes of a frame as values of their own. `isOwn`: the buffer may be kept; of a chunk that is lent, copies are. */
function readAnswer({ id, instance, status, cpuMicros, textStart, textBytes, attachmentBytes }: FrameLayout, bytes: Buffer, start: number, isOwn: boolean): Answer {
  const text = textBytes === 0 ? "" : bytes.toString("latin1", start + textStart, start + textStart + textBytes);
  if (attachmentBytes.length === 0) return { id, instance, status, cpuMicros, text, attachments: noBuffers };
  let at = start + textStart + textBytes;
  const attachments = attachmentBytes.map((size) => {
    const part = bytes.subarray(at, at + size);
    at += size;
    return isOwn ? part : Buffer.from(part);
  });
  return { id, instance, status, cpuMicros, text, attachments };
}

function readLoad(outcome: Outcome): LoadOutcome {
  if (outcome.kind === "failed") return { kind: "failed", fault: outcome.fault };
  if (outcome.kind !== "changed") return { kind: "lost" };
  const loaded = parseLoaded(outcome.text);
  if (loaded !== null) return { kind: "loaded", loaded, cpuMicros: outcome.cpuMicros };
  return { kind: "failed", fault: { code: "load-failed", message: "its manifest or its list of handlers is too large or malformed" } };
}
