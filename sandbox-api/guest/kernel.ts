// What a part of the guest is given (`$kernel`), and how globals that live in parts are offered: an accessor on the global that loads
// the part when it is touched and then becomes the plain property that the standard describes. WALL 1: a part runs in the addon's
// realm with the addon's authority, no more; it may be a library that trusts its built-ins, so the bridge never relies on one.
import * as intrinsics from "./intrinsics.ts";
import { decodeUtf8, encodeUtf8 } from "./byte-string.ts";
import type { HostCalls } from "./host-calls.ts";
import type { HostPort } from "./host-port.ts";
import { atob, btoa } from "./globals/base64.ts";
import type { Timers } from "./globals/timers.ts";
import { eachOf, iterate, readMember } from "./iterate.ts";
import { quoteAscii } from "./json-text.ts";
import { addGlobal, takeGlobal } from "./lockdown.ts";
import type { Services } from "./services.ts";
import { flatten } from "./thrown.ts";
import type { PerformanceDoor } from "./globals/performance.ts";
import type { RejectionReason, RuntimePorts } from "../schema/guest-contract.ts";
import type { GuestPart } from "../schema/own-builds.ts";
import { globalAttributes, globalParts, type PartGlobalName } from "../schema/global-parts.ts";

type Global = { [name: string]: unknown };
type Exports = { readonly [name: string]: unknown };
type Factory = (kernel: Kernel) => Exports;

/** The faces of the guest that parts use. Copies of built-ins were taken before any addon code ran. */
export interface Kernel {
  readonly intrinsics: typeof intrinsics;
  readonly readMember: typeof readMember;
  readonly eachOf: typeof eachOf;
  /** Visits what the iterator of an object gives, as `for…of` would; throws a TypeError where it has none. */
  readonly iterate: typeof iterate;
  /** Whether a part has been loaded: only then can there be objects of its classes. */
  readonly isLoaded: (name: GuestPart) => boolean;
  readonly flatten: typeof flatten;
  /** Tells `error` listeners of the global what a listener or callback threw, or logs it; it stops nothing else. */
  readonly report: (thrown: unknown) => void;
  /** The global itself. */
  readonly realm: object;
  readonly performance: PerformanceDoor;
  /** Prototypes of Web APIs, each with what copies an object of its kind: null where there is no copy, undefined where it is no such object. */
  readonly interfaces: WeakMap<object, (value: object) => object | null | undefined>;
  readonly quoteAscii: typeof quoteAscii;
  /** JSON.stringify as it was before any addon code. */
  readonly stringify: typeof JSON.stringify;
  readonly base64: { readonly encode: (binary: string) => string; readonly decode: (base64: string) => string };
  readonly decodeUtf8: typeof decodeUtf8;
  readonly encodeUtf8: typeof encodeUtf8;
  /** As much of TextEncoder and TextDecoder as libraries use. */
  readonly Utf8Encoder: typeof Utf8Encoder;
  readonly Utf8Decoder: typeof Utf8Decoder;
  /** Classes of other parts, which are loaded when they are touched. */
  readonly URL: unknown;
  readonly AbortController: unknown;
  readonly DOMException: unknown;
  /** Stands where libraries look for globals that may be there or not: none is. */
  readonly global: object;
  /** Stands where libraries look for SharedArrayBuffer, which is not granted: nothing is one. */
  readonly NoSharedBuffer: typeof NoSharedBuffer;
  /** Work that the cell does at once (runtime/native). */
  readonly native: RuntimePorts["$native"];
  readonly port: HostPort;
  readonly hostCalls: HostCalls;
  readonly timers: Timers;
  readonly services: Services;
  /** What another part exports; it is loaded if it is not there yet. */
  readonly part: (name: GuestPart) => Exports;
}

class Utf8Encoder {
  encode(text: string): Uint8Array { return encodeUtf8(text, false); }
}
class Utf8Decoder {
  decode(bytes: Uint8Array): string { return decodeUtf8(bytes, "replace") ?? ""; }
}

class NoSharedBuffer {
  get byteLength(): number { throw new intrinsics.RealTypeError("no SharedArrayBuffer"); }
  get growable(): boolean { throw new intrinsics.RealTypeError("no SharedArrayBuffer"); }
}

const { stringify } = JSON;
const noGlobals: object = intrinsics.freeze({ __proto__: null as never });

/** What the part "events" does with what nobody caught. */
interface Reporting {
  readonly attributes: { readonly [name: string]: PropertyDescriptor };
  readonly reportException: (thrown: unknown) => boolean;
  readonly reportRejection: (told: RejectionReason) => boolean;
}

const notBase64 = (message: string): Error => new intrinsics.RealTypeError(message);
const base64: Kernel["base64"] = intrinsics.freeze({ encode: (binary) => btoa(notBase64, [binary]), decode: (text) => atob(notBase64, [text]) });

export class Parts {
  readonly #port: HostPort;
  readonly #global: Global;
  readonly #request: (name: string) => void;
  readonly #kernel: Kernel;
  readonly #factories = new intrinsics.RealMap<string, Factory>();
  readonly #loading = new intrinsics.RealMap<string, true>();
  readonly #loaded = new intrinsics.RealMap<string, Exports>();

  constructor(global: Global, request: (name: string) => void, surroundings: Pick<Kernel, "native" | "port" | "hostCalls" | "timers" | "services" | "performance">) {
    this.#global = global;
    this.#request = request;
    const { native, port, hostCalls, timers, services, performance } = surroundings;
    this.#port = port;
    const load = (name: GuestPart): Exports => this.load(name);
    this.#kernel = intrinsics.freeze<Kernel>({
      intrinsics, readMember, eachOf, iterate, isLoaded: (name) => intrinsics.mapHas(this.#loaded, name), flatten, report: (thrown) => this.report(thrown), realm: global, performance, interfaces: new intrinsics.RealWeakMap(), quoteAscii, stringify, base64, decodeUtf8, encodeUtf8, Utf8Encoder, Utf8Decoder, NoSharedBuffer, global: noGlobals, native, port, hostCalls, timers, services, part: load,
      get AbortController(): unknown { return load("events")["AbortController"]; },
      get URL(): unknown { return load("url")["URL"]; },
      get DOMException(): unknown { return load("events")["DOMException"]; },
    });
  }

  /** Puts an accessor on the global for every name that the table gives to a part. */
  offer(): void {
    for (const name in globalParts) this.#offer(name, globalParts[name as PartGlobalName]);
    for (let index = 0; index < globalAttributes.length; index++) {
      const name = globalAttributes[index]!;
      this.#offerAttribute(name, globalParts[name]);
    }
  }

  /** The exports of a part. A load that fails (no stack left, built-ins that throw) leaves nothing behind and may be repeated. */
  load(name: GuestPart): Exports {
    const known = intrinsics.mapGet(this.#loaded, name);
    if (known !== undefined) return known;
    let factory = intrinsics.mapGet(this.#factories, name);
    if (factory === undefined) {
      addGlobal(this.#global, "$keep", (made: Factory) => { factory = made; });
      try {
        this.#request(name);
      } finally {
        takeGlobal(this.#global, "$keep");
      }
      if (factory === undefined) throw new intrinsics.RealError(`the part "${name}" did not load`);
      intrinsics.mapSet(this.#factories, name, factory);
    }
    if (intrinsics.mapHas(this.#loading, name)) throw new intrinsics.RealError(`the part "${name}" needs itself`);
    intrinsics.mapSet(this.#loading, name, true);
    try {
      const made = intrinsics.apply(factory, undefined, [this.#kernel]) as Exports;
      intrinsics.mapSet(this.#loaded, name, made);
      return made;
    } finally {
      intrinsics.mapDelete(this.#loading, name);
    }
  }

  /** Logs an exception that nobody catches, unless a listener of the global takes it upon itself. */
  report(thrown: unknown, where = ""): void {
    if (this.isTaken(thrown)) return;
    const { message, stack } = flatten(thrown);
    this.#port.log("error", `uncaught${where}: ${stack === "" ? message : stack}`);
  }

  /** Whether an `error` listener of the global prevented that an exception is told further. Where the part is not loaded, there is none. */
  isTaken(thrown: unknown): boolean {
    return this.#ask((reporting) => reporting.reportException(thrown));
  }

  /** Likewise for `unhandledrejection`. */
  isRejectionTaken(told: RejectionReason): boolean {
    return this.#ask((reporting) => reporting.reportRejection(told));
  }

  #ask(question: (reporting: Reporting) => boolean): boolean {
    const reporting = intrinsics.mapGet(this.#loaded, "events");
    if (reporting === undefined) return false;
    try {
      return question(reporting as object as Reporting);
    } catch {
      // No stack left, or built-ins of the addon's own: then it is told as if nobody listened.
      return false;
    }
  }

  #offer(name: string, part: GuestPart): void {
    intrinsics.defineProperty(this.#global, name, {
      __proto__: null, enumerable: false, configurable: true,
      get: () => {
        const value = this.load(part)[name];
        addGlobal(this.#global, name, value);
        return value;
      },
      set: (value: unknown) => addGlobal(this.#global, name, value),
    } as PropertyDescriptor);
  }

  /** One that stays an accessor, which is the part's. */
  #offerAttribute(name: string, part: GuestPart): void {
    const attribute = (): PropertyDescriptor => (this.load(part)["attributes"] as Reporting["attributes"])[name]!;
    intrinsics.defineProperty(this.#global, name, {
      __proto__: null, enumerable: false, configurable: true,
      get: () => intrinsics.apply(attribute().get!, this.#global, []) as unknown,
      set: (value: unknown) => void intrinsics.apply(attribute().set!, this.#global, [value]),
    } as PropertyDescriptor);
  }
}
