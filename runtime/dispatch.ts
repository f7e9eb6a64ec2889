// Walks events along their chains of instances: each instance sees what the ones before it changed, and whoever ends a chain leaves the
// rest `skipped`. Events of several flows go through a chain side by side, as long as that is quick. How the next one is told of
// changes is chain-text.ts's affair.
import { cellMessages, eventPhase, resultStatus } from "../sandbox-api/wire/messages.ts";
import { ChainText } from "./chain-text.ts";
import { type Answer, type EntryResult, faultAnswer, readSettled } from "./isolate/result.ts";
import type { ReceivedFrame } from "./link.ts";
import type { Outbox } from "./outbox.ts";
import type { Instance, Registry } from "./registry.ts";

const noBuffers: readonly ArrayBuffer[] = Object.freeze([]);
const noPosts: EntryResult["posts"] = Object.freeze([]);
const bare = (status: Answer["status"]): Answer => ({ status, text: "", attachments: noBuffers, isFatal: false });

/** Answers for an instance that is not entered: chain over, isolate gone, or nothing to run. */
const skipped: EntryResult = { ...bare(resultStatus.skipped), cpuMicros: 0, posts: noPosts };
export const done = bare(resultStatus.unchanged);
export const restarted: EntryResult = { ...faultAnswer({ code: "restarted", message: "the isolate is gone" }), cpuMicros: 0, posts: noPosts };

/** Events that go side by side are not kept waiting for each other longer than this, but for the one handler that took so long. */
const longestTogetherMs = 20;

/** Says one `result`. */
export function reply(outbox: Outbox, id: number, instance: number, { status, text, attachments }: Answer, cpuMicros = 0): void {
  outbox.add({ type: cellMessages.result.type, status, id, instance, cpuMicros, text, attachments });
}

/** Says what an entry posted, then its result. `chargeSettled`: the first call that it settled is told the CPU instead of the result. */
export function report(outbox: Outbox, id: number, instance: number, result: EntryResult, chargeSettled = false): void {
  let { cpuMicros } = result;
  for (const post of result.posts) {
    if (post.kind === "hostCall") {
      outbox.add({ type: cellMessages.hostCall.type, status: 0, id: post.id, instance, cpuMicros: 0, text: post.text, attachments: post.attachments });
      continue;
    }
    const { status, text, attachments } = readSettled(post);
    outbox.add({ type: cellMessages.settled.type, status, id: post.id, instance, cpuMicros: chargeSettled ? cpuMicros : 0, text, attachments });
    if (chargeSettled) cpuMicros = 0;
  }
  reply(outbox, id, instance, result, cpuMicros);
}

/** Whether the instances after this one do not run. A body that somebody changed is not here for the next, so that ends it too. */
const endsChain = ({ status, attachments }: Answer): boolean =>
  status === resultStatus.pending || status === resultStatus.failed || attachments.length > 0;

/** One event on its way along its chain. */
class Walk {
  readonly frame: ReceivedFrame;
  readonly #text: ChainText;
  readonly #results: EntryResult[] = [];
  /** How many results have been said. */
  #said = 0;
  isOver = false;

  constructor(frame: ReceivedFrame) {
    this.frame = frame;
    this.#text = new ChainText(frame.text);
  }

  /** Place in the chain of the instance that has not answered yet. */
  get place(): number { return this.#results.length; }
  /** What the next instance gets. */
  get text(): string { return this.#text.text; }
  get isAtEnd(): boolean { return 2 * this.place >= this.frame.words.length; }

  take(result: EntryResult): void {
    this.#results.push(result);
    this.isOver ||= endsChain(result);
    if (result.status === resultStatus.changed && !this.isOver && !this.isAtEnd) this.#text.add(result.text);
  }

  /** Says what has not been said. */
  report(outbox: Outbox): void {
    for (; this.#said < this.#results.length; this.#said++) {
      const result = this.#results[this.#said];
      if (result !== undefined) report(outbox, this.frame.id, this.frame.words[2 * this.#said] ?? 0, result);
    }
  }
}

/** Runs an event in every instance of its chain, in order; each has answered before the next starts. */
export function runChain(outbox: Outbox, registry: Registry, frame: ReceivedFrame): void {
  finish(outbox, registry, new Walk(frame));
}

/** Likewise for events with the same chain: as long as nobody takes long, each instance runs all of them in turn. */
export function runTogether(outbox: Outbox, registry: Registry, frames: readonly ReceivedFrame[]): void {
  const walks = frames.map((frame) => new Walk(frame));
  const words = frames[0]?.words ?? [];
  const untilMs = performance.now() + longestTogetherMs;
  let isQuick = true;
  for (let place = 0; isQuick && 2 * place + 1 < words.length; place++) isQuick = runColumn(outbox, registry, walks, untilMs);
  for (const walk of walks) finish(outbox, registry, walk);
}

/** The next instance of the chain runs every event that has not ended. False: there is no time left for doing it so. */
function runColumn(outbox: Outbox, registry: Registry, walks: readonly Walk[], untilMs: number): boolean {
  for (const walk of walks) if (walk.isOver) walk.take(skipped);
  const live = walks.filter(({ isOver }) => !isOver);
  const [first] = live;
  if (first === undefined) return true;
  const [id, cpuMs] = [first.frame.words[2 * first.place] ?? 0, first.frame.words[2 * first.place + 1] ?? 0];
  for (let from = 0; from < live.length;) {
    const instance = registry.get(id);
    const rest = live.slice(from);
    if (instance === undefined) {
      for (const walk of rest) walk.take(restarted);
      return true;
    }
    outbox.flushLate();
    const events = rest.map(({ frame, text }) => ({ call: frame.id, text, attachments: frame.attachments }));
    const results = instance.isolate.dispatchMany(events, instance.takeReleasedKeys(), cpuMs, (call) => outbox.enter(call, id, false));
    for (const [at, result] of results.entries()) {
      rest[at]?.take(result);
      if (result.isFatal) registry.remove(id);
    }
    from += results.length;
    if (performance.now() > untilMs) return false;
  }
  return true;
}

/** The rest of a chain, one instance after the other. */
function finish(outbox: Outbox, registry: Registry, walk: Walk): void {
  walk.report(outbox);
  while (!walk.isAtEnd) {
    step(outbox, registry, walk);
    walk.report(outbox);
    outbox.flush();
  }
}

function step(outbox: Outbox, registry: Registry, walk: Walk): void {
  const { frame, place, text } = walk;
  const id = frame.words[2 * place] ?? 0;
  const instance: Instance | undefined = walk.isOver ? undefined : registry.get(id);
  if (instance === undefined) return walk.take(walk.isOver ? skipped : restarted);
  outbox.flushLate();
  outbox.enter(frame.id, id, true);
  const result = instance.isolate.dispatch({
    call: frame.id, releasedKeys: instance.takeReleasedKeys(), text, attachments: frame.attachments,
    cpuMs: frame.words[2 * place + 1] ?? 0, isStartup: frame.status === eventPhase.startup,
  });
  if (result.isFatal) registry.remove(id);
  walk.take(result);
}
