// A cell that its guest has taken over and that says what no honest cell says, in the place of a cell behind a real proxy with real flows.
// The lies are told by lies.ts; the guest only picks one.
import type { FaultCode } from "../../../sandbox-api/schema/faults.ts";
import type { AttackCase } from "../attack-case.ts";

function forgery(lie: string, wants: string, ends: AttackCase["ends"]): AttackCase {
  return {
    name: lie, category: "forgery", wants, wall: "host checks", ends, isCellTaken: true,
    source: `export function request(flow: any) { flow.request.headers.set("x-lie", "lie:${lie}"); }\n`,
  };
}

const lied: readonly FaultCode[] = ["cell-lied"];
const died: readonly FaultCode[] = ["cell-died"];
const illegal: readonly FaultCode[] = ["illegal-change"];

const lies = (wants: string, ends: AttackCase["ends"], ...names: readonly string[]): readonly AttackCase[] => names.map((name) => forgery(name, wants, ends));

export const forgeryCases: readonly AttackCase[] = [
  ...lies("to confuse the host's frame reader", lied, "garbage", "zeros", "oversize", "text-longer-than-frame", "too-many-attachments", "too-many-words", "reserved-bits"),
  ...lies("to leave the host waiting", died, "truncated", "quits"),
  // In a jail it is process 1 of its own namespace, which not even SIGKILL of its own ends.
  ...lies("to leave the host waiting", ["cell-died", "unresponsive"], "aborts"),
  ...lies("to leave the host waiting", ["unresponsive"], "silent", "stutters"),
  ...lies("to answer what was not asked", lied, "unknown-type", "host-type", "unknown-status", "unknown-id", "foreign-instance", "duplicate", "answers-ahead", "skipped", "changes-called-none", "settles-nothing", "settles-foreign", "pending-with-text", "greets-again", "reports-unasked"),
  ...lies("to fail without a reason that can be told", lied, "made-up-fault", "fault-without-text", "fault-of-megabytes"),
  ...lies("host calls that do not exist or are not its own", lied, "call-exec", "call-proto", "call-of-another", "call-of-nobody", "call-flood", "call-timer-negative", "call-timer-infinite", "call-not-json"),
  ...lies("to paint the operator's terminal", "harmless", "log-that-draws"),
  ...lies("to resume flows of others", "harmless", "resumes-foreign-flow"),
  ...lies("to be charged an hour of CPU", ["cpu-budget"], "cpu-of-an-hour"),
  ...lies("changes that are none", illegal, "changes-not-json", "changes-not-list", "changes-deep", "changes-many", "changes-proto-address", "changes-inherited-address", "changes-response-of-request", "changes-missing-body", "changes-fractional-body", "changes-proto-value"),
  ...lies("to fill the host's memory", ["mutation-too-large", "cell-lied"], "changes-too-large"),
  ...lies("bytes that two parsers read differently, past the guest's checks", illegal, "fields-crlf", "fields-name-crlf", "fields-framing", "fields-two-hosts", "fields-twice", "fields-not-there", "path-crlf", "method-crlf", "host-crlf", "port-huge", "made-framing", "made-reason", "made-interim"),
];
