// A guest in a node:vm realm for tests: the bundle as it ships, an addon from source, events dispatched as the runtime does, results
// as values. Fast, but no wall: hostile code belongs in a real isolate. Not for use outside tests.
import { readFileSync } from "node:fs";
import { createContext, Script, type Context } from "node:vm";
import { build } from "esbuild";
import { bundleGuest as bundleOwnGuest } from "../../host/addons/own-code.ts";
import { makeNative } from "../../runtime/native/native.ts";
import { PairJobs } from "../../runtime/native/pair-jobs.ts";
import { text } from "../../runtime/native/text.ts";
import { splitGuest } from "../../sandbox-api/schema/own-builds.ts";
import { readGuestResult, type GuestEntries } from "../../sandbox-api/schema/guest-contract.ts";
import type { CallName, PartName } from "../../sandbox-api/schema/view.ts";

/** The guest with its parts as it ships. */
export async function bundleGuest(): Promise<string> {
  return (await bundleOwnGuest()).toString("latin1");
}

/** An addon's source (ES module syntax or CommonJS) as the script that the runtime runs. */
export async function bundleAddon(source: string): Promise<string> {
  const { outputFiles, metafile } = await build({ metafile: true, stdin: { contents: source, loader: "ts", sourcefile: "addon.ts" }, bundle: true, format: "cjs", external: ["flowcell"], target: "node24", charset: "ascii", write: false });
  const manner = Object.values(metafile.inputs).every(({ format }) => format === "esm") ? '"use strict";' : "";
  return `$module(function (exports, module, require) {${manner}${outputFiles[0]?.text ?? ""}\n})`;
}

export interface Posted { readonly kind: string; readonly id: number; readonly text: string; readonly attachments: readonly ArrayBuffer[] }
export type Part = readonly [name: PartName, text: string];
/** What an entry answered: the status digit, the parsed text, its attachments. */
export interface Answer { readonly status: number; readonly value: unknown; readonly attachments: readonly Uint8Array[]; readonly raw: string }

export interface GuestRealm {
  readonly context: Context;
  readonly posted: Posted[];
  readonly loaded: Answer;
  /** Runs one event. `key` 0: no identity. Attachments are what the parts' indexes name. */
  dispatch(event: CallName, key: number, parts: readonly Part[], attachments?: readonly Uint8Array[], released?: string): Answer;
  /** The answer of a call that was pending, once its promise has settled. */
  settled(answer?: number): Promise<Answer>;
  resume(hostCall: number): Answer;
  /** Evaluates in the realm, as the addon's own code could. */
  evaluate(source: string): unknown;
  readonly lastCall: () => number;
}

export const defaultSettings = { name: "test", file: "addon.js", limits: { cpuMs: 50, startupMs: 1000, memoryMiB: 32, hostCalls: 1000, mutationBytes: 1_048_576, logLineBytes: 200, cryptoKeys: 100, cryptoKeyBytes: 65_536, rsaKeysAtOnce: 2 } } as const;

/** Boots a guest with this addon. A load that failed is seen in `loaded`. `lends`: whether what lies beside an event is lent, as the cell does with what is large. */
export async function guestRealm(addonSource: string, guest: string, settings: object = defaultSettings, lends: (index: number) => boolean = () => false): Promise<GuestRealm> {
  const posted: Posted[] = [];
  let callId = 0;
  let lent: readonly Uint8Array[] = [];
  const { main, parts } = splitGuest(guest);
  const { native } = makeNative(defaultSettings.limits, new PairJobs());
  const context = createContext({
    // As the cell does, a text becomes its UTF-8.
    $post: (kind: string, id: number, text: string, ...attachments: (ArrayBuffer | string)[]) => void posted.push({ kind, id, text, attachments: attachments.map((item) => (typeof item === "string" ? new TextEncoder().encode(item).buffer : item)) }),
    // Buffers of another realm fail its check.
    $native: (name: string, settings: string, ...buffers: ArrayBuffer[]) => native(name, settings, ...buffers.map((buffer) => new Uint8Array(new Uint8Array(buffer)).buffer)),
    $text: (form: string, given: ArrayBuffer | string | number, index?: number) => {
      if (typeof given === "number") return given === callId && lent[index ?? 0] !== undefined ? text(form, Buffer.from(lent[index ?? 0] ?? [])) : null;
      return text(form, typeof given === "string" ? given : new Uint8Array(new Uint8Array(given)).buffer);
    },
    $body: (call: number, index: number) => (call === callId && lent[index] !== undefined ? Uint8Array.from(lent[index]).buffer : null),
    $done: () => { throw new Error("nothing follows"); },
    $part: (name: string) => void new Script(parts.get(name) ?? "$part();", { filename: `${name}.js` }).runInContext(context),
  });
  new Script(main, { filename: "guest.js" }).runInContext(context);
  const entries: GuestEntries = context["$guest"];
  delete context["$guest"];
  entries.prepare(JSON.stringify(settings));
  new Script(await bundleAddon(addonSource), { filename: "addon.js" }).runInContext(context);
  const answer = (raw: string, id: number, posted?: readonly ArrayBuffer[]): Answer => {
    const result = readGuestResult(raw);
    if (result === null) throw new Error(`not a result: ${raw}`);
    const attachments = Array.from({ length: result.attachments }, (_, index) => new Uint8Array(posted?.[index] ?? entries.attachment(id, index)));
    return { status: result.status, value: result.text === "" ? null : JSON.parse(result.text), attachments, raw };
  };
  return {
    context, posted, loaded: answer(entries.load(), 0),
    dispatch(event, key, parts, attachments = [], released = "") {
      const text = [JSON.stringify({ event, key, parts: parts.map(([name]) => name) }), ...parts.map(([, part]) => part)].join("\0");
      callId++;
      lent = attachments;
      const raw = entries.dispatch(callId, released, text, ...attachments.map((bytes, index) => (lends(index) ? bytes.length : new Uint8Array(bytes).buffer)));
      lent = [];
      // What a handler settled before its entry ended is its answer; promises settle later here, so it was not waited for.
      const at = raw === "2" ? posted.findIndex((message) => message.kind === "settled" && message.id === callId) : -1;
      const [own] = at < 0 ? [] : posted.splice(at, 1);
      return own === undefined ? answer(raw, callId) : answer(own.text, callId, own.attachments);
    },
    async settled(id = callId) {
      for (let turn = 0; turn < 100; turn++) {
        const found = posted.find((message) => message.kind === "settled" && message.id === id);
        if (found !== undefined) return answer(found.text, id, found.attachments);
        await new Promise((resolve) => setImmediate(resolve));
      }
      throw new Error("the call did not settle");
    },
    resume: (hostCall) => answer(entries.resume(hostCall, JSON.stringify({ call: hostCall, error: null, value: null })), 0),
    evaluate: (source) => new Script(source).runInContext(context),
    lastCall: () => callId,
  };
}

/** Parts of an ordinary exchange; each is overridden by name. */
export const sampleParts = {
  flow: (change: object = {}): Part => ["flow", JSON.stringify({ id: "f1", type: "http", live: true, error: null, intercepted: false, marked: "", comment: "", isReplay: null, timestampCreated: 1, websocket: false, ...change })],
  client: (change: object = {}): Part => ["client", JSON.stringify({ id: "c1", address: { host: "127.0.0.1", port: 5000 }, sockname: { host: "127.0.0.1", port: 8080 }, mode: "regular", tls: false, sni: null, alpn: null, tlsVersion: null, cipher: null, timestampStart: 1, timestampTlsSetup: null, timestampEnd: null, ...change })],
  server: (change: object = {}): Part => ["server", JSON.stringify({ id: "s1", address: { host: "example.com", port: 80 }, via: null, peername: null, sockname: null, tls: false, sni: null, alpn: null, tlsVersion: null, cipher: null, timestampStart: null, timestampTcpSetup: null, timestampTlsSetup: null, timestampEnd: null, error: null, ...change })],
  request: (change: object = {}, fields: readonly (readonly [string, string])[] = [["Host", "example.com"], ["Accept", "*/*"]]): Part =>
    ["request", `${JSON.stringify({ method: "GET", scheme: "http", host: "example.com", port: 80, path: "/", authority: "", httpVersion: "HTTP/1.1", timestampStart: 1, timestampEnd: 2, ...change })}\n${fields.length}\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")}`],
  response: (change: object = {}, fields: readonly (readonly [string, string])[] = [["Content-Type", "text/plain"], ["Content-Length", "5"]]): Part =>
    ["response", `${JSON.stringify({ statusCode: 200, reason: "OK", httpVersion: "HTTP/1.1", timestampStart: 1, timestampEnd: 2, ...change })}\n${fields.length}\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")}`],
  body: (of: "request" | "response", change: object = {}): Part => [`${of}.body`, JSON.stringify({ raw: null, content: null, contentError: null, truncated: false, streamed: false, ...change })],
} as const;

/** Reads a file of the repository. */
export const repositoryFile = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
