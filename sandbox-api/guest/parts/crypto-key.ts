// CryptoKey (W3C Web Crypto §13): what an addon sees of a key. There is no material here: the cell holds it, outside of the isolate, and
// a key has a handle with the cell's number for it in a private field.
import { describe } from "./idl.ts";
import { RealTypeError, freeze, isObject, ordinaryArray } from "./intrinsics.ts";
import type { KeyHandle } from "./key-handles.ts";
import type { KeyType, KeyUsage } from "../../schema/crypto.ts";

export interface KeyAlgorithm { readonly name: string; readonly hash?: { readonly name: string }; readonly namedCurve?: string; readonly length?: number; readonly modulusLength?: number; readonly publicExponent?: Uint8Array }
export interface KeyState { readonly handle: KeyHandle; readonly type: KeyType; readonly extractable: boolean; readonly algorithm: KeyAlgorithm; readonly usages: readonly KeyUsage[] }

const door: { stateOf: (value: unknown) => KeyState | null } = { stateOf: () => null };
/** Only this part makes keys. */
const key = {};

export class CryptoKey {
  readonly #state: KeyState;
  readonly #algorithm: object;
  readonly #usages: readonly string[];
  constructor(given?: unknown, state?: KeyState) {
    if (given !== key || state === undefined) throw new RealTypeError("keys are made by crypto.subtle");
    this.#state = state;
    this.#algorithm = { ...state.algorithm };
    this.#usages = ordinaryArray(state.usages);
  }
  static {
    door.stateOf = (value) => (isObject(value) && #state in value ? value.#state : null);
  }
  get type(): KeyType { return this.#state.type; }
  get extractable(): boolean { return this.#state.extractable; }
  get algorithm(): object { return this.#algorithm; }
  get usages(): readonly string[] { return this.#usages; }
}
describe(CryptoKey, "CryptoKey", (value) => {
  const state = door.stateOf(value);
  return state === null ? undefined : makeKey(state);
});
$kernel.intrinsics.define(CryptoKey, "length", 0, false);

/** Keys with one handle are one key: what structuredClone gives, for instance. */
export const makeKey = (state: KeyState): CryptoKey => new CryptoKey(key, freeze(state));

export function needKey(value: unknown): KeyState {
  const state = door.stateOf(value);
  if (state === null) throw new RealTypeError("a CryptoKey is needed here");
  return state;
}
