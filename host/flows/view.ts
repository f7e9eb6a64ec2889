// Cuts what an addon may see of an object to its grants and to what it has not seen yet, and lays it out as event text
// (schema/view.ts). WALL 5: what is not granted is not in the text. It decodes no bodies (addons/bodies.ts has done that before)
// and changes nothing.
import type { EventName } from "../../sandbox-api/schema/events.ts";
import { sensitiveFields } from "../../sandbox-api/schema/http.ts";
import type { PermissionName } from "../../sandbox-api/schema/permissions.ts";
import { asciiJson, partSeparator, type Envelope, type PartName } from "../../sandbox-api/schema/view.ts";
import { invariant } from "../invariant.ts";
import type { GateSubject } from "./gate.ts";
import { eachPart, type Paper, type Part, type PartVisitor } from "./view-parts.ts";

const noBuffers: readonly Buffer[] = Object.freeze([]);

export interface EventView { readonly text: string; readonly attachments: readonly Buffer[] }

/** What one instance has seen of one object: for each part, by its place, which record in which version. PERF: lists that an event fills, and no maps (bench/host-event). */
export class SeenParts {
  /** Null: to be sent again. Undefined: never told. */
  readonly #owners: (object | null | undefined)[] = [undefined, undefined, undefined, undefined, undefined, undefined, undefined, undefined];
  readonly #versions: number[] = [0, 0, 0, 0, 0, 0, 0, 0];
  #isUncertain = false;

  has(place: number, owner: object, version: number): boolean {
    return this.#owners[place] === owner && this.#versions[place] === version;
  }

  /** Whether it was never told of that part, so that it takes it for what it is at first. */
  isUntold(place: number): boolean {
    return !this.#isUncertain && this.#owners[place] === undefined;
  }

  set(place: number, owner: object, version: number): void {
    while (this.#owners.length <= place) {
      this.#owners.push(undefined);
      this.#versions.push(0);
    }
    this.#owners[place] = owner;
    this.#versions[place] = version;
  }

  /** The part is sent again next time, whatever its version. */
  forget(place: number): void {
    if (this.#owners[place] !== undefined) this.#owners[place] = null;
  }

  /** After a failure nobody knows what the isolate holds: everything is sent again. */
  clear(): void {
    for (let place = 0; place < this.#owners.length; place++) this.forget(place);
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
  readonly #cache: JsonCache = new WeakMap();
  readonly #bodyBytes: number;

  /** LIMIT bodyBytes: larger bodies are not given; their part says `truncated`. An addon's own bound, where it is lower, is for `write`. */
  constructor(bodyBytes: number) {
    this.#bodyBytes = bodyBytes;
  }

  /** The event for instances of one view class that have seen these parts: what any of them lacks is in it. */
  write(event: EventName, subject: GateSubject, permissions: ReadonlySet<PermissionName>, seen: readonly SeenParts[], bodyBytes = this.#bodyBytes): EventView {
    const sheet = new Sheet(this.#cache, permissions, seen, bodyBytes);
    eachPart(event, subject, sheet);
    // An Envelope. None of these texts needs an escape.
    return { text: `{"event":"${event}","key":${subject.key},"parts":[${sheet.names}]}${sheet.body}`, attachments: sheet.attachments };
  }

  /** Notes that an instance has seen the object as it stands now, but for the parts in `except`. */
  note(event: EventName, subject: GateSubject, permissions: ReadonlySet<PermissionName>, seen: SeenParts, except: ReadonlySet<PartName>): void {
    eachPart(event, subject, new Notes(permissions, seen, except));
  }
}

type JsonCache = WeakMap<object, { readonly version: number; readonly json: string }>;

/** The text of one view while it is written. */
class Sheet implements Paper, PartVisitor {
  readonly withheld: ReadonlySet<string>;
  readonly bodyBytes: number;
  names = "";
  body = "";
  attachments = noBuffers;
  readonly #cache: JsonCache;
  readonly #permissions: ReadonlySet<PermissionName>;
  readonly #seen: readonly SeenParts[];

  constructor(cache: JsonCache, permissions: ReadonlySet<PermissionName>, seen: readonly SeenParts[], bodyBytes: number) {
    this.withheld = withheldFields(permissions);
    this.bodyBytes = bodyBytes;
    this.#cache = cache;
    this.#permissions = permissions;
    this.#seen = seen;
  }

  visit<S>(part: Part<S>, of: S): void {
    if (!isGranted(part.needs, this.#permissions) || haveSeen(this.#seen, part.place, part.owner(of), part.version(of))) return;
    if (part.isBlank(of) && areUntold(this.#seen, part.place)) return;
    this.names += this.names === "" ? `"${part.name}"` : `,"${part.name}"`;
    this.body += partSeparator + part.write(of, this);
  }

  attach(bytes: Buffer): number {
    this.attachments = [...this.attachments, bytes];
    return this.attachments.length - 1;
  }

  cached(owner: object, version: number, make: () => unknown): string {
    const known = this.#cache.get(owner);
    if (known !== undefined && known.version === version) return known.json;
    const json = asciiJson(make());
    this.#cache.set(owner, { version, json });
    return json;
  }
}

class Notes implements PartVisitor {
  readonly #permissions: ReadonlySet<PermissionName>;
  readonly #seen: SeenParts;
  readonly #except: ReadonlySet<PartName>;

  constructor(permissions: ReadonlySet<PermissionName>, seen: SeenParts, except: ReadonlySet<PartName>) {
    this.#permissions = permissions;
    this.#seen = seen;
    this.#except = except;
  }

  visit<S>(part: Part<S>, of: S): void {
    if (this.#except.size > 0 && this.#except.has(part.name)) this.#seen.forget(part.place);
    else if (isGranted(part.needs, this.#permissions)) this.#seen.set(part.place, part.owner(of), part.version(of));
  }
}

/** An event that carries no traffic: `start`, `tick`, `options` and the like. */
export function plainView(event: Envelope["event"], key: number, parts: readonly (readonly [PartName, unknown])[], attachments: readonly Buffer[] = []): EventView {
  const envelope: Envelope = { event, key, parts: parts.map(([name]) => name) };
  return { text: [JSON.stringify(envelope), ...parts.map(([, value]) => asciiJson(value))].join(partSeparator), attachments };
}

const isGranted = (needs: PermissionName | null, permissions: ReadonlySet<PermissionName>): boolean => needs === null || permissions.has(needs);

function haveSeen(seen: readonly SeenParts[], place: number, owner: object, version: number): boolean {
  for (const known of seen) if (!known.has(place, owner, version)) return false;
  return true;
}

function areUntold(seen: readonly SeenParts[], place: number): boolean {
  for (const known of seen) if (!known.isUntold(place)) return false;
  return true;
}
