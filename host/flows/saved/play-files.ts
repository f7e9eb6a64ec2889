// Plays the flows of files one after the other and says how far it is, for `flowcell run -r`. What could not be read is said too, and
// how much that was; what addons do is theirs.
import type { Filter } from "../../../sandbox-api/schema/filter.ts";
import type { ObjectKey } from "../../../sandbox-api/schema/ids.ts";
import type { Log } from "../../log.ts";
import type { Gate } from "../gate.ts";
import { playFlow } from "./play.ts";
import { readFlows } from "./read-flows.ts";
import { matchesSaved } from "./saved-filter.ts";

export interface PlaySettings {
  /** Flows that do not match are passed over; null: none is. */
  readonly filter: Filter | null;
  readonly gate: Gate;
  readonly keys: { next(): ObjectKey };
  readonly log: Log;
  /** Resolves when no further flow is to be played. */
  readonly stopped: Promise<unknown>;
  /** Called now and then, so that what is saved keeps up. */
  readonly afterEach?: () => Promise<void> | undefined;
}

const sayEveryMs = 1_000;
/** LIMIT: flows played before what came of them is written. */
const mostUnwritten = 16;

/** Gives how many were played. Rejects with an OperatorError when a file cannot be read at all. */
export async function playFiles(files: readonly string[], { filter, gate, keys, log, stopped, afterEach }: PlaySettings): Promise<number> {
  const state = { isStopped: false };
  void stopped.then(() => { state.isStopped = true; });
  let played = 0;
  let saidAt = Date.now();
  for (const file of files) {
    let skipped = 0;
    for await (const saved of readFlows(file, ({ message, at, bytes }) => { skipped++; log.warn(`${file}: ${message}`, { event: "read", path: file, at, bytes }); })) {
      if (state.isStopped) break;
      if (filter !== null && !(await matchesSaved(filter, saved))) continue;
      await playFlow(saved, gate, () => keys.next());
      played++;
      if (played % mostUnwritten === 0) await afterEach?.();
      if (Date.now() < saidAt + sayEveryMs) continue;
      saidAt = Date.now();
      log.info(`${played} flows played`, { event: "play-progress", path: file, played });
    }
    log.info(`${file} read: ${played} flows played${skipped === 0 ? "" : `, ${skipped} parts of it skipped`}`, { event: "played", path: file, played, skipped });
  }
  return played;
}
