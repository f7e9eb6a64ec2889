// `ctx.storage`: a small key-value store that outlives the isolate. Values are plain data (kept as JSON) or bytes. What one event
// writes is kept when its handler succeeds and undone when it fails; where the data lies and how that is done is the host's affair.
import { defaultListedKeys, mostListedKeys, type ServiceGrants } from "../schema/services.ts";
import { attachedBytes, bytesFrom, isBytes, type Attachments } from "./body.ts";
import { utf8Length } from "./byte-string.ts";
import type { HostCalls } from "./host-calls.ts";
import type { HostPort } from "./host-port.ts";
import { RealError, RealPromise, RealTypeError, RealUint8Array, bareArray, bufferOf, expose, freeze, isArray, isInteger, isObject, jsonParse, ordinaryArray } from "./intrinsics.ts";
import { readMember } from "./iterate.ts";
import { plainDataText, quoteAscii } from "./json-text.ts";

/** Plain data, or bytes. `undefined` members are left out, as JSON does. */
export type StoredValue = null | boolean | number | string | Uint8Array | readonly unknown[] | { readonly [key: string]: unknown };

/** Which keys, and how many. */
export interface ListOptions {
  /** Only keys that begin so. */
  readonly prefix?: string;
  /** At most that many: 1 to 1000, by default 100. */
  readonly limit?: number;
}

type Bounds = NonNullable<ServiceGrants["storage"]>;
const failure = (message: string): Error => new RealError(`ctx.storage: ${message}`);

/** What an addon keeps over restarts, by key; its own alone. Sizes and counts are bounded (docs/limits.md). */
export class Storage {
  readonly #hostCalls: HostCalls;
  readonly #port: HostPort;
  readonly #bounds: Bounds;

  /** Made by the proxy only. */
  constructor(hostCalls: HostCalls, port: HostPort, bounds: Bounds) {
    this.#hostCalls = hostCalls;
    this.#port = port;
    this.#bounds = bounds;
    freeze(this);
  }

  /** The value, or `undefined` when there is none. Writes of the same event are seen. */
  get(key: string): Promise<unknown> {
    return this.#ask("storage.get", () => `,"key":${this.#key(key)}`, null, readValue);
  }

  /** Keeps a value; an error when it would exceed what the manifest asked for, and then nothing is written. */
  set(key: string, value: StoredValue): Promise<void> {
    return new RealPromise((resolve) => {
      const name = this.#key(key);
      if (isBytes(value)) {
        const buffer = bufferOf(bytesFrom("value", value, this.#bounds.valueBytes, false));
        return resolve(this.#ask("storage.set", () => `,"key":${name},"json":null`, buffer, () => undefined));
      }
      if (value === undefined) throw new RealTypeError("ctx.storage: undefined cannot be kept; delete the key, or keep null");
      const json = plainDataText(value, "the value", this.#bounds.valueBytes);
      resolve(this.#ask("storage.set", () => `,"key":${name},"json":${quoteAscii(json)}`, null, () => undefined));
    });
  }

  /** Whether there was one. */
  delete(key: string): Promise<boolean> {
    return this.#ask("storage.delete", () => `,"key":${this.#key(key)}`, null, (value) => value === true);
  }

  /** Keys in the order of their UTF-8 bytes. */
  list(options?: ListOptions): Promise<string[]> {
    return this.#ask("storage.list", () => {
      const prefix: unknown = isObject(options) ? readMember(options, "prefix") ?? "" : "";
      const limit: unknown = isObject(options) ? readMember(options, "limit") ?? defaultListedKeys : defaultListedKeys;
      if (typeof prefix !== "string") throw new RealTypeError("ctx.storage: prefix must be a string");
      if (!isInteger(limit) || (limit as number) < 1 || (limit as number) > mostListedKeys) throw new RealTypeError(`ctx.storage: limit must be a whole number from 1 to ${mostListedKeys}`);
      this.#checkLength(prefix);
      return `,"prefix":${quoteAscii(prefix)},"limit":${limit as number}`;
    }, null, readKeys);
  }

  /** Forgets everything. */
  clear(): Promise<void> {
    return this.#ask("storage.clear", () => "", null, () => undefined);
  }

  #ask<T>(call: string, fields: () => string, attachment: ArrayBuffer | null, read: (value: unknown, attachments: Attachments) => T): Promise<T> {
    return new RealPromise<T>((resolve) => {
      resolve(this.#hostCalls.ask(`{"call":"${call}","during":${this.#port.cause}${fields()}}`, attachment, read, failure));
    });
  }

  #key(key: unknown): string {
    if (typeof key !== "string" || key === "") throw new RealTypeError("ctx.storage: a key must be a string that is not empty");
    this.#checkLength(key);
    return quoteAscii(key);
  }

  #checkLength(text: string): void {
    const { keyBytes } = this.#bounds;
    if (text.length > keyBytes || utf8Length(text, false) > keyBytes) throw new RealTypeError(`ctx.storage: a key of more than ${keyBytes} bytes (limit storageKeyBytes)`);
  }
}
expose(Storage, "Storage");

function readValue(value: unknown, attachments: Attachments): unknown {
  if (!isObject(value)) return undefined;
  const json = readMember(value, "json");
  return typeof json === "string" ? jsonParse(json) : attachedBytes(attachments, 0) ?? new RealUint8Array(0);
}

function readKeys(value: unknown): string[] {
  const keys = bareArray<string>();
  if (isArray(value)) for (let index = 0; index < value.length; index++) keys[index] = value[index] as string;
  return ordinaryArray(keys);
}
