// A stream function as traffic sees it: chunks go to the addon as the pseudo event `stream` and what it returns goes on. When it
// fails, bytes that nobody altered yet pass as they are (policy `open`); after that, or under `closed`, the stream is cut: never a
// clean-looking body that lost a piece (sandbox.md §2).
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import type { StreamFunction } from "../flows/flow.ts";
import { invariant } from "../invariant.ts";
import type { GateSubject } from "../flows/gate.ts";
import { validateChanges } from "../flows/validate.ts";
import { plainView } from "../flows/view.ts";
import type { Instance } from "./instance.ts";
import { callOne } from "./call-one.ts";

/** Thrown to whoever reads the stream: the body cannot go on. */
export class StreamCutError extends Error {
  override readonly name = "StreamCutError";
  readonly code = "ERR_ADDON_STREAM";
}

/** Calls to `fail` get strike and log; the stream's fate is decided here. */
export function makeStreamFunction(instance: Instance, subject: GateSubject, side: "request" | "response", fail: (fault: Fault, cpuMicros: number) => void): StreamFunction {
  let hasAltered = false;
  let isBroken = false;
  const giveUp = (fault: Fault, cpuMicros: number, chunk: Buffer): readonly Buffer[] => {
    isBroken = true;
    fail(fault, cpuMicros);
    if (hasAltered || instance.version.grants.failure === "closed") throw new StreamCutError(`addon "${instance.addon.name}" failed while it streamed the ${side}`);
    return pass(chunk);
  };
  return async (chunk) => {
    if (isBroken) return pass(chunk);
    if (!instance.isAlive) return giveUp({ code: "restarted", message: "" }, 0, chunk);
    const bodies = chunk.length === 0 ? [] : [chunk];
    const { permissions, limits } = instance.version.grants;
    const judged: { verdict: ReturnType<typeof validateChanges> | null } = { verdict: null };
    const isGood = ({ text, attachments }: { readonly text: string; readonly attachments: readonly Buffer[] }): boolean => {
      judged.verdict = validateChanges({ event: "stream", subject, permissions, text, attachments, mutationBytes: limits.mutationBytes });
      return judged.verdict.kind !== "fault";
    };
    const outcome = await callOne(instance, plainView("stream", subject.key, [["chunk", { of: side, content: chunk.length === 0 ? null : 0 }]], bodies), false, isGood);
    switch (outcome.kind) {
      case "unchanged":
        // Nothing came back for it: held back or dropped. At the end that is what a function with no rest to give does.
        hasAltered ||= chunk.length > 0;
        return [];
      case "changed": {
        const { verdict } = judged;
        invariant(verdict !== null, "changes that were not judged");
        if (verdict.kind === "fault") return giveUp(verdict.fault, outcome.cpuMicros, chunk);
        const pieces = verdict.changes.flatMap((change) => (change[0] === "stream.chunks" ? change[1] : [])).map((index) => outcome.attachments[index] ?? Buffer.alloc(0));
        hasAltered ||= !Buffer.concat(pieces).equals(chunk);
        return pieces;
      }
      case "failed": return giveUp(outcome.fault, outcome.cpuMicros, chunk);
      case "skipped": case "lost": return giveUp({ code: "restarted", message: "" }, 0, chunk);
    }
  };
}

const pass = (chunk: Buffer): readonly Buffer[] => (chunk.length === 0 ? [] : [chunk]);
