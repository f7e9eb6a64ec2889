// The entries of the guest: prepare, load, dispatch, resume, attachment (schema/guest-contract.ts). Each entry is one timed call
// from outside; whatever happens inside, it answers with a string. Runs handlers, keeps their drafts apart, turns what they
// return or throw into results. WALL 1: no thrown value, promise or object of the addon leaves this file but as text.
import type { GuestEntries } from "../schema/guest-contract.ts";
import type { ServiceGrants } from "../schema/services.ts";
import type { CallName, Envelope, LogEntryView } from "../schema/view.ts";
import { AddonModule, type ModuleFunction } from "./addon-module.ts";
import { Call, type Changes } from "./draft.ts";
import { Grants } from "./grants.ts";
import type { Handler } from "./handlers.ts";
import { RealUint8Array, apply, bareArray, dateNow, indexOf, isFunction, isObject, jsonParse, slice, freeze } from "./intrinsics.ts";
import { JoinedCalls } from "./joined-calls.ts";
import { ResultBodies } from "./result-bodies.ts";
import { layerKind } from "./layers.ts";
import { Objects, type EventSubjectState } from "./objects.ts";
import { readMember } from "./iterate.ts";
import { faultResult, refuse } from "./thrown.ts";
import type { HostPort } from "./host-port.ts";
import type { OptionsState } from "./ctx.ts";
import type { Timers } from "./globals/timers.ts";
import type { HostCalls } from "./host-calls.ts";
import type { Parts } from "./kernel.ts";
import type { Services } from "./services.ts";
import { attachedBytes, attachmentsOf, keepAttachments, noAttachments, type Attachments } from "./body.ts";
import { collectChunks } from "./stream.ts";

/** What surrounds the entries; made in main.ts. */
export interface Surroundings {
  readonly port: HostPort;
  readonly timers: Timers;
  readonly hostCalls: HostCalls;
  readonly services: Services;
  readonly parts: Parts;
  readonly options: OptionsState;
  readonly state: { name: string };
  /** The module "flowcell". */
  readonly flowcell: object;
  /** Puts `$module` on the global; it removes itself again. */
  readonly offerModule: (keep: (body: ModuleFunction) => void) => void;
}

/** Events of an entry that has taken that long are left for the next one, which has a time limit of its own. */
const longEntryMs = 2;
const unchanged = "0";
const pending = "2";
const failed = 3;

export class Dispatch {
  readonly #around: Surroundings;
  readonly #objects: Objects;
  readonly #bodies = new ResultBodies();
  readonly #module: AddonModule;
  #mutationBytes = 0;
  #grants = new Grants(undefined);
  /** What the entry that runs, or ran last, returned; "" while it has not. */
  #last = "";

  constructor(around: Surroundings) {
    this.#around = around;
    this.#module = new AddonModule(around.flowcell);
    this.#objects = new Objects((key) => void around.port.tell(`{"call":"flow.resume","key":${key}}`));
  }

  get entries(): GuestEntries {
    return freeze<GuestEntries>({
      prepare: (settingsJson) => this.#prepare(settingsJson),
      load: () => this.#kept(() => this.#guarded("load-failed", () => this.#module.load())),
      dispatch: (callId, releasedKeys, text, ...attachments) => {
        // PERF: without a closure; this is the entry of every event.
        this.#last = "";
        return (this.#last = attachments.length === 0 ? this.#sent(callId, this.#dispatch(callId, releasedKeys, text, noAttachments)) : this.#dispatchWith(callId, releasedKeys, text, attachmentsOf(attachments, callId)));
      },
      dispatchMany: (calls, releasedKeys, bodies, ...pieces) => this.#dispatchMany(calls, releasedKeys, pieces, bodies),
      resume: (hostCallId, text, ...attachments) => this.#kept(() => this.#guarded("threw", () => this.#resume(hostCallId, text, attachmentsOf(attachments, 0)))),
      rejected: (reasonJson) => this.#rejected(reasonJson),
      attachment: (callId, index) => this.#bodies.one(callId, index),
    });
  }

  /** WALL 1: the only way a thrown value leaves is as the text of a fault. */
  #guarded(code: "threw" | "load-failed", run: () => string): string {
    try {
      return run();
    } catch (thrown) {
      return faultResult(thrown, code, failed);
    }
  }

  /** Keeps the result for `rejected`. */
  #kept(run: () => string): string {
    this.#last = "";
    return (this.#last = run());
  }

  /** The engine threw the last entry's result away, for a promise that nobody handled: unless a listener prevents that. */
  #rejected(reasonJson: string): string {
    const result = this.#last;
    this.#last = "";
    return result !== "" && this.#around.parts.isRejectionTaken(jsonParse(reasonJson)) ? result : "";
  }

  #prepare(settingsJson: string): string {
    const settings: { readonly name: string; readonly limits: { readonly mutationBytes: number; readonly logLineBytes: number }; readonly permissions?: readonly string[]; readonly services?: ServiceGrants } = jsonParse(settingsJson);
    this.#around.state.name = settings.name;
    this.#around.port.logLineBytes = settings.limits.logLineBytes;
    this.#mutationBytes = settings.limits.mutationBytes;
    if (settings.services !== undefined) this.#around.services.grants = settings.services;
    this.#grants = new Grants(settings.permissions);
    this.#around.services.mayReplay = this.#grants.has("act:replay");
    this.#around.offerModule((body) => this.#module.keep(body));
    return unchanged;
  }

  #dispatchMany(callsJson: string, releasedKeys: string, pieces: readonly string[], bodies: ArrayBuffer | undefined): string {
    const calls = new JoinedCalls(callsJson, pieces, bodies);
    const beganAt = dateNow();
    for (let keys = releasedKeys; ; keys = "") {
      calls.next();
      const result = this.#dispatch(calls.id, keys, calls.text, calls.attachments);
      if (calls.isAtEnd || result === pending || dateNow() - beganAt >= longEntryMs) return (this.#last = result);
      this.#around.port.done(result, this.#bodies.take(calls.id));
    }
  }

  #dispatchWith(callId: number, releasedKeys: string, text: string, attachments: Attachments): string {
    const result = this.#sent(callId, this.#dispatch(callId, releasedKeys, text, attachments));
    try {
      keepAttachments(attachments);
      return result;
    } catch (thrown) {
      return faultResult(thrown, "threw", failed);
    }
  }

  /** A result with a text among its bodies leaves at once, as if its handler had been waited for; others are asked for theirs. */
  #sent(callId: number, result: string): string {
    if (!this.#bodies.hasText(callId)) return result;
    try {
      this.#around.port.settled(callId, result, this.#bodies.take(callId));
      return pending;
    } catch (thrown) {
      return faultResult(thrown, "threw", failed);
    }
  }

  #dispatch(callId: number, releasedKeys: string, text: string, attachments: Attachments): string {
    this.#around.port.enter(callId);
    try {
      if (releasedKeys !== "") this.#objects.release(releasedKeys);
      const end = indexOf(text, "\0");
      const { event, key, parts }: Envelope = jsonParse(end < 0 ? text : slice(text, 0, end));
      const subject = this.#objects.find(event, key);
      const handler = this.#module.handlers.get(event);
      const call = new Call(callId, event, this.#mutationBytes, this.#grants);
      const args = this.#takeParts(event, parts, text, end, subject, attachments);
      if (event === "stream") return this.#stream(call, subject, args);
      if (handler === undefined) return unchanged;
      return this.#run(call, handler, subject, subject === null ? args : [subject.face]);
    } catch (thrown) {
      return faultResult(thrown, "threw", failed);
    }
  }

  /** Hands the parts to the object; gives the arguments of events that are about none. */
  #takeParts(event: CallName, parts: Envelope["parts"], text: string, firstEnd: number, subject: EventSubjectState | null, attachments: Attachments): readonly unknown[] {
    let args: readonly unknown[] = noArguments;
    let start = firstEnd + 1;
    for (let index = 0; index < parts.length; index++) {
      const end = indexOf(text, "\0", start);
      const part = slice(text, start, end < 0 ? text.length : end);
      start = end + 1;
      const name = parts[index]!;
      if (name === "options") {
        const { options, updated } = this.#around.options.accept(part);
        args = [options, updated];
      } else if (name === "entry") {
        const { msg, level }: LogEntryView = jsonParse(part);
        args = [freeze<LogEntryView>({ msg, level })];
      } else if (name === "chunk" && event === "stream") {
        const { of, content }: { readonly of: "request" | "response"; readonly content: number | null } = jsonParse(part);
        args = [of, attachedBytes(attachments, content) ?? new RealUint8Array(0)];
      } else subject?.accept(name, part, attachments);
    }
    return args;
  }

  #run(call: Call, handler: Handler, subject: EventSubjectState | null, args: readonly unknown[]): string {
    if (subject !== null) subject.owner.call = call;
    let value: unknown;
    try {
      value = apply(handler.run, handler.self, args);
      if (isThenable(value)) {
        void this.#settle(call, subject, value, (result) => this.#finish(call, subject, result));
        return pending;
      }
      return this.#finish(call, subject, value);
    } catch (thrown) {
      return this.#fail(call, subject, thrown);
    }
  }

  /**
   * Waits for a promise of the addon. WALL 1: `await` looks up nothing on promises of this realm that are plain, and what it runs of
   * other thenables runs in timed entries; whatever comes out is answered with a string.
   */
  async #settle(call: Call, subject: EventSubjectState | null, value: unknown, finish: (result: unknown) => string): Promise<void> {
    let result: string;
    try {
      result = finish(await value);
    } catch (thrown) {
      result = this.#fail(call, subject, thrown);
    }
    if (result !== pending) this.#around.port.settled(call.id, result, this.#bodies.take(call.id));
  }

  /** The handler is done: its changes as a result, applied to the objects. Throws before anything is applied. */
  #finish(call: Call, subject: EventSubjectState | null, value: unknown): string {
    if (call.event === "start" && isObject(value)) return this.#replace(call, value);
    const changes = call.event === "next_layer" && value !== undefined ? layerChanges(call, value) : call.collect();
    call.commit();
    if (subject !== null) subject.owner.call = null;
    return this.#changed(call.id, changes);
  }

  #fail(call: Call, subject: EventSubjectState | null, thrown: unknown): string {
    call.revert();
    if (subject !== null && subject.owner.call === call) subject.owner.call = null;
    return faultResult(thrown, "threw", failed);
  }

  #changed(callId: number, changes: Changes | null): string {
    if (changes === null || changes.text === "") return unchanged;
    this.#bodies.keep(callId, changes.attachments);
    return `1${changes.attachments.length};[${changes.text}]`;
  }

  /** `start` gave an object: from now on that is the addon (events.md §2). */
  #replace(call: Call, addon: object): string {
    const loaded = this.#module.replace(addon);
    const start = this.#module.handlers.get("start");
    if (start === undefined) return loaded;
    const value: unknown = apply(start.run, start.self, noArguments);
    if (!isThenable(value)) return loaded;
    void this.#settle(call, null, value, () => loaded);
    return pending;
  }

  /** One chunk for a stream function; no object may be changed meanwhile. */
  #stream(call: Call, subject: EventSubjectState | null, args: readonly unknown[]): string {
    const state = args[0] === "request" ? subject?.http?.request : subject?.http?.response;
    const stream = state?.stream;
    const finish = (value: unknown): string => this.#changed(call.id, collectChunks(value, this.#mutationBytes, this.#grants));
    try {
      const value: unknown = isFunction(stream) ? apply(stream, undefined, [args[1]]) : args[1];
      if (!isThenable(value)) return finish(value);
      void this.#settle(call, null, value, finish);
      return pending;
    } catch (thrown) {
      return this.#fail(call, null, thrown);
    }
  }

  #resume(hostCallId: number, text: string, attachments: Attachments): string {
    this.#around.port.enterAnswer(hostCallId);
    if (!this.#fire(hostCallId)) this.#around.hostCalls.answer(hostCallId, text, attachments);
    return unchanged;
  }

  /** Runs the timer of that host call, if it is one's; what its callback throws ends the entry unless a listener of the global takes it. */
  #fire(hostCallId: number): boolean {
    try {
      return this.#around.timers.fire(hostCallId);
    } catch (thrown) {
      if (this.#around.parts.isTaken(thrown)) return true;
      throw thrown;
    }
  }
}

const noArguments: readonly unknown[] = freeze(bareArray<unknown>());

const isThenable = (value: unknown): value is PromiseLike<unknown> => isObject(value) && isFunction(readMember(value, "then"));

function layerChanges(call: Call, value: unknown): Changes {
  const kind = layerKind(value);
  if (kind === null) throw refuse("layer.replace", "next_layer must return one of layers.tcp(), tls(), http(), passthrough(), close(), or nothing");
  return call.collectWith("layer.replace", `"${kind}"`);
}
