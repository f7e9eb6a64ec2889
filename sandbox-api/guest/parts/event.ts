// Event, CustomEvent, ErrorEvent and PromiseRejectionEvent (WHATWG DOM §2, HTML §8.1.4). There is no tree: an event visits its target
// and nothing else.
import { constants, describe, dictionary, needs, text, unsigned } from "./idl.ts";
import { assign, RealTypeError, bareArray, dateNow, defineProperty, isObject, ordinaryArray, setPrototypeOf } from "./intrinsics.ts";

const origin = dateNow();

/** What dispatch keeps of an event. */
export interface EventState {
  type: string;
  bubbles: boolean;
  cancelable: boolean;
  target: object | null;
  current: object | null;
  phase: number;
  isDispatched: boolean;
  isInitialized: boolean;
  isCanceled: boolean;
  isPassive: boolean;
  isStopped: boolean;
  isStoppedAtOnce: boolean;
  isTrusted: boolean;
}

const door: { stateOf: (event: unknown) => EventState | null } = { stateOf: () => null };
/** The state of an event; null for whatever is none. */
export const eventState = (event: unknown): EventState | null => door.stateOf(event);

const isTrustedGetter = Object.getOwnPropertyDescriptor({ get isTrusted(): boolean { return eventState(this)?.isTrusted ?? needEvent(); } }, "isTrusted")?.get;
function needEvent(): never {
  throw new RealTypeError("no Event");
}

export class Event {
  readonly #state: EventState;
  readonly #composed: boolean;
  readonly #timeStamp = dateNow() - origin;

  constructor(type: unknown, init?: unknown) {
    needs(1, arguments.length, "Event");
    const name = text(type);
    const { bubbles, cancelable, composed } = dictionary(init, "eventInitDict");
    this.#composed = !!composed;
    this.#state = {
      type: name, bubbles: !!bubbles, cancelable: !!cancelable, target: null, current: null, phase: 0, isDispatched: false, isInitialized: true,
      isCanceled: false, isPassive: false, isStopped: false, isStoppedAtOnce: false, isTrusted: false,
    };
    defineProperty(this, "isTrusted", { __proto__: null, get: isTrustedGetter, enumerable: true, configurable: false } as PropertyDescriptor);
  }
  static {
    door.stateOf = (event) => (isObject(event) && #state in event ? event.#state : null);
  }
  get type(): string { return this.#state.type; }
  get target(): object | null { return this.#state.target; }
  get srcElement(): object | null { return this.#state.target; }
  get currentTarget(): object | null { return this.#state.current; }
  composedPath(): object[] {
    const path = bareArray<object>();
    if (this.#state.current !== null) path[0] = this.#state.current;
    return ordinaryArray(path);
  }
  get eventPhase(): number { return this.#state.phase; }
  stopPropagation(): void { this.#state.isStopped = true; }
  get cancelBubble(): boolean { return this.#state.isStopped; }
  set cancelBubble(value: unknown) { if (value) this.#state.isStopped = true; }
  stopImmediatePropagation(): void {
    this.#state.isStopped = true;
    this.#state.isStoppedAtOnce = true;
  }
  get bubbles(): boolean { return this.#state.bubbles; }
  get cancelable(): boolean { return this.#state.cancelable; }
  get returnValue(): boolean { return !this.#state.isCanceled; }
  set returnValue(value: unknown) { if (!value) cancel(this.#state); }
  preventDefault(): void { cancel(this.#state); }
  get defaultPrevented(): boolean { return this.#state.isCanceled; }
  get composed(): boolean { return this.#composed; }
  get timeStamp(): number { return this.#timeStamp; }
  initEvent(type: unknown, bubbles: unknown = false, cancelable: unknown = false): void {
    const state = this.#state;
    needs(1, arguments.length, "initEvent");
    const name = text(type);
    if (state.isDispatched) return;
    assign(state, { type: name, bubbles: !!bubbles, cancelable: !!cancelable, target: null, isCanceled: false, isStopped: false, isStoppedAtOnce: false, isTrusted: false });
  }
}
describe(Event, "Event");
constants(Event, { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 });

/** What preventDefault does. */
export function cancel(state: EventState): void {
  if (state.cancelable && !state.isPassive) state.isCanceled = true;
}

/** Marks an event as one that the realm itself made. */
export function trusted<E extends Event>(event: E): E {
  eventState(event)!.isTrusted = true;
  return event;
}

export class CustomEvent extends Event {
  #detail: unknown;
  constructor(type: unknown, init?: unknown) {
    needs(1, arguments.length, "CustomEvent");
    super(type, init);
    const { detail } = dictionary(init, "eventInitDict");
    this.#detail = detail === undefined ? null : detail;
  }
  get detail(): unknown { return this.#detail; }
  initCustomEvent(type: unknown, bubbles: unknown = false, cancelable: unknown = false, detail: unknown = null): void {
    needs(1, arguments.length, "initCustomEvent");
    if (eventState(this)?.isDispatched === true) return;
    this.initEvent(type, bubbles, cancelable);
    this.#detail = detail;
  }
}
describe(CustomEvent, "CustomEvent");

export class ErrorEvent extends Event {
  readonly #init: { readonly message: string; readonly filename: string; readonly lineno: number; readonly colno: number; readonly error: unknown };
  constructor(type: unknown, init?: unknown) {
    needs(1, arguments.length, "ErrorEvent");
    super(type, init);
    const { message = "", filename = "", lineno = 0, colno = 0, error } = dictionary(init, "eventInitDict");
    this.#init = { colno: unsigned(colno, 32), error, filename: text(filename), lineno: unsigned(lineno, 32), message: text(message) };
  }
  get message(): string { return this.#init.message; }
  get filename(): string { return this.#init.filename; }
  get lineno(): number { return this.#init.lineno; }
  get colno(): number { return this.#init.colno; }
  get error(): unknown { return this.#init.error; }
}
describe(ErrorEvent, "ErrorEvent");

export class PromiseRejectionEvent extends Event {
  readonly #promise: object;
  readonly #reason: unknown;
  constructor(type: unknown, init: unknown) {
    needs(2, arguments.length, "PromiseRejectionEvent");
    super(type, init);
    const { promise, reason } = dictionary(init, "eventInitDict");
    if (!isObject(promise)) throw new RealTypeError("PromiseRejectionEvent: promise must be an object");
    this.#promise = promise;
    this.#reason = reason;
  }
  get promise(): object { return this.#promise; }
  get reason(): unknown { return this.#reason; }
}
describe(PromiseRejectionEvent, "PromiseRejectionEvent");
for (const type of [Event, CustomEvent, ErrorEvent]) $kernel.intrinsics.define(type, "length", 1, false);
setPrototypeOf(CustomEvent, Event);
