// setTimeout, setInterval and queueMicrotask. The clock is the host's: a timer is a host call that is answered when it is due, and
// its callback runs in that timed entry. Code given as text is what eval makes of it, which every addon has anyway.
import { RealMap, RealTypeError, apply, isFunction, mapDelete, mapGet, mapSet } from "../intrinsics.ts";
import type { HostPort } from "../host-port.ts";

type Callback = (...args: readonly unknown[]) => unknown;

// Called by another name, it runs code in the global scope.
const evaluate: (code: string) => unknown = eval;

interface Timer {
  readonly id: number;
  readonly callback: Callback;
  readonly args: readonly unknown[];
  readonly ms: number;
  readonly isRepeated: boolean;
  hostCall: number;
}

export class Timers {
  readonly #port: HostPort;
  readonly #byId = new RealMap<number, Timer>();
  readonly #byHostCall = new RealMap<number, Timer>();
  #lastId = 0;

  constructor(port: HostPort) {
    this.#port = port;
  }

  set(callback: unknown, ms: unknown, args: readonly unknown[], isRepeated: boolean): number {
    const run = isFunction(callback) ? callback : codeOf(callback);
    // Web IDL's `long`: 2^31 and more wrap around.
    const delay = +(ms as number) | 0;
    const bounded = delay > 0 ? delay : 0;
    const timer: Timer = { id: this.#lastId + 1, callback: run, args, ms: isRepeated && bounded < 1 ? 1 : bounded, isRepeated, hostCall: 0 };
    this.#arm(timer);
    this.#lastId = timer.id;
    mapSet(this.#byId, timer.id, timer);
    return timer.id;
  }

  clear(id: unknown): void {
    const timer = mapGet(this.#byId, +(id as number) | 0);
    if (timer === undefined) return;
    mapDelete(this.#byId, timer.id);
    mapDelete(this.#byHostCall, timer.hostCall);
    this.#port.forget(timer.hostCall);
    this.#port.tell(`{"call":"timer.clear","id":${timer.hostCall}}`);
  }

  /** Runs the timer that this host call armed, if it still stands; false if there is none. What its callback throws goes to the caller. */
  fire(hostCall: number): boolean {
    const timer = mapGet(this.#byHostCall, hostCall);
    if (timer === undefined) return false;
    mapDelete(this.#byHostCall, hostCall);
    if (timer.isRepeated) this.#arm(timer);
    else mapDelete(this.#byId, timer.id);
    apply(timer.callback, undefined, timer.args);
    return true;
  }

  #arm(timer: Timer): void {
    timer.hostCall = this.#port.ask(`{"call":"timer.set","ms":${timer.ms}}`);
    mapSet(this.#byHostCall, timer.hostCall, timer);
  }
}

/** Web IDL takes whatever is no function for text; its toString runs now, the code when the timer is due. */
function codeOf(value: unknown): Callback {
  if (typeof value === "symbol") throw new RealTypeError("a timer needs a function or code, not a symbol");
  const code = `${value as string}`;
  return () => evaluate(code);
}

/** `await` of a primitive runs nobody's code, whatever Promise.prototype has become. */
export async function runMicrotask(report: (thrown: unknown) => void, callback: unknown): Promise<void> {
  await undefined;
  try {
    apply(callback as Callback, undefined, []);
  } catch (thrown) {
    report(thrown);
  }
}
