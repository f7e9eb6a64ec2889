// What the operator and the author read when an addon fails: one sentence with addon, event, flow, reason and limit, and fields
// with the place in the author's source. Faults come from cells, so their texts are cut and stripped; nothing is decided here.
import { faultTable, type Fault } from "../../sandbox-api/schema/faults.ts";
import type { CallName } from "../../sandbox-api/schema/view.ts";
import type { GateSubject } from "../flows/gate.ts";
import type { AddonVersion } from "./addon.ts";

export interface FaultReport {
  readonly msg: string;
  readonly fields: { readonly [name: string]: unknown };
}

export interface FaultScene {
  readonly addon: string;
  /** What was going on: an event, or e.g. "a timer", "start-up". */
  readonly event: CallName | "a timer" | "load";
  readonly subject: GateSubject | null;
  readonly version: AddonVersion | null;
}

const longestMessage = 1_000;
const controls = /[\0-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g;

/** One for one, so that a caret still points to its place. */
const eachControl = /[\0-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

const clean = (text: string): string => text.slice(0, longestMessage).replace(controls, " ");

/** The sentence and fields for a fault. */
export function reportFault(fault: Fault, { addon, event, subject, version }: FaultScene): FaultReport {
  const url = subject === null ? null : subjectUrl(subject);
  const mapped = fault.stack === undefined ? null : version?.sourceMap.mapStack(fault.stack) ?? null;
  const place = mapped?.place ?? (fault.location === undefined ? null : version?.sourceMap.mapStack(fault.location).place ?? null);
  const location = place === null ? "" : ` at ${clean(place.location)}`;
  const msg = `addon "${addon}" failed in ${event}${url === null ? "" : ` (${clean(url)})`}: ${reasonOf(fault)}${location}`;
  return {
    msg,
    fields: {
      addon, event, fault: fault.code, ...(url !== null && { url: clean(url) }), ...(fault.field !== undefined && { field: clean(fault.field) }),
      ...(fault.limit !== undefined && { limit: fault.limit }), ...(place !== null && { location: clean(place.location), codeLine: place.codeLine === null ? null : place.codeLine.replace(eachControl, " "), caret: place.caret }),
      ...(mapped !== null && { stack: mapped.stack.slice(0, 4 * longestMessage) }),
    },
  };
}

/** The reason alone, e.g. "used more CPU time than one call may: 50 ms allowed, 57 ms used". */
export function reasonOf(fault: Fault): string {
  const { sentence } = faultTable[fault.code];
  if (fault.limit !== undefined) return `${sentence}: ${fault.limit.value} ${fault.limit.unit} allowed, ${round(fault.limit.used)} ${fault.limit.unit} used`;
  const message = clean(fault.message);
  return message === "" || message === sentence ? sentence : `${sentence}: ${message}`;
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** How a flow or connection is called in messages. */
export function subjectUrl(subject: GateSubject): string | null {
  const at = (address: { readonly host: string; readonly port: number } | null): string | null => (address === null ? null : `${address.host}:${address.port}`);
  switch (subject.kind) {
    case "http": {
      const { scheme, host, port, path } = subject.request;
      const isDefault = (scheme === "http" && port === 80) || (scheme === "https" && port === 443);
      return `${scheme}://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}${isDefault ? "" : `:${port}`}${path}`;
    }
    case "server": return at(subject.address);
    case "tcp": case "layer": return at(subject.server.address) ?? at(subject.client.address);
    case "root": return at(subject.client.address);
  }
}
