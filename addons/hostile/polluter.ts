// Poisons every prototype it can reach. Only its own isolate suffers, and even there the bridge keeps working.
import type { HTTPFlow } from "flowcell";

const noop = (): undefined => undefined;
for (const prototype of [Object.prototype, Array.prototype, String.prototype, Function.prototype, Promise.prototype, Map.prototype]) {
  for (const key of Reflect.ownKeys(prototype)) {
    if (key !== "constructor") Reflect.defineProperty(prototype, key, { value: noop });
  }
}

export function response(flow: HTTPFlow): void {
  flow.kill = noop;
}
