// Looks at one addon without putting it into service: compiles it, runs its module body once in an isolate that has been granted
// nothing, and says what it handles, what it would be allowed and what is wrong. No `start`, no traffic.
import { editWords } from "../../sandbox-api/schema/edits.ts";
import { permissionTable } from "../../sandbox-api/schema/permissions.ts";
import { isEventName, type EventName } from "../../sandbox-api/schema/events.ts";
import { instanceId } from "../../sandbox-api/schema/ids.ts";
import type { Limits } from "../../sandbox-api/schema/limits.ts";
import { checkManifest, type Manifest } from "../../sandbox-api/schema/manifest.ts";
import { everythingOnTheFlow } from "../../sandbox-api/schema/permissions.ts";
import type { LoadedText } from "../../sandbox-api/wire/messages.ts";
import type { CellPool, LoadOutcome } from "../cells/cell.ts";
import type { Log } from "../log.ts";
import { codeLines } from "../log-format.ts";
import { bundleAddon, shownPath, type Bundle } from "./bundle.ts";
import { CodePlaces, warningAt, warningLines, warningOf, type CheckWarning } from "./code-places.ts";
import { editsFault } from "./declared-edits.ts";
import { reportFault } from "./fault-report.ts";
import { isToldOf, resolveGrants } from "./grants.ts";
import { findNeeds, missingNeeds, placeOf, unusedNeeds } from "./permission-scan.ts";
import { BundleSourceMap } from "./source-map.ts";

export interface CheckSettings {
  readonly pool: CellPool;
  readonly limits: Limits;
  /** Told what the module body logs. */
  readonly log: Log;
}

export type AddonCheck =
  | {
    readonly kind: "ok";
    readonly handlers: readonly EventName[];
    readonly warnings: readonly CheckWarning[];
    /** What its manifest has changed without calling it, rule by rule, in words. */
    readonly edits: readonly string[];
    /** Name, version and description, where there is a manifest. */
    readonly manifest: Pick<Manifest, "name" | "version" | "description"> | null;
    /** In words for the operator. */
    readonly permissions: readonly string[];
    /** sha256 of the bundle, hex. */
    readonly hash: string;
  }
  /** Several lines: a sentence, then places in the source. */
  | { readonly kind: "problem"; readonly message: string };

/** An addon whose module body ran once where nothing was granted. */
export interface ReadAddon { readonly kind: "read"; readonly bundle: Bundle; readonly loaded: LoadedText; readonly manifest: Manifest | null }
type Problem = Extract<AddonCheck, { readonly kind: "problem" }>;

const problem = (message: string): Problem => ({ kind: "problem", message });

/** Checks the addon at `path`, a file or a folder. Rejects only when no cell can be started. */
export async function checkAddon(path: string, settings: CheckSettings): Promise<AddonCheck> {
  const read = await readAddon(path, settings);
  return read.kind === "read" ? judge(read, settings.limits) : read;
}

/** Compiles it and reads its manifest and handlers in a throw-away isolate. Rejects only when no cell can be started. */
export async function readAddon(path: string, { pool, limits, log }: CheckSettings): Promise<ReadAddon | Problem> {
  const result = await bundleAddon(path, limits.bundleBytes);
  if (result.kind === "error") return problem(result.message);
  const { bundle } = result;
  const outcome = await loadOnce(bundle, path, pool, limits, log);
  if (outcome.kind === "loaded") return withManifest(outcome.loaded, bundle);
  if (outcome.kind === "lost") return problem(`${path} could not be loaded: its process went away`);
  const version = { bundle, sourceMap: new BundleSourceMap(bundle.sourceMap, bundle.file, (source) => shownPath(bundle.folder, source)), manifest: null, grants: resolveGrants(null, policyOf(limits)) };
  const { msg, fields } = reportFault(outcome.fault, { addon: path, event: "load", subject: null, version });
  return problem([msg, ...codeLines(fields).map((line) => `    ${line}`)].join("\n"));
}

const policyOf = (limits: Limits): Parameters<typeof resolveGrants>[1] => ({ permissions: everythingOnTheFlow, limits, failure: "open" });

async function loadOnce(bundle: Bundle, path: string, pool: CellPool, limits: Limits, log: Log): Promise<LoadOutcome> {
  const cell = await pool.acquire({
    // What asks for answers is left without: nothing is in service that could wait for them.
    hostCall: (_, __, call) => { if (call.call === "log") log[call.level](call.msg.slice(0, limits.logLineBytes)); },
    instanceFault: () => {},
    end: () => {},
  });
  try {
    return await cell.load(instanceId(1), { name: path, file: bundle.file, bundle: bundle.source, limits });
  } finally {
    cell.kill();
  }
}

function withManifest(loaded: LoadedText, bundle: Bundle): ReadAddon | Problem {
  const checked = loaded.manifest === null || loaded.manifest === undefined ? null : checkManifest(loaded.manifest);
  return checked?.kind === "problems" ? problem(manifestProblems(checked.problems, bundle)) : { kind: "read", bundle, loaded, manifest: checked?.manifest ?? null };
}

/** Each with the word that it is about. */
function manifestProblems(problems: readonly string[], bundle: Bundle): string {
  const places = new CodePlaces(bundle);
  return problems.flatMap((each) => warningLines(warningAt(each, places.inManifest([.../^manifest[.\w-]*/.exec(each)?.[0].split(".").slice(1) ?? [], /"([^"]*)"/.exec(each)?.[1] ?? ""])))).join("\n");
}

function judge({ bundle, loaded, manifest }: ReadAddon, limits: Limits): AddonCheck {
  const { permissions, edits } = resolveGrants(manifest, policyOf(limits));
  const fault = editsFault(edits, limits.mutationBytes);
  if (fault !== null) return problem(fault.message);
  const handlers = loaded.handlers.filter(isEventName);
  const places = new CodePlaces(bundle);
  const unheard = handlers.filter((event) => !isToldOf(event, permissions)).map((event) => warningAt(`handles ${event} but asks to read nothing that it is about, so it will not be told of it`, places.ofName(event)));
  return {
    kind: "ok", handlers, edits: manifest?.edits.map(editWords) ?? [],
    warnings: [...bundle.warnings.map(warningOf), ...loaded.warnings.map((each) => warningAt(each, places.ofName(/^"([^"]+)"/.exec(each)?.[1] ?? ""))), ...unheard, ...permissionWarnings(places, manifest)],
    manifest: manifest === null ? null : { name: manifest.name, version: manifest.version, description: manifest.description },
    permissions: [...permissions].map((name) => permissionTable[name]), hash: bundle.hash,
  };
}

/** What the code seems to need and does not ask for, and the other way round. */
function permissionWarnings(places: CodePlaces, manifest: Manifest | null): readonly CheckWarning[] {
  const found = findNeeds(places.code);
  const missing = missingNeeds(found, manifest).map(({ need, at, text }) =>
    warningAt(`"${text.slice(0, 60)}" seems to need ${placeOf(need)}, which ${manifest === null ? "only a manifest can ask for" : "the manifest does not ask for"}`, places.at(at)));
  const unused = unusedNeeds(places.code, found, manifest).map((need) =>
    warningAt(`the manifest asks for ${placeOf(need)}, which the code does not seem to use`, places.inManifest(["permissions", ...need.replace("header:", "headers:").split(":")])));
  return [...missing, ...unused];
}
