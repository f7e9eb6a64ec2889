// Walks one event along its chain of instances: each sees what the ones before it changed, each is answered before the next
// starts, and whoever ends the chain leaves the rest `skipped`. How the next one is told of changes is chain-text.ts's affair.
import { cellMessages, eventPhase, resultStatus } from "../sandbox-api/wire/messages.ts";
import { ChainText } from "./chain-text.ts";
import { type Answer, type EntryResult, faultAnswer, readSettled } from "./isolate/result.ts";
import type { CellLink, ReceivedFrame } from "./link.ts";
import type { Instance, Registry } from "./registry.ts";

const noBuffers: readonly ArrayBuffer[] = Object.freeze([]);
const bare = (status: Answer["status"]): Answer => ({ status, text: "", attachments: noBuffers, isFatal: false });

/** Answers for an instance that is not entered: chain over, isolate gone, or nothing to run. */
export const skipped = bare(resultStatus.skipped);
export const done = bare(resultStatus.unchanged);
export const restarted = faultAnswer({ code: "restarted", message: "the isolate is gone" });

/** Writes one `result`. */
export function reply(link: CellLink, id: number, instance: number, { status, text, attachments }: Answer, cpuMicros = 0): void {
  link.send({ type: cellMessages.result.type, status, id, instance, cpuMicros, text, attachments });
}

/**
 * Writes what an entry posted, then its result, and lets go of the instance if its isolate is gone. `chargeSettled`: the first
 * call that it settled is told the CPU instead of the result.
 */
export function report(link: CellLink, registry: Registry, id: number, instance: Instance, result: EntryResult, chargeSettled = false): void {
  let { cpuMicros } = result;
  for (const post of result.posts) {
    if (post.kind === "hostCall") {
      link.send({ type: cellMessages.hostCall.type, status: 0, id: post.id, instance: instance.id, cpuMicros: 0, text: post.text, attachments: post.attachments });
      continue;
    }
    const { status, text, attachments } = readSettled(post);
    link.send({ type: cellMessages.settled.type, status, id: post.id, instance: instance.id, cpuMicros: chargeSettled ? cpuMicros : 0, text, attachments });
    if (chargeSettled) cpuMicros = 0;
  }
  if (result.isFatal) registry.remove(instance.id);
  reply(link, id, instance.id, result, cpuMicros);
}

/** Whether the instances after this one do not run. A body that somebody changed is not here for the next, so that ends it too. */
const endsChain = ({ status, attachments }: Answer): boolean =>
  status === resultStatus.pending || status === resultStatus.failed || attachments.length > 0;

/** Runs the event in `frame` in every instance it names, in order. */
export function runChain(link: CellLink, registry: Registry, frame: ReceivedFrame): void {
  const { id, words, attachments } = frame;
  const isStartup = frame.status === eventPhase.startup;
  const chain = new ChainText(frame.text);
  let isOver = false;
  for (let at = 0; at + 1 < words.length; at += 2) {
    const instanceId = words[at] ?? 0;
    const instance = isOver ? undefined : registry.get(instanceId);
    if (instance === undefined) {
      reply(link, id, instanceId, isOver ? skipped : restarted);
      isOver = true;
      continue;
    }
    const { releasedKeys } = instance;
    instance.releasedKeys = "";
    const result = instance.isolate.dispatch({ call: id, releasedKeys, text: chain.text, attachments, mayTake: at + 2 >= words.length, cpuMs: words[at + 1] ?? 0, isStartup });
    report(link, registry, id, instance, result);
    isOver = endsChain(result);
    if (result.status === resultStatus.changed && !isOver && at + 2 < words.length) chain.add(result.text);
  }
}
