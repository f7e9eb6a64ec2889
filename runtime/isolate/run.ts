// One addon in its isolate: every entry is `applySync` with a timeout on the main thread (WALL 2), measured before and after, and
// the isolate is disposed after any time-out or memory error. Never async apply, promise results or references into the isolate.
import type { Copy } from "isolated-vm";
import { type GuestResult, readGuestResult } from "../../sandbox-api/schema/guest-contract.ts";
import { type LoadText, resultStatus } from "../../sandbox-api/wire/messages.ts";
import type { IsolatedVm } from "./binary.ts";
import { type Bridge, makeBridge, type Post } from "./bridge.ts";
import { graceMs, leastGrace, makeDeadlines, suspectGraceMs, type Deadlines } from "./deadline.ts";
import { copyOf, type GuestIsolate, type IsolateMaker } from "./create.ts";
import { joinedInput, type JoinedEvent, partedResults } from "./joined.ts";
import { type Clock, lateFault, memoryFault, timedOut, timeFault } from "./clock.ts";
import { makeMeter, makeThreadClock, type Meter, type ThreadClock } from "./meter.ts";
import { NativeWork } from "./native-work.ts";
import { makeNative, type NativeDoor } from "../native/native.ts";
import { PairJobs } from "../native/pair-jobs.ts";
import { isSplit, piecesOf } from "./pieces.ts";
import { mentionsPromises } from "./promise-words.ts";
import { type Answer, type EntryResult, faultAnswer, engineFault, isRejected, isTimeout, readAnswer, rejectionReason, readSettled, thrownMessage } from "./result.ts";

const entriesPerWeighing = 128;
/** From this size on a body is lent; below, asking for it costs as much as it could save. */
const leastLentBytes = 8 * 1024;
const noBuffers: readonly ArrayBuffer[] = Object.freeze([]);
const noEvents: readonly JoinedEvent[] = Object.freeze([]);

/** So long after it was loaded a suspect is one: strikes count for ten seconds, and whoever is on trial is asked at once. */
const suspicionMs = 30_000;

/** An entry that was late is not ended for the question whether somebody listens. */
const leastQuestionMs = 20;

/** What all isolates of a process share. */
export interface Shared { readonly clock: ThreadClock; readonly deadlines: Deadlines; readonly jobs: PairJobs }
export const makeShared = (): Shared => ({ clock: makeThreadClock(), deadlines: makeDeadlines(), jobs: new PairJobs() });

export interface DispatchInput {
  readonly call: number;
  /** Comma-separated keys. */
  readonly releasedKeys: string;
  readonly text: string;
  /** Lent: the isolate gets copies. */
  readonly attachments: readonly Buffer[];
  readonly cpuMs: number;
  /** Charged to the start-up allowance instead of `cpuMs`. */
  readonly isStartup: boolean;
}

/** An addon's isolate. After a result with `isFatal` nothing but `dispose` may be called. */
export class AddonIsolate {
  readonly #vm: IsolatedVm;
  readonly #guest: GuestIsolate;
  readonly #bridge: Bridge;
  readonly #meter: Meter;
  readonly #deadlines: Deadlines;
  readonly #work = new NativeWork();
  readonly #door: NativeDoor;
  readonly #settings: LoadText;
  readonly #suspectUntilMs: number;
  /** What lies beside the events of the entry that runs. */
  #lent: readonly JoinedEvent[] = noEvents;
  #startupUsedMs = 0;
  #entries = 0;
  /** Its events may share an entry. */
  #isJoinable = false;

  /** Throws when no isolate can be made; no addon code has run then. */
  constructor(vm: IsolatedVm, maker: IsolateMaker, { clock, deadlines, jobs }: Shared, settings: LoadText) {
    this.#vm = vm;
    this.#deadlines = deadlines;
    this.#settings = settings;
    this.#suspectUntilMs = settings.isSuspect === true ? performance.now() + suspicionMs : 0;
    this.#bridge = makeBridge(settings.limits, (piece) => this.#work.run(piece));
    this.#door = makeNative(settings.limits, jobs);
    this.#guest = maker.make(settings.limits.memoryMiB, { post: this.#bridge.post, done: this.#bridge.done, native: this.#door.native, work: this.#work, lent: (call, index) => this.#lentTo(call, index) });
    this.#meter = makeMeter(this.#guest.isolate, clock);
  }

  get heapBytes(): number { return this.#meter.heapBytes; }

  dispose(): void {
    if (!this.#guest.isolate.isDisposed) this.#guest.isolate.dispose();
  }

  /** Compiles and runs the addon; the text of the result is LoadedText. Any failure leaves the isolate useless. */
  load(settingsJson: string, bundle: string): EntryResult {
    const { isolate, context, entries } = this.#guest;
    this.#isJoinable = !mentionsPromises(bundle);
    return this.#enter(0, this.#startupClock(), (timeout) => {
      const prepared = this.#answer(readGuestResult(entries.prepare.applySync(undefined, [settingsJson], { timeout })), 0, timeout);
      if (prepared.status !== resultStatus.unchanged) return prepared;
      try {
        // The ";0" makes the script's value one that may cross.
        const script = isolate.compileScriptSync(`${bundle}\n;0`, { filename: this.#settings.file });
        script.runSync(context, { timeout, release: true });
      } catch (error) {
        if (isolate.isDisposed || isTimeout(error)) throw error;
        return faultAnswer({ code: "load-failed", message: thrownMessage(error) });
      }
      return this.#answer(readGuestResult(entries.load.applySync(undefined, [], { timeout })), 0, timeout);
    });
  }

  /** Runs one event. A handler that settles within the entry has its final answer here, not `pending`. */
  dispatch({ call, releasedKeys, text, attachments, cpuMs, isStartup }: DispatchInput): EntryResult {
    const clock: Clock = isStartup ? this.#startupClock() : { limit: "cpuMs", valueMs: cpuMs, leftMs: cpuMs };
    let hasReturned = false;
    if (attachments.length > 0) this.#lent = [{ call, text, attachments }];
    const result = this.#enter(call, clock, (timeout) => {
      const { dispatch, dispatchPieces } = this.#guest.entries;
      // PERF: without the spread the common call is 0.3 µs cheaper (bench/cell-hop).
      const returned = attachments.length > 0 ? dispatch.applySync(undefined, [call, releasedKeys, text, ...this.#lendable(attachments)], { timeout })
        : isSplit(text) ? dispatchPieces.applySync(undefined, [call, releasedKeys, ...piecesOf(text)], { timeout })
        : dispatch.applySync(undefined, [call, releasedKeys, text], { timeout });
      hasReturned = true;
      return this.#answer(readGuestResult(returned), call, timeout);
    });
    return this.#settled(call, result, hasReturned);
  }

  /** The result of a call's entry, when what it settled within it is taken into account. `hasReturned`: the guest did. */
  #settled(call: number, result: EntryResult, hasReturned: boolean): EntryResult {
    // The engine ended it for a rejection that nobody handled, whatever the handler returned: that is the answer, now and later.
    if (isRejected(result, hasReturned)) this.#bridge.abandon(call);
    if (result.status === resultStatus.pending) return this.#settleAtOnce(call, result);
    // It settled and then failed within the same entry: the fault is the answer, and the only one.
    return result.status === resultStatus.failed ? { ...result, posts: result.posts.filter(({ kind, id }) => kind !== "settled" || id !== call) } : result;
  }

  /**
   * Runs events one after the other, in one entry where that is as good as one for each: the results of the first ones, at least one; the
   * others have not been run. After a result with `isFatal` there is none. `begins` hears of each call before it runs. PERF: bench/isolate-entry.
   */
  dispatchMany(events: readonly JoinedEvent[], releasedKeys: string, cpuMs: number, begins: (call: number) => void): readonly EntryResult[] {
    const [first, ...others] = events;
    if (first === undefined) return [];
    begins(first.call);
    if (others.length === 0 || !this.#isJoinable) return [this.dispatch({ ...first, releasedKeys, cpuMs, isStartup: false })];
    const { calls, pieces, bodies } = joinedInput(events);
    const joined = bodies === undefined ? undefined : this.#handOver(bodies);
    let hasReturned = false;
    const startedAtMs = performance.now();
    this.#lent = events;
    const result = this.#enter(first.call, { limit: "cpuMs", valueMs: cpuMs, leftMs: cpuMs }, (timeout) => {
      const returned = this.#guest.entries.dispatchMany.applySync(undefined, [calls, releasedKeys, joined, ...pieces], { timeout });
      hasReturned = true;
      return this.#answer(readGuestResult(returned), this.#bridge.current, timeout);
    }, others.map(({ call }) => call), begins);
    const last = this.#settled(this.#bridge.current, result, hasReturned);
    const results = partedResults(this.#bridge.doneCalls, { startedAtMs, endedAtMs: performance.now(), last, isUnclear: isRejected(result, hasReturned) });
    if (results.at(-1)?.isFatal === true) this.dispose();
    return results;
  }

  /** Answers a host call; the result is `unchanged` or `failed`, what it settled is in the posts. */
  resume(hostCall: number, text: string, attachments: readonly Buffer[], cpuMs: number): EntryResult {
    return this.#enter(0, { limit: "cpuMs", valueMs: cpuMs, leftMs: cpuMs }, (timeout) =>
      this.#answer(readGuestResult(this.#guest.entries.resume.applySync(undefined, [hostCall, text, ...this.#copies(attachments)], { timeout })), 0, timeout));
  }

  #startupClock(): Clock {
    const valueMs = this.#settings.limits.startupMs;
    return { limit: "startupMs", valueMs, leftMs: Math.max(0, valueMs - this.#startupUsedMs) };
  }

  #enter(call: number, clock: Clock, run: (timeoutMs: number) => Answer, following?: readonly number[], begins?: (call: number) => void): EntryResult {
    const startedAt = performance.now();
    this.#bridge.open(call, following, begins);
    const mostMs = clock.limit === "cpuMs" && startedAt < this.#suspectUntilMs ? suspectGraceMs : graceMs;
    this.#work.open(clock.leftMs + leastGrace(mostMs));
    const timeout = this.#deadlines.timeout(clock.leftMs, mostMs, startedAt);
    let answer: Answer;
    try {
      answer = run(timeout);
    } catch (error) {
      answer = this.#stopped(error, clock, startedAt) ?? this.#rejected(error, this.#bridge.current, clock, startedAt, timeout);
    }
    this.#lent = noEvents;
    const posts = this.#bridge.close();
    const cpuMicros = this.#meter.lap(this.#work.micros);
    if (clock.limit === "startupMs") this.#startupUsedMs += cpuMicros / 1_000;
    const ownMicros = cpuMicros * this.#shareOfLast(startedAt);
    if (!answer.isFatal) answer = this.#broken(clock, ownMicros) ?? answer;
    else if (answer.isTimeout === true) answer = timedOut(clock, ownMicros);
    if (answer.isFatal) this.dispose();
    const { status, text, attachments, isFatal } = answer;
    // Other threads stop for no limit of an entry: what they spent is for the budget only.
    return { status, text, attachments, isFatal, cpuMicros: cpuMicros + this.#door.takeBesideMicros(), posts };
  }

  /** Which part of an entry that is just over the call had that ran last. */
  #shareOfLast(startedAtMs: number): number {
    const before = this.#bridge.doneCalls.at(-1);
    if (before === undefined) return 1;
    const now = performance.now();
    return (now - before.endedAtMs) / Math.max(now - startedAtMs, Number.EPSILON);
  }

  /** What stopped an entry that did not return; null: nothing did, the engine has a rejection to tell of. */
  #stopped(error: unknown, clock: Clock, startedAt: number): Answer | null {
    const { isolate } = this.#guest;
    if (isolate.isDisposed) return faultAnswer(memoryFault(this.#settings.limits.memoryMiB));
    if (isTimeout(error)) return { ...faultAnswer(timeFault(clock, performance.now() - startedAt)), isTimeout: true };
    return null;
  }

  /** Asks the guest's listeners about a rejection that nobody handled, in what is left of the entry's time; once for each entry. */
  #rejected(error: unknown, call: number, clock: Clock, startedAt: number, timeoutMs: number): Answer {
    const timeout = Math.max(leastQuestionMs, Math.floor(timeoutMs - (performance.now() - startedAt)));
    try {
      const kept: unknown = this.#guest.entries.rejected.applySync(undefined, [JSON.stringify(rejectionReason(error))], { timeout });
      return kept === "" ? faultAnswer(engineFault(error, "threw")) : this.#answer(readGuestResult(kept), call, timeout);
    } catch (again) {
      return this.#stopped(again, clock, startedAt) ?? faultAnswer(engineFault(again, "threw"));
    }
  }

  /** The limit that an entry broke although it returned. */
  #broken(clock: Clock, cpuMicros: number): Answer | null {
    if (this.#bridge.fault !== null) return faultAnswer(this.#bridge.fault);
    const late = lateFault(clock, cpuMicros);
    if (late !== null) return faultAnswer(late);
    // Only for reports: what is in use includes garbage, so it says nothing about the limit.
    if (++this.#entries % entriesPerWeighing === 1) this.#meter.weigh();
    return null;
  }

  /** A result with its attachments, if all of it is within `mutationBytes`. */
  #answer(result: GuestResult | null, call: number, timeout: number): Answer {
    if (result === null) return readAnswer(null, noBuffers);
    const { mutationBytes } = this.#settings.limits;
    let bytes = result.text.length;
    const buffers: ArrayBuffer[] = [];
    for (let index = 0; index < result.attachments && bytes <= mutationBytes; index++) {
      // PERF: out of the isolate in one copy; with `copy: true` there would be a second one here.
      const buffer: unknown = this.#guest.entries.attachment.applySync(undefined, [call, index], { timeout, result: { externalCopy: true } }).copy({ release: true, transferIn: true });
      if (!(buffer instanceof ArrayBuffer)) return readAnswer(null, noBuffers);
      bytes += buffer.byteLength;
      buffers.push(buffer);
    }
    if (bytes <= mutationBytes) return readAnswer(result, buffers);
    return faultAnswer({ code: "mutation-too-large", message: `changes larger than ${mutationBytes} bytes`, limit: { name: "mutationBytes", value: mutationBytes, used: bytes, unit: "bytes" } });
  }

  /** An async handler that needed nothing from outside has settled before the entry ended: its answer is the result. */
  #settleAtOnce(call: number, result: EntryResult): EntryResult {
    const isOwn = ({ kind, id }: Post): boolean => kind === "settled" && id === call;
    const own = result.posts.find(isOwn);
    if (own === undefined) {
      this.#bridge.pending.add(call);
      return result;
    }
    const answer = readSettled(own);
    if (answer.isFatal) this.dispose();
    const { status, text, attachments, isFatal } = answer;
    return { status, text, attachments, isFatal, cpuMicros: result.cpuMicros, posts: result.posts.filter((post) => !isOwn(post)) };
  }

  /** WALL: only while that call runs, so that no event is read as another one's. */
  #lentTo(call: number, index: number): Buffer | undefined {
    if (call !== this.#bridge.current) return undefined;
    return this.#lent.find((event) => event.call === call)?.attachments[index];
  }

  /** PERF: what is large is fetched by whoever wants it as bytes, or decoded where it lies (bench/isolate-entry). */
  #lendable(attachments: readonly Buffer[]): (Copy<ArrayBuffer> | number)[] {
    return attachments.map((bytes) => (bytes.length >= leastLentBytes ? bytes.length : this.#handOver(copyOf(bytes))));
  }

  #copies(attachments: readonly Buffer[]): Copy<ArrayBuffer>[] {
    return attachments.map((bytes) => this.#handOver(copyOf(bytes)));
  }

  #handOver(buffer: ArrayBuffer): Copy<ArrayBuffer> {
    return new this.#vm.ExternalCopy(buffer, { transferOut: true }).copyInto({ release: true, transferIn: true });
  }
}
