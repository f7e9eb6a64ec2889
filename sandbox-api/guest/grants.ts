// What this addon was granted, as far as the guest must know it: to refuse at the author's line what the host would refuse after the
// call. It is no wall: the host checks every change again (host/flows/validate.ts), and what may not be seen is not in here.
import { changeTable, type ChangeAddress } from "../schema/changes.ts";
import { sensitiveFields } from "../schema/http.ts";
import type { PermissionName } from "../schema/permissions.ts";
import type { Field, Fields } from "./fields.ts";
import { RealMap, RealSet, mapGet, mapSet, ownKeys, setAdd, setHas } from "./intrinsics.ts";
import { refuse } from "./thrown.ts";

export class Grants {
  /** `null`: everything. */
  readonly #names: { readonly [permission: string]: true } | null;
  /** What each change lacks that may not be made. PERF: every change is looked up, so nothing is put together then. */
  readonly #lacking = new RealMap<string, PermissionName>();
  /** Names of sensitive fields, in lower case. */
  readonly #withheld = new RealSet<string>();

  /** `permissions`: the list of LoadText; without one everything on the flow is granted. */
  constructor(permissions: readonly string[] | undefined) {
    this.#names = null;
    if (permissions === undefined) return;
    const names: { [permission: string]: true } = { __proto__: null as never };
    for (let index = 0; index < permissions.length; index++) names[permissions[index]!] = true;
    this.#names = names;
    const addresses = ownKeys(changeTable);
    for (let index = 0; index < addresses.length; index++) {
      const address = addresses[index] as ChangeAddress;
      const { needs } = changeTable[address];
      if (needs !== null && !this.has(needs)) mapSet(this.#lacking, address, needs);
    }
    if (!this.has("act:respond")) mapSet(this.#lacking, "flow.response", "act:respond");
    for (let index = 0; index < sensitiveFields.length; index++) {
      if (names[`header:${sensitiveFields[index]!}`] !== true) setAdd(this.#withheld, sensitiveFields[index]!);
    }
  }

  has(permission: PermissionName): boolean {
    return this.#names === null || this.#names[permission] === true;
  }

  /** Throws a refusal unless the change may be made. `field` is a change address or a name for several of them. */
  checkChange(field: string): void {
    const needs = mapGet(this.#lacking, field);
    if (needs !== undefined) throw refuse(field, `${field} cannot be changed: this addon has not been granted ${needs}`, "permission");
  }

  /** Throws a refusal when `now` has a field of a withheld name that is none of `before`. */
  checkFields(what: string, now: Fields, before: Fields): void {
    if (this.#names === null) return;
    for (let index = 0; index < now.length; index++) {
      const field = now[index]!;
      if (field !== before[index] && !isIn(before, field)) this.checkField(what, field);
    }
  }

  /** Throws a refusal when a new field has a withheld name. */
  checkField(what: string, { name, lower }: Field): void {
    if (setHas(this.#withheld, lower)) throw refuse(what, `${what}: ${name} is withheld from this addon, which has not been granted header:${lower}`, "permission");
  }
}

function isIn(fields: Fields, field: Field): boolean {
  for (let index = 0; index < fields.length; index++) if (fields[index] === field) return true;
  return false;
}

/** A refusal for reading what was not given to this addon. */
export function absent(part: string, permission: PermissionName): TypeError {
  return refuse(part, `${part} is not given to this addon, which has not been granted ${permission}`, "permission");
}
