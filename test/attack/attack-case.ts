// The shape of one attack: an addon's source, what its author wants, which wall must stop it, and what the host may say about it.
// Adding an attack is adding a row in cases/; runner and report need no change.
import type { FaultCode } from "../../sandbox-api/schema/faults.ts";

export const attackCategories = ["escape", "hang", "memory", "flood", "forgery", "smuggling", "information", "bundling"] as const;
export type AttackCategory = (typeof attackCategories)[number];
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
   * What must come of it: `harmless`: the addon runs through and finds nothing; `survived`: it finds nothing, whether or not it comes to a fault; `refused`:
   * it never loads; otherwise the fault codes of which one must be reported for it.
   */
  readonly ends: "harmless" | "survived" | "refused" | readonly FaultCode[];
  /** Further files beside the addon, by path relative to it (bundling cases). */
  readonly files?: Readonly<Record<string, string>>;
  /** Links beside the addon: path → target (bundling cases). */
  readonly links?: Readonly<Record<string, string>>;
  /** The value of `permissions` in its manifest, as source; everything when left out. */
  readonly permissions?: string;
  /** Its cell has been taken over: a request header that the addon sets to `lie:NAME` makes the cell tell that lie (lies.ts). */
  readonly isCellTaken?: true;
  /** Public advisories of other sandboxes that this is after; facts, not their code. */
  readonly after?: string;
}

/** A `response` handler around `body`; `found(what)` marks an escape. */
export function probe(body: string): string {
  return `export function response(flow: any) {
  const found = (what: unknown) => { try { flow.response.headers.set("x-escaped", String(what).slice(0, 80)); } catch { flow.response.headers.set("x-escaped", "yes"); } };
  ${body}
}
`;
}

/** The same as an async handler. */
export function asyncProbe(body: string): string {
  return probe(body).replace("export function", "export async function");
}

/** A `request` handler around `body`. */
export function onRequest(body: string): string {
  return `export function request(flow: any) {\n  ${body}\n}\n`;
}
