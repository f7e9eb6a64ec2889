// Making keys, taking them in and out, and forgetting them. Every operation that makes some ends in `keys.add`, so that one which
// fails has left nothing behind and may be tried again.
import { generateKeyPairSync, randomBytes, type KeyObject } from "node:crypto";
import { keyFormats, type KeyWish, leastMadeModulusBits, mostModulusBits, mostSecretBits, rsaExponents } from "../../sandbox-api/schema/crypto.ts";
import { exportRow } from "./key-export.ts";
import { checkUsages, importRow, rowOfObject } from "./key-import.ts";
import type { KeyRow } from "./key-table.ts";
import type { Operation, Surroundings } from "./native.ts";
import type { Pair, PairJob } from "./pair-jobs.ts";
import { Refusal } from "./refusal.ts";
import { bufferAt, curves, json, oneOf, rowOf, wholeNumber, wishOf } from "./settings.ts";


/** The wish has been checked. */
function rowsOfPair({ publicKey, privateKey }: Pair, wish: KeyWish): readonly KeyRow[] {
  const { secretUsages, publicUsages } = rowOf(wish.algorithm);
  const half = (key: KeyObject, extractable: boolean, usages: KeyWish["usages"]): KeyRow => rowOfObject(key, { ...wish, extractable, usages: wish.usages.filter((usage) => usages.includes(usage)) });
  return [half(privateKey, wish.extractable, secretUsages), half(publicKey, true, publicUsages)];
}

/** `more`: what else is to be checked, between usages that there are not and there being none (the standard's order). */
function checkPair(wish: KeyWish, more: () => void): void {
  const { secretUsages, publicUsages } = rowOf(wish.algorithm);
  checkUsages(wish.usages, [...secretUsages, ...publicUsages]);
  more();
  if (!wish.usages.some((usage) => secretUsages.includes(usage))) throw new Refusal("SyntaxError", "a private key needs a usage");
}

function rsaSize({ length = 0, exponent }: KeyWish): { readonly bits: number; readonly exponent: number } {
  if (length < leastMadeModulusBits || length > mostModulusBits || length % 8 !== 0) throw new Error(`RSA keys of ${leastMadeModulusBits} to ${mostModulusBits} bits are made here`);
  const found = rsaExponents.find((each) => each === exponent);
  if (found === undefined) throw new Error(`RSA keys are made with the exponents ${rsaExponents.join(" and ")}`);
  return { bits: length, exponent: found };
}

function made(wish: KeyWish): readonly KeyRow[] {
  const { kind } = rowOf(wish.algorithm);
  if (kind === "aes" || kind === "hmac") {
    return [importRow("raw", randomBytes(Math.ceil(wholeNumber({ ...wish }, "length", mostSecretBits) / 8)), wish)];
  }
  checkPair(wish, () => undefined);
  if (kind === "ec") return rowsOfPair(generateKeyPairSync("ec", { namedCurve: oneOf({ ...wish }, "curve", curves) }), wish);
  if (kind === "okp") return rowsOfPair(wish.algorithm === "Ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("x25519"), wish);
  throw new Error(`keys for ${wish.algorithm} are not made so`);
}

/** LIMIT rsaKeysAtOnce: the RSA keys that one instance waits for. */
export class WaitingPairs {
  readonly #waiting = new Map<number, { readonly job: PairJob; readonly wish: KeyWish }>();
  readonly #most: number;
  #lastTicket = 0;
  #spentMicros = 0;

  constructor(most: number) {
    this.#most = most;
  }

  begin({ jobs }: Surroundings, wish: KeyWish): number {
    if (rowOf(wish.algorithm).kind !== "rsa" || wish.hash === undefined) throw new Error("only RSA keys are made so");
    checkPair(wish, () => void rsaSize(wish));
    const { bits, exponent } = rsaSize(wish);
    if (this.#waiting.size >= this.#most) throw new Refusal("QuotaExceededError", `more than ${this.#most} RSA keys are being made at once (limit rsaKeysAtOnce)`);
    this.#waiting.set(++this.#lastTicket, { job: jobs.begin(bits, exponent), wish });
    return this.#lastTicket;
  }

  /** The rows, once there are any; they may be taken until `done`. */
  look(ticket: unknown): readonly KeyRow[] | null {
    const found = typeof ticket === "number" ? this.#waiting.get(ticket) : undefined;
    if (found === undefined) throw new Error("nobody waits for such a key");
    const { state } = found.job;
    if (state.kind === "running") return null;
    if (state.kind === "made") return rowsOfPair(state.pair, found.wish);
    this.done(ticket);
    throw new Refusal("OperationError", state.message.slice(0, 200));
  }

  done(ticket: unknown): void {
    if (typeof ticket !== "number") return;
    this.#spentMicros += this.#waiting.get(ticket)?.job.takeMicros() ?? 0;
    this.#waiting.delete(ticket);
  }

  /** CPU microseconds that other threads spent for this instance since it was last asked. */
  takeMicros(): number {
    if (this.#waiting.size === 0 && this.#spentMicros === 0) return 0;
    let micros = this.#spentMicros;
    this.#spentMicros = 0;
    for (const { job } of this.#waiting.values()) micros += job.takeMicros();
    return micros;
  }
}

export const keyOperations: { readonly [name: string]: Operation } = {
  /** News of the secret key, or of the private and the public one. */
  generate: (settings, _, { keys }) => json(keys.add(made(wishOf(settings)))),
  import: (settings, buffers, { keys }) => json(keys.add([importRow(oneOf(settings, "format", keyFormats), Buffer.from(bufferAt(buffers, 0)), wishOf(settings))])),
  export: (settings, _, { keys }) => exportRow(oneOf(settings, "format", keyFormats), keys.get(settings["key"])),
  /** Numbers of keys that nothing in the isolate refers to any more. */
  forget: (settings, _, { keys }) => {
    const { ids } = settings;
    if (!Array.isArray(ids)) throw new Error("ids is missing");
    keys.forget(ids);
    return new Uint8Array(0);
  },
  /** Begins to make an RSA key pair; gives a ticket for `rsa-take`. */
  "rsa-begin": (settings, _, around) => json(around.pairs.begin(around, wishOf(settings))),
  /** News of both keys, or nothing yet. */
  "rsa-take": (settings, _, { keys, pairs }) => {
    const rows = pairs.look(settings["ticket"]);
    if (rows === null) return new Uint8Array(0);
    const news = keys.add(rows);
    pairs.done(settings["ticket"]);
    return json(news);
  },
  /** Nobody waits for it any more. */
  "rsa-drop": (settings, _, { pairs }) => {
    pairs.done(settings["ticket"]);
    return new Uint8Array(0);
  },
};
