// What "the flow is refused" means for each kind of object, under failure policy `closed` (sandbox.md §2). It only marks the object;
// the exchange or layer that owns it answers 502, cuts or closes.
import type { Refusal } from "../flows/flow.ts";
import type { GateSubject } from "../flows/gate.ts";

/** Marks the object as refused; always true. */
export function refuseSubject(subject: GateSubject, refusal: Refusal): true {
  switch (subject.kind) {
    case "http": case "tcp": subject.refusal ??= refusal; break;
    case "root": subject.killed = true; break;
    case "layer": subject.replacement = "close"; break;
    case "server":
      subject.killed = true;
      subject.error ??= `refused: addon "${refusal.addon}" failed in ${refusal.event}`;
      subject.version++;
      break;
  }
  return true;
}
