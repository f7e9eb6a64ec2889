// What most claims need: one origin, some proxies, a load for each, and all of it gone at the end. Owns what it starts.
import { openLoad, type Load } from "./load.ts";
import type { LoadSettings } from "./load-protocol.ts";
import { files, startOrigin, type Origin } from "./origin.ts";
import { startSubject, type FlowcellSubject, type Subject } from "./subject.ts";

export interface LoadWishes {
  readonly path?: keyof typeof files;
  readonly connections?: number;
  readonly host?: string;
  readonly isFresh?: boolean;
  readonly serverName?: string;
  readonly pauseMs?: number;
  /** Not through the proxy but to it, as to a server (under HTTPS without a tunnel). */
  readonly isStraight?: boolean;
  readonly expectedField?: string;
  /** The client verifies with this in place of the proxy's own. */
  readonly caFile?: string;
}

export class Stage implements AsyncDisposable {
  readonly origin: Origin;
  readonly #stack = new AsyncDisposableStack();

  private constructor(origin: Origin) {
    this.origin = origin;
    this.#stack.use(origin);
  }

  static async open(): Promise<Stage> {
    return new Stage(await startOrigin());
  }

  async flowcell(name: string, addons: readonly string[], args: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): Promise<FlowcellSubject> {
    return this.use(await startSubject(name, addons, this.origin, args, environment));
  }

  /** Ends it with the stage. */
  use<T extends AsyncDisposable>(thing: T): T {
    return this.#stack.use(thing);
  }

  /** Opens clients of that proxy (null: straight to the origin). */
  async load(subject: Subject | null, scheme: "http" | "https", wishes: LoadWishes = {}): Promise<Load> {
    const { path = "/1k", connections = 64, host = "localhost", caFile = subject?.caFile ?? null, isStraight = false, ...rest } = wishes;
    const settings: LoadSettings = {
      proxyPort: isStraight ? null : subject?.port ?? null, scheme, host, port: isStraight ? subject?.port ?? 0 : scheme === "http" ? this.origin.port : this.origin.tlsPort, path, connections,
      expectedBytes: files[path], ...(scheme === "https" && caFile !== null && { caFile }), ...rest,
    };
    return this.use(await openLoad(settings));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
