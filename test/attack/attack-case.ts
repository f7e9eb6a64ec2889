// The shape of one attack: an addon's source, what its author wants, which wall must stop it, and what the host may say about it.
// Adding an attack is adding a row in cases/; runner and report need no change.
import type { FaultCode } from "../../sandbox-api/schema/faults.ts";

export type AttackCategory = "escape" | "hang" | "memory" | "flood" | "smuggling" | "information" | "bundling";
export type Wall = "guest lockdown" | "isolate" | "cell process" | "host checks" | "bundler";

export interface AttackCase {
  readonly name: string;
  readonly category: AttackCategory;
  /** What the attacker wants, in words. */
  readonly wants: string;
  readonly wall: Wall;
  /** TypeScript source of the hostile addon. A handler that finds a way out sets the response header `x-escaped`. */
  readonly source: string;
  /**
   * What must come of it: `harmless`: the addon runs through and finds nothing; `refused`: it never loads; otherwise the fault codes of which one must be
   * reported for it.
   */
  readonly ends: "harmless" | "refused" | readonly FaultCode[];
  /** Further files beside the addon, by path relative to it (bundling cases). */
  readonly files?: Readonly<Record<string, string>>;
}

/** A `response` handler around `body`; `found(what)` marks an escape. */
export function probe(body: string): string {
  return `export function response(flow: any) {
  const found = (what: unknown) => { try { flow.response.headers.set("x-escaped", String(what).slice(0, 80)); } catch { flow.response.headers.set("x-escaped", "yes"); } };
  ${body}
}
`;
}

/** A `request` handler around `body`. */
export function onRequest(body: string): string {
  return `export function request(flow: any) {\n  ${body}\n}\n`;
}
