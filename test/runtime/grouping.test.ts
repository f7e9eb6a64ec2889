// Which events may go side by side, as a table of what came in.
import test from "ava";
import { groupAt } from "../../runtime/grouping.ts";
import type { ReceivedFrame } from "../../runtime/link.ts";
import { eventPhase, hostMessages } from "../../sandbox-api/wire/messages.ts";

let id = 0;
const frame = (type: keyof typeof hostMessages, words: readonly number[] = [], more: Partial<ReceivedFrame> = {}): ReceivedFrame =>
  ({ type: hostMessages[type].type, status: 0, id: ++id, instance: 0, words, text: "x", attachments: [], ...more });
const event = (words: readonly number[] = [1, 50], more: Partial<ReceivedFrame> = {}): ReceivedFrame => frame("event", words, more);
const chainOf = (length: number): readonly number[] => Array.from({ length }, (_, at) => [at + 1, 50]).flat();
const many = (count: number, words?: readonly number[], more?: Partial<ReceivedFrame>): readonly ReceivedFrame[] => Array.from({ length: count }, () => event(words, more));

const cases: readonly (readonly [what: string, frames: readonly ReceivedFrame[], events: number, releases: number, next: number])[] = [
  ["nothing", [], 0, 0, 0],
  ["one event", [event()], 1, 0, 1],
  ["events of the same chain", many(5), 5, 0, 5],
  ["another instance", [event(), event([2, 50])], 1, 0, 1],
  ["another limit", [event(), event([1, 60])], 1, 0, 1],
  ["a longer chain", [event(), event([1, 50, 2, 50])], 1, 0, 1],
  ["small bodies", [event(), event([1, 50], { attachments: [Buffer.alloc(1), Buffer.alloc(0)] }), event()], 3, 0, 3],
  ["an event with a large body", [event(), event([1, 50], { attachments: [Buffer.alloc(16_000), Buffer.alloc(385)] }), event()], 1, 0, 1],
  ["a large body first", [event([1, 50], { attachments: [Buffer.alloc(16_385)] }), event()], 0, 0, 0],
  ["as many bytes as may be", many(40, [1, 50], { attachments: [Buffer.alloc(16_000)] }), 16, 0, 16],
  ["one that starts up", [event(), event([1, 50], { status: eventPhase.startup })], 1, 0, 1],
  ["objects that end in between", [event(), frame("release", [7]), event(), frame("release", [8])], 2, 2, 4],
  ["an answer in between", [event(), frame("resume", [50, 1]), event()], 1, 0, 1],
  ["an end in between", [event(), frame("unload"), event()], 1, 0, 1],
  ["no event", [frame("load"), event()], 0, 0, 0],
  ["as many as may be", many(40), 32, 0, 32],
  ["fewer of a long chain", many(40, chainOf(100)), 5, 0, 5],
  ["two of a very long one", many(40, chainOf(1_000)), 2, 0, 2],
  ["as much text as may be", many(5, [1, 50], { text: "x".repeat(100_000) }), 2, 0, 2],
];

for (const [what, frames, events, releases, next] of cases) {
  test(`grouping: ${what}`, (t) => {
    const group = groupAt(frames, 0);
    t.deepEqual([group.events.length, group.releases.length, group.next], [events, releases, next]);
    t.deepEqual(group.events, frames.filter(({ type }) => type === hostMessages.event.type).slice(0, events));
  });
}
