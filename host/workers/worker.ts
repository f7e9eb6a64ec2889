// The entry of one worker process: a whole proxy that is led by the primary over Node's channel. It reads no command line and prints
// nothing; log records, questions about the lock file and news for other workers go to the primary. Signals are the primary's: they
// come to the whole terminal group, and it says when to stop. Without a primary it ends at once.
import { startSeat, type SeatedFlowcell } from "../host.ts";
import { invariant } from "../invariant.ts";
import type { LockVerdict } from "../addons/lock.ts";
import { failureOf, type FromWorker, type OpenSettings, type Question, type Questions, type ToWorker } from "./messages.ts";
import { shareOf } from "./shares.ts";

type Handlers = { readonly [Q in Question]: (ask: Questions[Q]["ask"]) => Promise<Questions[Q]["answer"]> | Questions[Q]["answer"] };
type Ask = Extract<ToWorker, { readonly kind: "ask" }>;
interface Judging { readonly resolve: (verdict: LockVerdict) => void; readonly reject: (error: Error) => void }

/** How often others hear what addons have spent here. */
const spentMs = 100;

class Worker {
  readonly #say: (message: FromWorker, sent?: () => void) => void;
  readonly #judging = new Map<number, Judging>();
  #nextJudge = 1;
  #seat: SeatedFlowcell | null = null;
  #spentTimer: NodeJS.Timeout | undefined;

  constructor(say: (message: FromWorker, sent?: () => void) => void) {
    this.#say = say;
  }

  async hear(message: ToWorker): Promise<void> {
    switch (message.kind) {
      case "ask": return this.#answer(message);
      case "news": return this.#seated.addons.heed(message.addon, message.news);
      case "spent":
        for (const [name, micros] of message.spent) this.#seated.addons.spendElsewhere(name, micros);
        return;
      case "judged": {
        const judging = this.#judging.get(message.id);
        this.#judging.delete(message.id);
        if ("message" in message.verdict) judging?.reject(new Error(message.verdict.message));
        else judging?.resolve(message.verdict);
      }
    }
  }

  get #seated(): SeatedFlowcell {
    invariant(this.#seat !== null, "a worker is opened before it is asked anything else");
    return this.#seat;
  }

  async #answer({ id, question, ask }: Ask): Promise<void> {
    try {
      const handle = this.#handlers[question] as (ask: unknown) => unknown;
      const answer = await handle(ask);
      this.#say({ kind: "answer", id, answer }, question === "stop" ? () => process.exit(0) : undefined);
    } catch (error) {
      this.#say({ kind: "failed", id, failure: failureOf(error) });
    }
  }

  readonly #handlers: Handlers = {
    open: (settings) => this.#open(settings),
    add: (paths) => this.#seated.addons.add(paths),
    prepare: ({ name, result }) => this.#seated.addons.prepare(name, result),
    commit: (name) => { this.#seated.addons.commit(name); return null; },
    abandon: async (name) => { await this.#seated.addons.abandon(name); return null; },
    listen: async (listeners) => { await this.#seated.listen(listeners); return null; },
    options: ({ source, layer }) => this.#seated.addons.changeOptions(source, layer),
    unknownOptions: () => this.#seated.addons.unknownOptions(),
    resume: (name) => { this.#seated.addons.resume(name); return null; },
    states: () => this.#seated.addons.addons(),
    stop: async () => {
      clearInterval(this.#spentTimer);
      await this.#seat?.stop();
      return null;
    },
  };

  async #open({ config, options, lockFile, guestBundle, entry, ticketSecret }: OpenSettings): Promise<null> {
    this.#seat = await startSeat({ ...config, limits: shareOf(config.limits, config.workers) }, {
      options, guestBundle, entry, ticketSecret,
      lock: { file: lockFile, judge: (subject) => new Promise((resolve, reject) => {
        const id = this.#nextJudge++;
        this.#judging.set(id, { resolve, reject });
        this.#say({ kind: "judge", id, subject });
      }) },
      tellPeers: (addon, news) => this.#say({ kind: "news", addon, news }),
    }, (record) => this.#say({ kind: "log", record }));
    this.#spentTimer = setInterval(() => {
      const spent = this.#seated.addons.takeSpent();
      if (spent.size > 0) this.#say({ kind: "spent", spent });
    }, spentMs).unref();
    return null;
  }
}

const ignore = (): void => {};
process.on("SIGINT", ignore);
process.on("SIGTERM", ignore);
// Cells end with the process that owns them.
process.on("disconnect", () => process.exit(1));
const worker = new Worker((message, sent) => { if (process.connected) process.send?.(message, undefined, undefined, sent); });
// Both ends are this program; what comes is what messages.ts says.
process.on("message", (message) => void worker.hear(message as ToWorker));
