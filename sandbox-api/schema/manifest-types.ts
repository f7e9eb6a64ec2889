// The manifest as an author writes it, and the types that follow from it, for the compiler: `export const manifest = { … } satisfies
// Manifest`. What arrives from an isolate is checked by manifest.ts, whatever was promised here. Types only.
import type { EditEvent } from "./edits.ts";
import type { TightenedLimits } from "./manifest.ts";
import type { PermissionName } from "./permissions.ts";

type Of<Kind extends string> = PermissionName extends infer Name ? (Name extends `${Kind}:${infer Word}` ? Word : never) : never;

/** An option as a manifest declares it. Without a default it is null until it is set. */
export type OptionInManifest =
  | { readonly type: "string"; readonly default?: string; readonly help?: string; readonly choices?: readonly string[] }
  | { readonly type: "number"; readonly default?: number; readonly help?: string; readonly choices?: readonly number[] }
  | { readonly type: "boolean"; readonly default?: boolean; readonly help?: string }
  | { readonly type: "string[]"; readonly default?: readonly string[]; readonly help?: string; readonly choices?: readonly string[] };

/**
 * Constant changes to header fields, which the proxy carries out without calling the addon: first `remove`, then `set`, then `append`. On
 * heads alone, so that no body is waited for. Needs `write: ["request"]` or `write: ["response"]`, and nothing to read but for the filter.
 */
export interface EditInManifest {
  /** When it takes place: where a handler of that name would run, before the addon's own. */
  readonly event: EditEvent;
  /** Which flows, in mitmproxy's filter language; no bodies. Default: every flow that the manifest is for. */
  readonly filter?: string;
  /** Names of fields that go. */
  readonly remove?: readonly string[];
  /** As `headers.set`: in the place of the first of that name, the others go; at the end if there was none. */
  readonly set?: { readonly [name: string]: string };
  /** Further fields at the end. */
  readonly append?: { readonly [name: string]: string | readonly string[] };
}

/**
 * What an addon says of itself, as its export `manifest`: plain data. With a manifest it is granted what it asks for and no more;
 * unknown keys are errors. Everything can be left out.
 */
export interface Manifest {
  /** Letters, digits, spaces and . @ / _ -, at most 100. */
  readonly name?: string;
  /** For people, `"1.0.0"`. */
  readonly version?: string;
  /** For whoever decides to run it: one sentence. */
  readonly description?: string;
  /** Which hosts' traffic it takes part in, `"*.example.com"` or `"example.com:8443"`; default: every host. */
  readonly hosts?: readonly string[];
  /** Which flows, in mitmproxy's filter language; default: every flow. */
  readonly filter?: string;
  /** What it needs (docs/permissions.md). */
  readonly permissions?: {
    readonly read?: readonly Of<"read">[];
    readonly write?: readonly Of<"write">[];
    readonly act?: readonly Of<"act">[];
    /** Sensitive headers that it may see; the others read `[withheld]`. */
    readonly headers?: readonly Of<"header">[];
    /** Origins that `fetch` may ask, `"https://api.example.com"`. */
    readonly fetch?: readonly string[];
    /** How much `ctx.storage` may keep, `"1MiB"`. */
    readonly storage?: string;
  };
  /** Tighter than the operator's; a looser one has no effect. */
  readonly limits?: TightenedLimits;
  /** `closed`: its flows are refused while it fails. Default: they go on without it. */
  readonly failure?: "open" | "closed";
  /** By name: a letter, then letters, digits, `_` and `-`. */
  readonly options?: { readonly [name: string]: OptionInManifest };
  /** Header changes as data, in their order. */
  readonly edits?: readonly EditInManifest[];
}

type ValueOf<Option> = Option extends { readonly choices: readonly (infer Choice)[] } ? (Option extends { readonly type: "string[]" } ? readonly Choice[] : Choice)
  : Option extends { readonly type: "string" } ? string
  : Option extends { readonly type: "number" } ? number
  : Option extends { readonly type: "boolean" } ? boolean
  : Option extends { readonly type: "string[]" } ? readonly string[] : never;

/**
 * The options that a manifest declares, by name, with the types of their values; null where there is no default:
 * `export function configure(options: OptionsOf<typeof manifest>) { … }`.
 */
export type OptionsOf<M extends { readonly options: { readonly [name: string]: OptionInManifest } }> = {
  readonly [Name in keyof M["options"]]: ValueOf<M["options"][Name]> | (M["options"][Name] extends { readonly default: string | number | boolean | readonly string[] } ? never : null);
};
