// CryptoKey (W3C Web Crypto §13): what an addon sees of a key. Its material is in a private field: bytes of a secret key, DER of the
// others; code of the addon cannot reach it but by an export that the key allows.
import { describe } from "./idl.ts";
import { RealTypeError, freeze, isObject, ordinaryArray } from "./intrinsics.ts";

export type KeyType = "secret" | "public" | "private";
export interface KeyAlgorithm { readonly name: string; readonly hash?: { readonly name: string }; readonly namedCurve?: string; readonly length?: number; readonly modulusLength?: number; readonly publicExponent?: Uint8Array }
export interface KeyState { readonly type: KeyType; readonly extractable: boolean; readonly algorithm: KeyAlgorithm; readonly usages: readonly string[]; readonly material: Uint8Array<ArrayBuffer> }

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

export const makeKey = (state: KeyState): CryptoKey => new CryptoKey(key, freeze(state));

export function needKey(value: unknown): KeyState {
  const state = door.stateOf(value);
  if (state === null) throw new RealTypeError("a CryptoKey is needed here");
  return state;
}
