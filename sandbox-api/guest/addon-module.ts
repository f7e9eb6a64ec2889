// The addon as a module: its script's function, what it exports, and the handlers and the manifest in that. Runs the module's body when told
// to and no handler.
import { manifestChars } from "./bounds.ts";
import { handlersOfModule, handlersOfObject, Handlers } from "./handlers.ts";
import { apply, hasOwn, isObject, slice } from "./intrinsics.ts";
import { readMember } from "./iterate.ts";
import { plainDataText } from "./json-text.ts";
import { refuse } from "./thrown.ts";

export type ModuleFunction = (exports: object, module: object, require: (name: string) => unknown) => unknown;

export class AddonModule {
  readonly #flowcell: object;
  #body: ModuleFunction | null = null;
  #manifest = "null";
  handlers = new Handlers();

  /** `flowcell`: the module of that name. */
  constructor(flowcell: object) {
    this.#flowcell = flowcell;
  }

  /** What the addon's script gave to `$module`. */
  keep(body: ModuleFunction): void {
    this.#body = body;
  }

  /** Runs the module's body; the result of the entry. Throws what it throws, and a refusal when there is none. */
  load(): string {
    if (this.#body === null) throw refuse("", "the addon's script did not give a module", "load-failed");
    const exports = {};
    const module = { exports };
    apply(this.#body, undefined, [exports, module, (name: unknown) => this.#moduleNamed(name)]);
    // The addon may have replaced `exports` by anything.
    const exported: unknown = module.exports;
    if (isObject(exported) && hasOwn(exported, "manifest")) this.#manifest = plainDataText(readMember(exported, "manifest"), "manifest", manifestChars);
    this.handlers = handlersOfModule(exported);
    return this.#loaded();
  }

  /** From now on that object is the addon (events.md §2); the result of the entry. */
  replace(addon: object): string {
    this.handlers = handlersOfObject(addon);
    return this.#loaded();
  }

  #loaded(): string {
    return `10;${this.handlers.loadedText(this.#manifest)}`;
  }

  #moduleNamed(name: unknown): object {
    if (name === "flowcell") return this.#flowcell;
    throw refuse("", `an addon can import "flowcell" and files of its own folder only, not ${typeof name === "string" ? `"${slice(name, 0, 200)}"` : "this"}`, "load-failed");
  }
}
