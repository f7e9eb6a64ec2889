// EventTarget (WHATWG DOM §2.7): listeners in the order in which they were added, once, passive, signal, handlers as attributes. What
// a listener throws is reported (global-target.ts), and stops nobody else. The global and `performance` are targets without being
// made by the class.
import { describe, dictionary, needs, text } from "./idl.ts";
import { RealTypeError, apply, bareArray, define, isFunction, isObject, weakGet, weakSet, RealWeakMap } from "./intrinsics.ts";
import { domException } from "./errors.ts";
import { cancel, eventState, type Event, type EventState } from "./event.ts";

interface Listener {
  readonly type: string;
  readonly callback: object;
  readonly capture: boolean;
  readonly once: boolean;
  readonly passive: boolean;
  isRemoved: boolean;
}

/** As much of AbortSignal as listeners need; abort.ts fills it in. */
export const signalDoor: { readonly isSignal: (value: unknown) => boolean; readonly isAborted: (value: unknown) => boolean; readonly whenAborted: (signal: unknown, run: () => void) => void } = {
  isSignal: () => false, isAborted: () => false, whenAborted: () => undefined,
};

const door: { listenersOf: (target: unknown) => Listeners | null } = { listenersOf: () => null };

class Listeners {
  /** Replaced when it changes, so that a dispatch goes on with the list that it began with. */
  list = bareArray<Listener>();

  find(type: string, callback: unknown, capture: boolean): number {
    for (let index = 0; index < this.list.length; index++) {
      const listener = this.list[index]!;
      if (listener.type === type && listener.callback === callback && listener.capture === capture) return index;
    }
    return -1;
  }
  add(listener: Listener): void {
    const list = bareArray<Listener>();
    for (let index = 0; index < this.list.length; index++) list[index] = this.list[index]!;
    list[list.length] = listener;
    this.list = list;
  }
  remove(at: number): void {
    if (at < 0) return;
    this.list[at]!.isRemoved = true;
    const list = bareArray<Listener>();
    for (let index = 0; index < this.list.length; index++) if (index !== at) list[list.length] = this.list[index]!;
    this.list = list;
  }
}

const adopted = new RealWeakMap<object, Listeners>();
/** Makes a target of an object that is no instance; once. */
export const adopt = (target: object): void => void weakSet(adopted, target, new Listeners());

/** Web IDL: where `this` is nothing, the global is meant. */
const targetOf = (self: unknown): unknown => self ?? $kernel.realm;

function listenersOf(self: unknown): Listeners {
  const listeners = door.listenersOf(targetOf(self));
  if (listeners === null) throw new RealTypeError("no EventTarget");
  return listeners;
}

export class EventTarget {
  readonly #listeners = new Listeners();

  static {
    door.listenersOf = (target) => (isObject(target) ? (#listeners in target ? target.#listeners : (weakGet(adopted, target) ?? null)) : null);
  }
  addEventListener(type: unknown, callback: unknown, options?: unknown): void {
    const listeners = listenersOf(this);
    needs(2, arguments.length, "addEventListener");
    const name = text(type);
    if (callback !== null && callback !== undefined && !isObject(callback)) throw new RealTypeError("addEventListener: the listener must be a function or an object");
    const isObjectGiven = isObject(options);
    const given = isObjectGiven ? dictionary(options, "options") : null;
    const capture = given === null ? !!options : !!given["capture"];
    const once = given === null ? false : !!given["once"];
    const passive = given === null ? false : !!given["passive"];
    const signal = given === null ? undefined : given["signal"];
    if (signal !== undefined && !signalDoor.isSignal(signal)) throw new RealTypeError("addEventListener: signal must be an AbortSignal");
    if (signal !== undefined && signalDoor.isAborted(signal)) return;
    if (!isObject(callback) || listeners.find(name, callback, capture) >= 0) return;
    const listener: Listener = { type: name, callback, capture, once, passive, isRemoved: false };
    listeners.add(listener);
    if (signal !== undefined) signalDoor.whenAborted(signal, () => { if (!listener.isRemoved) listeners.remove(listeners.find(name, callback, capture)); });
  }
  removeEventListener(type: unknown, callback: unknown, options?: unknown): void {
    const listeners = listenersOf(this);
    needs(2, arguments.length, "removeEventListener");
    const name = text(type);
    if (callback !== null && callback !== undefined && !isObject(callback)) throw new RealTypeError("removeEventListener: the listener must be a function or an object");
    const capture = isObject(options) ? !!dictionary(options, "options")["capture"] : !!options;
    listeners.remove(listeners.find(name, callback, capture));
  }
  dispatchEvent(event: unknown): boolean {
    const listeners = listenersOf(this);
    needs(1, arguments.length, "dispatchEvent");
    const state = eventState(event);
    if (state === null) throw new RealTypeError("dispatchEvent: no Event");
    if (state.isDispatched || !state.isInitialized) throw domException("the event is being dispatched already", "InvalidStateError");
    state.isTrusted = false;
    return dispatch(targetOf(this) as object, listeners, event as Event, state);
  }
}
describe(EventTarget, "EventTarget");

/** Dispatches an event of the realm's own; false: a listener prevented what is done otherwise. */
export function fire(target: object, event: Event): boolean {
  return dispatch(target, listenersOf(target), event, eventState(event)!);
}

/** Whether anybody listens for that type. */
export function isAwaited(target: object, type: string): boolean {
  const { list } = listenersOf(target);
  for (let index = 0; index < list.length; index++) if (list[index]!.type === type) return true;
  return false;
}

function dispatch(target: object, listeners: Listeners, event: Event, state: EventState): boolean {
  state.isDispatched = true;
  state.target = target;
  state.current = target;
  state.phase = 2;
  // At the target those that capture come first.
  if (!state.isStopped) invoke(listeners, true, target, event, state);
  if (!state.isStopped) invoke(listeners, false, target, event, state);
  state.phase = 0;
  state.current = null;
  state.isDispatched = false;
  state.isStopped = false;
  state.isStoppedAtOnce = false;
  return !state.isCanceled;
}

function invoke(listeners: Listeners, capture: boolean, target: object, event: Event, state: EventState): void {
  const { list } = listeners;
  for (let index = 0; index < list.length && !state.isStoppedAtOnce; index++) {
    const listener = list[index]!;
    if (listener.isRemoved || listener.type !== state.type || listener.capture !== capture) continue;
    if (listener.once) listeners.remove(listeners.find(listener.type, listener.callback, capture));
    state.isPassive = listener.passive;
    try {
      call(listener.callback, target, event);
    } catch (thrown) {
      $kernel.report(thrown);
    }
    state.isPassive = false;
  }
}

function call(callback: object, target: object, event: Event): void {
  if (isFunction(callback)) return void apply(callback, target, [event]);
  const handle = $kernel.readMember(callback, "handleEvent");
  if (!isFunction(handle)) throw new RealTypeError("handleEvent is no function");
  apply(handle, callback, [event]);
}

interface Handler { value: object | null; isListening: boolean }

/** Calls a handler and does what its answer asks for. */
export type Handling = (handler: (...args: readonly unknown[]) => unknown, target: object, event: Event) => void;
export const handleEvent: Handling = (handler, target, event) => {
  if (apply(handler, target, [event]) === false) cancel(eventState(event)!);
};

/** An event handler attribute, such as `onabort`, for a prototype or a target. */
export function handlerAttribute(type: string, handle: Handling = handleEvent): PropertyDescriptor {
  const handlers = new RealWeakMap<object, Handler>();
  const accessor = {
    get handler(): unknown {
      listenersOf(this);
      return weakGet(handlers, targetOf(this) as object)?.value ?? null;
    },
    set handler(value: unknown) {
      const listeners = listenersOf(this);
      const target = targetOf(this) as object;
      const handler = weakGet(handlers, target) ?? { value: null, isListening: false };
      handler.value = isObject(value) ? value : null;
      weakSet(handlers, target, handler);
      if (handler.value === null || handler.isListening) return;
      handler.isListening = true;
      const listener = (event: Event): void => {
        if (isFunction(handler.value)) handle(handler.value, target, event);
      };
      listeners.add({ type, callback: listener, capture: false, once: false, passive: false, isRemoved: false });
    },
  };
  const { get, set } = Object.getOwnPropertyDescriptor(accessor, "handler")!;
  define(get!, "name", `get on${type}`, false);
  define(set!, "name", `set on${type}`, false);
  return { __proto__: null, get, set, enumerable: true, configurable: true } as PropertyDescriptor;
}
