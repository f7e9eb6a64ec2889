// Who knows an object: instances that were shown it, and addons that have yet to be told something of it. When it ends, their guests forget it,
// but not before they were told everything. Asks nobody whether they should know.
import type { GateSubject } from "../flows/gate.ts";
import type { SeenParts } from "../flows/view.ts";
import type { Addon } from "./addon.ts";
import type { Instance } from "./instance.ts";
import { KeyTable } from "./key-table.ts";

/** `awaiting`: addons with a queue. */
interface Known { readonly subject: GateSubject; readonly instances: Instance[]; readonly awaiting: Addon[] }

const nobody: readonly Instance[] = [];

export class KnownObjects {
  readonly #byKey = new KeyTable<Known>();

  /** The instance is shown it for the first time. */
  meet(instance: Instance, subject: GateSubject): SeenParts {
    const { instances } = this.#known(subject);
    // A connection may outlive many of them, and each keeps its version's code.
    const firstDead = instances.findIndex(({ state }) => state === "dead");
    if (firstDead < 0) instances.push(instance);
    else instances[firstDead] = instance;
    return instance.meet(subject.key);
  }

  /** The addon has something to be told of it, which waits. */
  await(addon: Addon, subject: GateSubject): void {
    const { awaiting } = this.#known(subject);
    if (!awaiting.includes(addon)) awaiting.push(addon);
  }

  /** Everybody who was shown it; some may be dead. */
  instancesOf(key: number): readonly Instance[] {
    return this.#byKey.get(key)?.instances ?? nobody;
  }

  /** Undefined: nobody knows such an object, or it has ended. */
  subjectOf(key: number): GateSubject | undefined {
    return this.#byKey.get(key)?.subject;
  }

  /** It has ended. */
  release(subject: GateSubject): void {
    const known = this.#byKey.get(subject.key);
    if (known === undefined) return;
    this.#byKey.delete(subject.key);
    for (const instance of known.instances) {
      const { told } = instance.addon;
      // What is still to be told of the object comes first.
      if (told.length > 0) told.add(() => instance.release(subject.key));
      else instance.release(subject.key);
    }
    for (const addon of known.awaiting) if (addon.told.length > 0) addon.told.add(() => this.#forget(addon, subject.key));
  }

  /** The object ended before the addon had been told everything of it. */
  #forget(addon: Addon, key: number): void {
    this.#byKey.delete(key);
    addon.current?.release(key);
    for (const instance of addon.retired) instance.release(key);
  }

  #known(subject: GateSubject): Known {
    const known = this.#byKey.get(subject.key);
    if (known !== undefined) return known;
    const made: Known = { subject, instances: [], awaiting: [] };
    this.#byKey.set(subject.key, made);
    return made;
  }
}
