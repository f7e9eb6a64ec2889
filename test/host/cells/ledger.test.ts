// What is asked of a cell and what is believed of it and of its guests: only what is outstanding, for that very instance; and answered calls are let go.
import test from "ava";
import type { CellCall, Outcome } from "../../../host/cells/cell.ts";
import { Ledger } from "../../../host/cells/ledger.ts";
import { instanceId } from "../../../sandbox-api/schema/ids.ts";
import { defaultLimits } from "../../../sandbox-api/schema/limits.ts";
import { resultStatus } from "../../../sandbox-api/wire/messages.ts";
import { collectGarbage } from "../../helpers/garbage.ts";

test("callOf: the head's call, a pending call, and nothing else", (t) => {
  const ledger = new Ledger(() => 0);
  const [one, two] = [instanceId(1), instanceId(2)];
  for (const id of [one, two]) ledger.instances.set(id, { limits: defaultLimits, waiting: 0, isClosing: false });
  const chain = [one, two].map((instance) => ({ instance, cpuMs: 1, wallMs: 1_000 }));
  const call: CellCall = { text: "", attachments: [], chain };
  const answer = { id: 9, cpuMicros: 1, text: "", attachments: [] };
  ledger.expect({ id: 9, kind: "event", chain, call, finish: () => undefined });
  t.is(ledger.callOf(1, 9), call);
  t.deepEqual([ledger.callOf(2, 9), ledger.callOf(1, 8), ledger.callOf(1, 0), ledger.callOf(3, 9)], [null, null, null, null]);
  t.is(ledger.result({ ...answer, instance: 1, status: resultStatus.unchanged }), null);
  t.deepEqual([ledger.callOf(1, 9), ledger.callOf(2, 9)], [null, call], "the next in the chain works on it now");
  t.is(ledger.result({ ...answer, instance: 2, status: resultStatus.pending }), null);
  t.deepEqual([ledger.callOf(1, 9), ledger.callOf(2, 9)], [null, call], "pending");
  ledger.expect({ id: 10, kind: "resume", chain: [{ instance: two, cpuMs: 1, wallMs: 1_000 }], call: null, finish: () => undefined });
  t.deepEqual([ledger.callOf(2, 10), ledger.callOf(2, 9)], [null, call], "an answer is no call of its own");
  t.is(ledger.settled({ ...answer, instance: 2, status: resultStatus.unchanged }), null);
  t.is(ledger.callOf(2, 9), null);
});

test("an answered call is let go while the queue behind it is still being worked off", async (t) => {
  const ledger = new Ledger(() => 0);
  const instance = instanceId(1);
  ledger.instances.set(instance, { limits: defaultLimits, waiting: 0, isClosing: false });
  const chain = [{ instance, cpuMs: 1, wallMs: 1_000 }];
  const ask = (id: number): WeakRef<CellCall> => {
    const call: CellCall = { text: `event ${id}`, attachments: [], chain };
    ledger.expect({ id, kind: "event", chain, call, finish: () => undefined });
    return new WeakRef(call);
  };
  const [first, second] = [ask(1), ask(2)];
  t.is(ledger.result({ id: 1, instance: 1, status: resultStatus.unchanged, cpuMicros: 1, text: "", attachments: [] }), null);
  // A WeakRef holds its target until the turn in which it was made is over.
  await new Promise(setImmediate);
  await collectGarbage();
  t.is(first.deref(), undefined);
  t.is(ledger.callOf(1, 2), second.deref() ?? null);
});

test("running: what the mark names, while it is outstanding, and else the call whose answer is next", (t) => {
  const ledger = new Ledger(() => 0);
  const [one, two] = [instanceId(1), instanceId(2)];
  for (const id of [one, two]) ledger.instances.set(id, { limits: defaultLimits, waiting: 0, isClosing: false });
  const chain = [one, two].map((instance) => ({ instance, cpuMs: instance * 10, wallMs: 1_000 }));
  t.is(ledger.running({ call: 1, instance: 1 }), null, "nothing is outstanding");
  const finished: (readonly Outcome[])[] = [];
  for (const id of [1, 2]) ledger.expect({ id, kind: "event", chain, call: null, finish: (outcomes) => void finished.push(outcomes) });
  t.like(ledger.running(null), { instance: 1, cpuMs: 10 });
  t.like(ledger.running({ call: 1, instance: 2 }), { instance: 2, cpuMs: 20 });
  t.like(ledger.running({ call: 2, instance: 2 }), { instance: 2, cpuMs: 20 });
  for (const [call, instance] of [[3, 1], [1, 3], [0, 0], [0xffff_ffff, 2]] as const) t.like(ledger.running({ call, instance }), { instance: 1 }, `${call} ${instance}`);
  t.is(ledger.result({ id: 1, instance: 1, status: resultStatus.unchanged, cpuMicros: 1, text: "", attachments: [] }), null);
  t.like(ledger.running({ call: 1, instance: 1 }), { instance: 2 }, "it has answered since");
  const fault = { code: "cell-died", message: "" } as const;
  ledger.abandon({ id: 1, instance: two }, fault);
  t.deepEqual(finished.map((outcomes) => outcomes.map(({ kind }) => kind)), [["unchanged", "failed"], ["lost", "lost"]]);
});

test("abandon: who ran behind others that had not answered has failed, and they are to be asked again", (t) => {
  const ledger = new Ledger(() => 0);
  const [one, two] = [instanceId(1), instanceId(2)];
  const chain = [one, two].map((instance) => ({ instance, cpuMs: 10, wallMs: 1_000 }));
  const finished: string[][] = [];
  for (const id of [1, 2]) ledger.expect({ id, kind: "event", chain, call: null, finish: (outcomes) => void finished.push(outcomes.map(({ kind }) => kind)) });
  ledger.abandon({ id: 1, instance: two }, { code: "cell-died", message: "" });
  t.deepEqual(finished, [["lost", "failed"], ["lost", "lost"]]);
});
