// AbortController and AbortSignal (WHATWG DOM §3), with `timeout` and `any`.
import { DOMException } from "./dom-exception.ts";
import { Event, trusted } from "./event.ts";
import { EventTarget, fire, handlerAttribute, signalDoor } from "./event-target.ts";
import { describe, needs, unsigned } from "./idl.ts";
import { assign, RealTypeError, bareArray, defineProperty, isObject, setPrototypeOf } from "./intrinsics.ts";

/** Only this file makes signals. */
const key = {};

class SignalState {
  isAborted = false;
  reason: unknown = undefined;
  /** What is to be done before anybody is told. */
  algorithms = bareArray<() => void>();
  /** Of a signal made by `any`: the signals it stands for that stand for no others. */
  readonly sources = bareArray<AbortSignal>();
  readonly dependents = bareArray<AbortSignal>();
  isDependent = false;
}

const door: { stateOf: (value: unknown) => SignalState | null } = { stateOf: () => null };
const stateOf = (value: unknown): SignalState | null => door.stateOf(value);

export class AbortSignal extends EventTarget {
  readonly #state = new SignalState();

  constructor(given?: unknown) {
    if (given !== key) throw new RealTypeError("use AbortController, AbortSignal.abort, AbortSignal.timeout or AbortSignal.any");
    super();
  }
  static {
    door.stateOf = (value) => (isObject(value) && #state in value ? value.#state : null);
  }
  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal(key);
    signal.#state.isAborted = true;
    signal.#state.reason = reason === undefined ? new DOMException("This operation was aborted", "AbortError") : reason;
    return signal;
  }
  static timeout(milliseconds: unknown): AbortSignal {
    needs(1, arguments.length, "AbortSignal.timeout");
    const ms = unsigned(milliseconds, 64, "enforce");
    const signal = new AbortSignal(key);
    $kernel.timers.set(() => abort(signal, new DOMException("The operation timed out", "TimeoutError")), ms < 2_147_483_647 ? ms : 2_147_483_647, [], false);
    return signal;
  }
  static any(signals: unknown): AbortSignal {
    needs(1, arguments.length, "AbortSignal.any");
    const list = bareArray<AbortSignal>();
    $kernel.eachOf("AbortSignal.any", signals, (each) => {
      if (stateOf(each) === null) throw new RealTypeError("AbortSignal.any: each must be an AbortSignal");
      list[list.length] = each as AbortSignal;
    });
    return anyOf(list);
  }
  get aborted(): boolean { return this.#state.isAborted; }
  get reason(): unknown { return this.#state.reason; }
  throwIfAborted(): void {
    if (this.#state.isAborted) throw this.#state.reason;
  }
}
describe(AbortSignal, "AbortSignal");
$kernel.intrinsics.define(AbortSignal, "length", 0, false);
setPrototypeOf(AbortSignal, EventTarget);
defineProperty(AbortSignal.prototype, "onabort", handlerAttribute("abort"));

function anyOf(list: readonly AbortSignal[]): AbortSignal {
  const result = new AbortSignal(key);
  const mine = stateOf(result)!;
  for (let index = 0; index < list.length; index++) {
    const { isAborted, reason } = stateOf(list[index])!;
    if (!isAborted) continue;
    mine.isAborted = true;
    mine.reason = reason;
    return result;
  }
  mine.isDependent = true;
  for (let index = 0; index < list.length; index++) {
    const theirs = stateOf(list[index])!;
    if (!theirs.isDependent) link(list[index]!, result);
    else for (let at = 0; at < theirs.sources.length; at++) link(theirs.sources[at]!, result);
  }
  return result;
}

function link(source: AbortSignal, dependent: AbortSignal): void {
  const { sources } = stateOf(dependent)!;
  for (let index = 0; index < sources.length; index++) if (sources[index] === source) return;
  sources[sources.length] = source;
  const { dependents } = stateOf(source)!;
  dependents[dependents.length] = dependent;
}

/** Aborts a signal and those that stand for it: first all are marked, then all are told. */
export function abort(signal: AbortSignal, reason: unknown): void {
  const state = stateOf(signal)!;
  if (state.isAborted) return;
  state.isAborted = true;
  state.reason = reason === undefined ? new DOMException("This operation was aborted", "AbortError") : reason;
  const told = bareArray<AbortSignal>();
  for (let index = 0; index < state.dependents.length; index++) {
    const dependent = stateOf(state.dependents[index])!;
    if (dependent.isAborted) continue;
    dependent.isAborted = true;
    dependent.reason = state.reason;
    told[told.length] = state.dependents[index]!;
  }
  tell(signal);
  for (let index = 0; index < told.length; index++) tell(told[index]!);
}

function tell(signal: AbortSignal): void {
  const state = stateOf(signal)!;
  const { algorithms } = state;
  state.algorithms = bareArray();
  for (let index = 0; index < algorithms.length; index++) algorithms[index]!();
  fire(signal, trusted(new Event("abort")));
}

/** For other parts: whether that is a signal, what its state is, and what to do when it is aborted. */
export const isSignal = (value: unknown): value is AbortSignal => stateOf(value) !== null;
export const isAborted = (value: unknown): boolean => stateOf(value)?.isAborted === true;
export const abortReason = (value: unknown): unknown => stateOf(value)?.reason;
/** `run` is called once, before listeners are told; not at all when it is aborted already. */
export function whenAborted(signal: unknown, run: () => void): void {
  const state = stateOf(signal);
  if (state !== null && !state.isAborted) state.algorithms[state.algorithms.length] = run;
}
/** A signal that follows another; what is done to one is not seen on the other. */
export const follow = (signal: AbortSignal): AbortSignal => anyOf([signal]);
/** A signal of nobody, that never aborts by itself. */
export const newSignal = (): AbortSignal => new AbortSignal(key);
assign(signalDoor, { isSignal, isAborted, whenAborted });

export class AbortController {
  readonly #signal = new AbortSignal(key);
  get signal(): AbortSignal { return this.#signal; }
  abort(reason?: unknown): void { abort(this.#signal, reason); }
}
describe(AbortController, "AbortController");
