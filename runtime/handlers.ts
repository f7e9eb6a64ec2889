// What a cell does with each message of the host: the message table's mirror. A message without a handler does not compile.
// Handlers run one after the other to their end; what an addon does wrong becomes an answer, what the host does wrong ends the cell.
import { contractVersion } from "../sandbox-api/schema/version.ts";
import { cellMessages, type HelloText, type HostMessage, hostMessages, type LoadText, resultStatus, type StatText } from "../sandbox-api/wire/messages.ts";
import { done, reply, report, restarted, runChain, runTogether } from "./dispatch.ts";
import { groupAt } from "./grouping.ts";
import { faultAnswer } from "./isolate/result.ts";
import type { ReceivedFrame } from "./link.ts";
import type { Outbox } from "./outbox.ts";
import type { Registry } from "./registry.ts";

type Handler = (frame: ReceivedFrame) => void;

/** Preparing a piece takes as long as a slow event: who asks meanwhile waits, and the host may take the cell for one that hangs. */
const idleMs = 200;

const asText = (bytes: Buffer | undefined): string => bytes?.toString("latin1") ?? "";

/** One function for the frames that came in together; throws on one of no known type. */
export function makeHandler(outbox: Outbox, registry: Registry): (frames: readonly ReceivedFrame[]) => void {
  const say = (type: number, id: number, text: string): void => outbox.add({ type, status: 0, id, instance: 0, cpuMicros: 0, text, attachments: [] });

  const handlers: { readonly [M in HostMessage]: Handler } = {
    boot: ({ id, attachments }) => {
      registry.setGuest(asText(attachments[0]));
      const hello: HelloText = { contract: contractVersion, node: process.version, pid: process.pid };
      say(cellMessages.hello.type, id, JSON.stringify(hello));
    },
    load: ({ id, instance, text, attachments }) => {
      // The host wrote this text; its own checks are in the host.
      const settings: LoadText = JSON.parse(text);
      outbox.flushLate();
      outbox.enter(id, instance, true);
      const result = registry.add(instance, settings).isolate.load(text, asText(attachments[0]));
      if (result.status === resultStatus.changed) return report(outbox, id, instance, result);
      registry.remove(instance);
      const answer = result.status === resultStatus.failed ? result : faultAnswer({ code: "load-failed", message: "the guest gave no handlers" });
      report(outbox, id, instance, { ...result, ...answer });
    },
    event: (frame) => runChain(outbox, registry, frame),
    resume: ({ id, instance, words, text, attachments }) => {
      const target = registry.get(instance);
      if (target === undefined) return reply(outbox, id, instance, restarted);
      const [cpuMs = 0, hostCall = 0] = words;
      outbox.flushLate();
      outbox.enter(id, instance, true);
      const result = target.isolate.resume(hostCall, text, attachments, cpuMs);
      if (result.isFatal) registry.remove(instance);
      report(outbox, id, instance, result, true);
    },
    unload: ({ id, instance }) => {
      registry.remove(instance);
      reply(outbox, id, instance, done);
    },
    release: ({ instance, words }) => registry.get(instance)?.release(words),
    stat: ({ id }) => {
      const heapBytes = Object.fromEntries([...registry.instances].map((instance) => [instance.id, instance.isolate.heapBytes]));
      const stat: StatText = { loads: registry.loads, instances: registry.size, heapBytes };
      say(cellMessages.stat.type, id, JSON.stringify(stat));
    },
  };

  const idle: NodeJS.Timeout = setTimeout(() => { if (registry.prepare()) idle.refresh(); }, idleMs).unref();
  const byType: (Handler | undefined)[] = [];
  for (const [name, { type }] of Object.entries(hostMessages)) byType[type] = handlers[name as HostMessage];
  const handle: Handler = (frame) => {
    const handler = byType[frame.type];
    if (handler === undefined) throw new Error(`no handler for message type ${frame.type}`);
    handler(frame);
  };
  return (frames) => {
    for (let at = 0; at < frames.length;) {
      const { events, releases, next } = groupAt(frames, at);
      if (outbox.mayWait && events.length > 1) {
        runTogether(outbox, registry, events);
        for (const release of releases) handle(release);
        at = next;
      } else {
        const frame = frames[at++];
        if (frame !== undefined) handle(frame);
      }
    }
    outbox.end();
    idle.refresh();
  };
}
