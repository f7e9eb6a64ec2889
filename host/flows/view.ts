// Cuts what an addon may see of an object to its grants and to what it has not seen yet, and lays it out as event text
// (schema/view.ts). WALL 5: what is not granted is not in the text. It decodes no bodies (addons/bodies.ts has done that before)
// and changes nothing.
import type { EventName } from "../../sandbox-api/schema/events.ts";
import { sensitiveFields } from "../../sandbox-api/schema/http.ts";
import type { PermissionName } from "../../sandbox-api/schema/permissions.ts";
import { asciiJson, partSeparator, type Envelope, type PartName } from "../../sandbox-api/schema/view.ts";
import { invariant } from "../invariant.ts";
import type { GateSubject } from "./gate.ts";
import { eachPart, type Paper } from "./view-parts.ts";

export interface EventView { readonly text: string; readonly attachments: readonly Buffer[] }

/** What one instance has seen of one object: for each part, which record in which version. PERF: a few entries, so lists and no maps (bench/host-event). */
export class SeenParts {
  readonly #parts: PartName[] = [];
  readonly #owners: (object | null)[] = [];
  readonly #versions: number[] = [];
  #isUncertain = false;

  has(part: PartName, owner: object, version: number): boolean {
    const at = this.#parts.indexOf(part);
    return at >= 0 && this.#owners[at] === owner && this.#versions[at] === version;
  }

  /** Whether it was never told of that part, so that it takes it for what it is at first. */
  isUntold(part: PartName): boolean {
    return !this.#isUncertain && !this.#parts.includes(part);
  }

  set(part: PartName, owner: object, version: number): void {
    const known = this.#parts.indexOf(part);
    const at = known < 0 ? this.#parts.push(part) - 1 : known;
    this.#owners[at] = owner;
    this.#versions[at] = version;
  }

  /** The part is sent again next time, whatever its version. */
  forget(part: PartName): void {
    const at = this.#parts.indexOf(part);
    if (at >= 0) this.#owners[at] = null;
  }

  /** After a failure nobody knows what the isolate holds: everything is sent again. */
  clear(): void {
    this.#owners.fill(null);
    this.#isUncertain = true;
  }
}

const sensitivePermissions = sensitiveFields.map((name) => `header:${name}` as const);
/** By a bit for each field. PERF: every event asks. */
const withheldSets: readonly ReadonlySet<string>[] = Array.from({ length: 1 << sensitiveFields.length }, (_, bits) => new Set(sensitiveFields.filter((_name, at) => (bits & (1 << at)) !== 0)));

/** Sensitive fields whose values these permissions do not show. */
export function withheldFields(permissions: ReadonlySet<PermissionName>): ReadonlySet<string> {
  let bits = 0;
  for (let at = 0; at < sensitivePermissions.length; at++) {
    const permission = sensitivePermissions[at];
    if (permission !== undefined && !permissions.has(permission)) bits |= 1 << at;
  }
  const names = withheldSets[bits];
  invariant(names !== undefined, "a set of sensitive fields was not made");
  return names;
}

/** Two sets of permissions with the same class get the same view, so their addons may share a frame. */
export function viewClass(permissions: ReadonlySet<PermissionName>): string {
  return [...permissions].filter((name) => name.startsWith("read:") || name.startsWith("header:")).sort().join(" ");
}

/** Writes event views; keeps the JSON of connections, which many flows show. One for all addons of a gate. */
export class ViewWriter {
  readonly #cache = new WeakMap<object, { readonly version: number; readonly json: string }>();
  readonly #bodyBytes: number;

  /** LIMIT bodyBytes: larger bodies are not given; their part says `truncated`. An addon's own bound, where it is lower, is for `write`. */
  constructor(bodyBytes: number) {
    this.#bodyBytes = bodyBytes;
  }

  /** The event for instances of one view class that have seen these parts: what any of them lacks is in it. */
  write(event: EventName, subject: GateSubject, permissions: ReadonlySet<PermissionName>, seen: readonly SeenParts[], bodyBytes = this.#bodyBytes): EventView {
    const attachments: Buffer[] = [];
    const cached = (owner: object, version: number, make: () => unknown): string => this.#json(owner, version, make);
    const paper: Paper = { withheld: withheldFields(permissions), attachments, cached, bodyBytes };
    let names = "";
    let body = "";
    eachPart(event, subject, (part, of) => {
      if (!isGranted(part.needs, permissions) || haveSeen(seen, part.name, part.owner(of), part.version(of))) return;
      if (part.isBlank?.(of) === true && areUntold(seen, part.name)) return;
      names += names === "" ? `"${part.name}"` : `,"${part.name}"`;
      body += partSeparator + part.write(of, paper);
    });
    // An Envelope. None of these texts needs an escape.
    return { text: `{"event":"${event}","key":${subject.key},"parts":[${names}]}${body}`, attachments };
  }

  /** Notes that an instance has seen the object as it stands now, but for the parts in `except`. */
  note(event: EventName, subject: GateSubject, permissions: ReadonlySet<PermissionName>, seen: SeenParts, except: ReadonlySet<PartName>): void {
    eachPart(event, subject, (part, of) => {
      if (except.has(part.name)) seen.forget(part.name);
      else if (isGranted(part.needs, permissions)) seen.set(part.name, part.owner(of), part.version(of));
    });
  }

  #json(owner: object, version: number, make: () => unknown): string {
    const known = this.#cache.get(owner);
    if (known !== undefined && known.version === version) return known.json;
    const json = asciiJson(make());
    this.#cache.set(owner, { version, json });
    return json;
  }
}

/** An event that carries no traffic: `start`, `tick`, `options` and the like. */
export function plainView(event: Envelope["event"], key: number, parts: readonly (readonly [PartName, unknown])[], attachments: readonly Buffer[] = []): EventView {
  const envelope: Envelope = { event, key, parts: parts.map(([name]) => name) };
  return { text: [JSON.stringify(envelope), ...parts.map(([, value]) => asciiJson(value))].join(partSeparator), attachments };
}

const isGranted = (needs: PermissionName | null, permissions: ReadonlySet<PermissionName>): boolean => needs === null || permissions.has(needs);

function haveSeen(seen: readonly SeenParts[], name: PartName, owner: object, version: number): boolean {
  for (const known of seen) if (!known.has(name, owner, version)) return false;
  return true;
}

function areUntold(seen: readonly SeenParts[], name: PartName): boolean {
  for (const known of seen) if (!known.isUntold(name)) return false;
  return true;
}
