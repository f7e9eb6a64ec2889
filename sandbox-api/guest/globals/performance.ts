// `performance` (W3C High Resolution Time): whole milliseconds, which never go back. It is an EventTarget, as the standard has it, from
// the moment when somebody could tell: its listeners are the part "events", so that asking for the time loads nothing.
import { dateNow, define, defineProperty, freeze, setPrototypeOf, toStringTagSymbol } from "../intrinsics.ts";

export interface PerformanceDoor {
  readonly object: object;
  /** Called by the part: gives the object what targets have. */
  readonly inherit: (targetPrototype: object) => void;
}

const targetMethods = ["addEventListener", "removeEventListener", "dispatchEvent"] as const;

/** `load` loads the part "events". */
export function makePerformance(load: () => void): PerformanceDoor {
  const timeOrigin = dateNow();
  let last = 0;
  const prototype: { [name: string]: unknown } = {
    get timeOrigin(): number { return timeOrigin; },
    now(): number {
      const passed = dateNow() - timeOrigin;
      return (last = passed > last ? passed : last);
    },
    toJSON(): object { return { timeOrigin }; },
  };
  define(prototype, toStringTagSymbol, "Performance", false);
  for (let index = 0; index < targetMethods.length; index++) {
    const name = targetMethods[index]!;
    const get = (): unknown => {
      load();
      return prototype[name];
    };
    defineProperty(prototype, name, { __proto__: null, get, enumerable: true, configurable: true } as PropertyDescriptor);
  }
  const object: object = freeze({ __proto__: prototype });
  return {
    object,
    inherit: (targetPrototype) => {
      for (let index = 0; index < targetMethods.length; index++) delete prototype[targetMethods[index]!];
      setPrototypeOf(prototype, targetPrototype);
    },
  };
}
