// Looks at one addon without putting it into service: compiles it, runs its module body once in an isolate that has been granted
// nothing, and says what it handles, what it would be allowed and what is wrong. No `start`, no traffic.
import { permissionTable } from "../../sandbox-api/schema/permissions.ts";
import { isEventName, type EventName } from "../../sandbox-api/schema/events.ts";
import { instanceId } from "../../sandbox-api/schema/ids.ts";
import type { Limits } from "../../sandbox-api/schema/limits.ts";
import { checkManifest, type Manifest } from "../../sandbox-api/schema/manifest.ts";
import { everythingOnTheFlow } from "../../sandbox-api/schema/permissions.ts";
import type { LoadedText } from "../../sandbox-api/wire/messages.ts";
import type { CellPool, LoadOutcome } from "../cells/cell.ts";
import type { Log } from "../log.ts";
import { bundleAddon, shownPath, type Bundle } from "./bundle.ts";
import { reportFault } from "./fault-report.ts";
import { resolveGrants } from "./grants.ts";
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
    readonly warnings: readonly string[];
    /** Name, version and description, where there is a manifest. */
    readonly manifest: Pick<Manifest, "name" | "version" | "description"> | null;
    /** In words for the operator. */
    readonly permissions: readonly string[];
    /** sha256 of the bundle, hex. */
    readonly hash: string;
  }
  /** Several lines: a sentence, then places in the source. */
  | { readonly kind: "problem"; readonly message: string };

const problem = (message: string): AddonCheck => ({ kind: "problem", message });

/** Checks the addon at `path`, a file or a folder. Rejects only when no cell can be started. */
export async function checkAddon(path: string, { pool, limits, log }: CheckSettings): Promise<AddonCheck> {
  const result = await bundleAddon(path, limits.bundleBytes);
  if (result.kind === "error") return problem(result.message);
  const { bundle } = result;
  const outcome = await loadOnce(bundle, path, pool, limits, log);
  if (outcome.kind === "loaded") return judge(outcome.loaded, bundle, limits);
  if (outcome.kind === "lost") return problem(`${path} could not be loaded: its process went away`);
  const version = { bundle, sourceMap: new BundleSourceMap(bundle.sourceMap, bundle.file, (source) => shownPath(bundle.folder, source)), manifest: null, grants: resolveGrants(null, policyOf(limits)) };
  const { msg, fields } = reportFault(outcome.fault, { addon: path, event: "load", subject: null, version });
  return problem(typeof fields["codeLine"] === "string" ? `${msg}\n    ${fields["codeLine"]}` : msg);
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

function judge(loaded: LoadedText, bundle: Bundle, limits: Limits): AddonCheck {
  const checked = loaded.manifest === null || loaded.manifest === undefined ? null : checkManifest(loaded.manifest);
  if (checked?.kind === "problems") return problem(checked.problems.join("\n"));
  const manifest = checked?.manifest ?? null;
  const { permissions } = resolveGrants(manifest, policyOf(limits));
  return {
    kind: "ok", handlers: loaded.handlers.filter(isEventName), warnings: [...bundle.warnings, ...loaded.warnings],
    manifest: manifest === null ? null : { name: manifest.name, version: manifest.version, description: manifest.description },
    permissions: [...permissions].map((name) => permissionTable[name]), hash: bundle.hash,
  };
}
