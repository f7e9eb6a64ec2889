// One addon in its isolate: every entry is `applySync` with a timeout on the main thread (WALL 2), measured before and after, and
// the isolate is disposed after any time-out or memory error. Never async apply, promise results or references into the isolate.
import type { Copy } from "isolated-vm";
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import { type GuestResult, readGuestResult } from "../../sandbox-api/schema/guest-contract.ts";
import { type LoadText, resultStatus } from "../../sandbox-api/wire/messages.ts";
import type { IsolatedVm } from "./binary.ts";
import { type Bridge, makeBridge, type Post } from "./bridge.ts";
import { graceMs, leastGrace, makeDeadlines, suspectGraceMs, type Deadlines } from "./deadline.ts";
import { type GuestIsolate, type IsolateMaker, mostPieces, pieceChars } from "./create.ts";
import { makeMeter, makeThreadClock, type Meter, type ThreadClock } from "./meter.ts";
import { NativeWork } from "./native-work.ts";
import { makeNative, type NativeDoor } from "../native/native.ts";
import { PairJobs } from "../native/pair-jobs.ts";
import { type Answer, type EntryResult, faultAnswer, engineFault, isTimeout, readAnswer, rejectionReason, readSettled, thrownMessage } from "./result.ts";

const entriesPerWeighing = 128;
const noBuffers: readonly ArrayBuffer[] = Object.freeze([]);

/** The kernel counts a thread's CPU time in ticks of 4 ms and charges it what interrupts cost: an entry that returned gets this much more. */
const toleratedShare = 1.5;
/** A timer that fires before an entry has had this share of its CPU time says more about the machine than about the addon. */
const starvedShare = 0.5;

/** An entry that was late is not ended for the question whether somebody listens. */
const leastQuestionMs = 20;

/** What an entry may use. */
interface Clock { readonly limit: "cpuMs" | "startupMs"; readonly valueMs: number; readonly leftMs: number }

/** What all isolates of a process share. */
export interface Shared { readonly clock: ThreadClock; readonly deadlines: Deadlines; readonly jobs: PairJobs }
export const makeShared = (): Shared => ({ clock: makeThreadClock(), deadlines: makeDeadlines(), jobs: new PairJobs() });

export interface DispatchInput {
  readonly call: number;
  /** Comma-separated keys. */
  readonly releasedKeys: string;
  readonly text: string;
  readonly attachments: readonly ArrayBuffer[];
  /** Nobody needs the attachments afterwards: they may move into the isolate. */
  readonly mayTake: boolean;
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
  #startupUsedMs = 0;
  #entries = 0;

  /** Throws when no isolate can be made; no addon code has run then. */
  constructor(vm: IsolatedVm, maker: IsolateMaker, { clock, deadlines, jobs }: Shared, settings: LoadText) {
    this.#vm = vm;
    this.#deadlines = deadlines;
    this.#settings = settings;
    this.#bridge = makeBridge(settings.limits);
    this.#door = makeNative(settings.limits, jobs);
    this.#guest = maker.make(settings.limits.memoryMiB, { post: this.#bridge.post, native: this.#door.native, work: this.#work });
    this.#meter = makeMeter(this.#guest.isolate, clock);
  }

  get heapBytes(): number { return this.#meter.heapBytes; }

  dispose(): void {
    if (!this.#guest.isolate.isDisposed) this.#guest.isolate.dispose();
  }

  /** Compiles and runs the addon; the text of the result is LoadedText. Any failure leaves the isolate useless. */
  load(settingsJson: string, bundle: string): EntryResult {
    const { isolate, context, entries } = this.#guest;
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
  dispatch({ call, releasedKeys, text, attachments, mayTake, cpuMs, isStartup }: DispatchInput): EntryResult {
    const clock: Clock = isStartup ? this.#startupClock() : { limit: "cpuMs", valueMs: cpuMs, leftMs: cpuMs };
    let hasReturned = false;
    const result = this.#enter(call, clock, (timeout) => {
      const { dispatch, dispatchPieces } = this.#guest.entries;
      const isSplit = text.length > pieceChars && text.length <= mostPieces * pieceChars;
      // PERF: without the spread the common call is 0.3 µs cheaper (bench/cell-hop).
      const returned = attachments.length > 0 ? dispatch.applySync(undefined, [call, releasedKeys, text, ...this.#handOver(attachments, mayTake)], { timeout })
        : isSplit ? dispatchPieces.applySync(undefined, [call, releasedKeys, ...piecesOf(text)], { timeout })
        : dispatch.applySync(undefined, [call, releasedKeys, text], { timeout });
      hasReturned = true;
      return this.#answer(readGuestResult(returned), call, timeout);
    });
    // The engine ended it for a rejection that nobody handled, whatever the handler returned: that is the answer, now and later.
    if (!hasReturned && !result.isFatal && result.status === resultStatus.failed) this.#bridge.abandon(call);
    if (result.status === resultStatus.pending) return this.#settleAtOnce(call, result);
    // It settled and then failed within the same entry: the fault is the answer, and the only one.
    return result.status === resultStatus.failed ? { ...result, posts: result.posts.filter(({ kind, id }) => kind !== "settled" || id !== call) } : result;
  }

  /** Answers a host call; the result is `unchanged` or `failed`, what it settled is in the posts. */
  resume(hostCall: number, text: string, attachments: readonly ArrayBuffer[], cpuMs: number): EntryResult {
    return this.#enter(0, { limit: "cpuMs", valueMs: cpuMs, leftMs: cpuMs }, (timeout) =>
      this.#answer(readGuestResult(this.#guest.entries.resume.applySync(undefined, [hostCall, text, ...this.#handOver(attachments, true)], { timeout })), 0, timeout));
  }

  #startupClock(): Clock {
    const valueMs = this.#settings.limits.startupMs;
    return { limit: "startupMs", valueMs, leftMs: Math.max(0, valueMs - this.#startupUsedMs) };
  }

  #enter(call: number, clock: Clock, run: (timeoutMs: number) => Answer): EntryResult {
    const startedAt = performance.now();
    this.#bridge.open(call);
    const mostMs = clock.limit === "cpuMs" && this.#settings.isSuspect === true ? suspectGraceMs : graceMs;
    this.#work.open(clock.leftMs + leastGrace(mostMs));
    const timeout = this.#deadlines.timeout(clock.leftMs, mostMs, startedAt);
    let answer: Answer;
    try {
      answer = run(timeout);
    } catch (error) {
      answer = this.#stopped(error, clock, startedAt) ?? this.#rejected(error, call, clock, startedAt, timeout);
    }
    const posts = this.#bridge.close();
    const cpuMicros = this.#meter.lap(this.#work.micros);
    if (clock.limit === "startupMs") this.#startupUsedMs += cpuMicros / 1_000;
    if (!answer.isFatal) answer = this.#broken(clock, cpuMicros) ?? answer;
    else if (answer.isTimeout === true) answer = timedOut(clock, cpuMicros);
    if (answer.isFatal) this.dispose();
    const { status, text, attachments, isFatal } = answer;
    // Other threads stop for no limit of an entry: what they spent is for the budget only.
    return { status, text, attachments, isFatal, cpuMicros: cpuMicros + this.#door.takeBesideMicros(), posts };
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
    if (cpuMicros > clock.leftMs * 1_000 * toleratedShare) return faultAnswer(timeFault(clock, clock.valueMs - clock.leftMs + cpuMicros / 1_000));
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

  #handOver(attachments: readonly ArrayBuffer[], mayTake: boolean): Copy<ArrayBuffer>[] {
    return attachments.map((buffer) => new this.#vm.ExternalCopy(buffer, { transferOut: mayTake }).copyInto({ release: true, transferIn: true }));
  }
}

function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; at += pieceChars) pieces.push(text.slice(at, at + pieceChars));
  return pieces;
}

/** The clock on the wall ended it: what it had used by then says whether that was its own doing. */
function timedOut(clock: Clock, cpuMicros: number): Answer {
  const usedMs = cpuMicros / 1_000;
  if (clock.limit === "cpuMs" && usedMs < clock.leftMs * starvedShare) return starvedAnswer(clock, cpuMicros);
  return faultAnswer(timeFault(clock, clock.valueMs - clock.leftMs + Math.max(clock.leftMs, usedMs)));
}

/** Nobody's fault: the timer is a clock on the wall, and this thread did not run while it went. The host asks again. */
function starvedAnswer({ valueMs }: Clock, cpuMicros: number): Answer {
  const used = Math.round(cpuMicros / 1_000);
  const limit = { name: "cpuMs", value: valueMs, used, unit: "ms" };
  return faultAnswer({ code: "starved", message: `ran for ${used} of its ${valueMs} ms of CPU time before the clock ended it`, limit });
}

function timeFault({ limit, valueMs }: Clock, usedMs: number): Fault {
  const used = Math.round(usedMs);
  return limit === "cpuMs"
    ? { code: "cpu-limit", message: `ran for ${used} ms, ${valueMs} ms of CPU time are allowed`, limit: { name: limit, value: valueMs, used, unit: "ms" } }
    : { code: "startup-limit", message: `took ${used} ms to start, ${valueMs} ms of CPU time are allowed`, limit: { name: limit, value: valueMs, used, unit: "ms" } };
}

function memoryFault(memoryMiB: number): Fault {
  return { code: "memory-limit", message: `its heap outgrew ${memoryMiB} MiB`, limit: { name: "memoryMiB", value: memoryMiB, used: memoryMiB, unit: "MiB" } };
}
