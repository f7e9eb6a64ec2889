// Answers requests from recorded flows in place of servers: which recorded response fits is decided by replay-key.ts, when it is asked by
// a gate that stands after the addons, so that these may change or answer a request before. It sends nothing.
import type { EventName, HeldEvent, ToldEvent } from "../../../sandbox-api/schema/events.ts";
import type { Log } from "../../log.ts";
import type { HttpFlow } from "../flow.ts";
import type { Gate, GateSubject, SubjectOf } from "../gate.ts";
import { readFlows } from "./read-flows.ts";
import { replayKey, type MatchRules } from "./replay-key.ts";
import { refreshed } from "./refresh.ts";
import type { SavedFlow, SavedHttpFlow } from "./saved-flow.ts";
import { requestOf, responseOf } from "./to-flow.ts";

export interface ServerReplayRules extends MatchRules {
  /** A response may be given again and again; otherwise each is given once, in the order of the recording. */
  readonly reuse: boolean;
  /** Requests that nothing recorded fits are killed; otherwise they go to their servers. */
  readonly killExtra: boolean;
  /** Dates and cookies are moved to now. */
  readonly refresh: boolean;
}

export class ServerReplay {
  readonly #rules: ServerReplayRules;
  readonly #log: Log;
  readonly #responses = new Map<string, SavedHttpFlow[]>();

  constructor(rules: ServerReplayRules, log: Log) {
    this.#rules = rules;
    this.#log = log;
  }

  /** Takes a recorded flow; false: it has nothing to answer with, or no body to compare. */
  add(flow: SavedFlow): boolean {
    if (flow.kind !== "http" || flow.websocket !== null || flow.response === null || flow.response.statusCode < 200 || flow.response.body.kind === "missing" || flow.error !== null) return false;
    const key = replayKey(requestOf(flow.request), this.#rules);
    if (key === null) return false;
    const known = this.#responses.get(key);
    if (known === undefined) this.#responses.set(key, [flow]);
    else known.push(flow);
    return true;
  }

  /** A gate that answers what fits, after `inner`. */
  around(inner: Gate): Gate {
    return new ReplayGate(inner, (flow) => this.#answer(flow));
  }

  #answer(flow: HttpFlow): void {
    if (flow.response !== null || flow.killedBy !== null || flow.refusal !== null || flow.replayDepth > 0) return;
    // A body that was streamed has left already, and its request with it.
    const mayAnswer = flow.request.body.state === "whole";
    const saved = mayAnswer ? this.#take(flow) : null;
    const { method, host, path } = flow.request;
    if (saved?.response != null) {
      const now = Date.now() / 1_000;
      const headers = this.#rules.refresh ? refreshed(saved.response.headers, now - saved.response.timestampStart) : saved.response.headers;
      flow.response = { ...responseOf({ ...saved.response, headers, timestampStart: now, timestampEnd: now }, true), isReplayed: true };
      flow.version++;
    } else if (this.#rules.killExtra) {
      this.#log.warn(`nothing recorded answers ${method} ${host}${path}: killed`, { event: "replay-server", host, method, path });
      flow.live = false;
      flow.killedBy = "--replay-kill-extra";
      flow.error ??= { msg: "Connection killed", timestamp: Date.now() / 1_000 };
      flow.version++;
    }
  }

  #take(flow: HttpFlow): SavedHttpFlow | null {
    const key = replayKey(flow.request, this.#rules);
    const known = key === null ? undefined : this.#responses.get(key);
    if (known === undefined || key === null) return null;
    if (this.#rules.reuse) return known[0] ?? null;
    const first = known.shift() ?? null;
    if (known.length === 0) this.#responses.delete(key);
    return first;
  }
}

/** Takes the responses of these files and says how many they are. Rejects with an OperatorError when one cannot be read at all. */
export async function openServerReplay(files: readonly string[], rules: ServerReplayRules, log: Log): Promise<ServerReplay> {
  const replay = new ServerReplay(rules, log);
  for (const file of files) {
    let [taken, skipped] = [0, 0];
    const flows = readFlows(file, ({ message, at, bytes }) => { skipped++; log.warn(`${file}: ${message}`, { event: "read", path: file, at, bytes }); });
    for await (const flow of flows) {
      if (replay.add(flow)) taken++;
      else skipped++;
    }
    log.info(`${file}: ${taken} recorded responses${skipped === 0 ? "" : `; ${skipped} flows or parts of the file have none that could be given`}`, { event: "replay-server", path: file, taken, skipped });
  }
  return replay;
}

class ReplayGate implements Gate {
  readonly #inner: Gate;
  readonly #answer: (flow: HttpFlow) => void;

  constructor(inner: Gate, answer: (flow: HttpFlow) => void) {
    this.#inner = inner;
    this.#answer = answer;
  }

  /** Bodies are compared, so that they must be collected. */
  wants(event: EventName, host: string | null): boolean {
    return event === "request" || this.#inner.wants(event, host);
  }

  held<E extends HeldEvent>(event: E, subject: SubjectOf<E>): Promise<void> | null {
    const held = this.#inner.held(event, subject);
    return event === "request" ? this.#request(held, subject) : held;
  }

  tell<E extends ToldEvent>(event: E, subject: SubjectOf<E>): void {
    this.#inner.tell(event, subject);
  }

  release(subject: GateSubject): void {
    this.#inner.release(subject);
  }

  async #request(held: Promise<void> | null, subject: GateSubject): Promise<void> {
    await held;
    if (subject.kind === "http") this.#answer(subject);
  }
}
