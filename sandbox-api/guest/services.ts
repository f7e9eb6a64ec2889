// What this addon was granted beyond its flows, and the faces of it. Without a grant the faces refuse where they are asked for and
// name the line of the manifest that is missing. WALL 5: this is for the author; the host checks every call again.
import type { ServiceGrants } from "../schema/services.ts";
import { fetchFrom, type FetchAnswer, type FetchQuestion } from "./fetch.ts";
import type { HostCalls } from "./host-calls.ts";
import type { HostPort } from "./host-port.ts";
import { RealPromise } from "./intrinsics.ts";
import { replayFlow } from "./replay.ts";
import { Storage } from "./storage.ts";
import { refuse } from "./thrown.ts";

export class Services {
  /** Set by `prepare`. */
  grants: ServiceGrants = { storage: null, fetch: null };
  /** Whether act:replay was granted; set by `prepare`. */
  mayReplay = false;
  readonly #hostCalls: HostCalls;
  readonly #port: HostPort;
  #storage: Storage | null = null;

  constructor(hostCalls: HostCalls, port: HostPort) {
    this.#hostCalls = hostCalls;
    this.#port = port;
  }

  get storage(): Storage {
    const { storage } = this.grants;
    if (storage === null) throw refuse("permissions.storage", 'ctx.storage is not granted: the manifest must ask for it, permissions: { storage: "1MiB" }, and it cannot be used while the module body runs', "permission");
    return (this.#storage ??= new Storage(this.#hostCalls, this.#port, storage));
  }

  /** The global `fetch`; `perform` is what the part "fetch" does. */
  fetch(perform: () => Promise<unknown>): Promise<unknown> {
    return new RealPromise((resolve) => {
      this.#fetchBounds();
      resolve(perform());
    });
  }

  /** One question of the part "fetch". */
  ask(question: FetchQuestion): Promise<FetchAnswer> {
    return fetchFrom(this.#hostCalls, this.#fetchBounds(), question);
  }

  #fetchBounds(): NonNullable<ServiceGrants["fetch"]> {
    const { fetch } = this.grants;
    if (fetch === null) throw refuse("permissions.fetch", 'fetch is not granted: the manifest must name the origin, permissions: { fetch: ["https://api.example.com"] }, and it cannot be used while the module body runs', "permission");
    return fetch;
  }

  replay(flow: unknown): Promise<void> {
    return new RealPromise((resolve) => {
      if (!this.mayReplay) throw refuse("permissions.act", 'ctx.replay is not granted: the manifest must ask for it, permissions: { act: ["replay"] }', "permission");
      resolve(replayFlow(this.#hostCalls, flow));
    });
  }
}
