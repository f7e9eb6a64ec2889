// `ctx`: what an addon can ask of its surroundings: the log, its options, its own name, its storage, and another go of a
// request. Frozen.
import type { LogLevel, OptionsView } from "../schema/view.ts";
import { expose, freeze, define, ownKeys, jsonParse, RealSet, setAdd, isArray, ordinaryArray, bareArray } from "./intrinsics.ts";
import type { HostPort } from "./host-port.ts";
import type { HTTPFlow } from "./http-flow.ts";
import type { Services } from "./services.ts";
import type { Storage } from "./storage.ts";
import { makeFormat } from "./globals/console.ts";
import type { Parts } from "./kernel.ts";

export type OptionValue = string | number | boolean | readonly string[] | null;
export type Options = { readonly [name: string]: OptionValue };

const noOptions: Options = freeze<Options>({});

/** Where the options of an addon live: `configure` brings them. */
export class OptionsState {
  current: Options = noOptions;
  /** Takes the part "options"; gives the arguments of `configure`. */
  accept(text: string): { readonly options: Options; readonly updated: Set<string> } {
    const view: OptionsView = jsonParse(text);
    const options = {};
    const names = ownKeys(view.options);
    for (let index = 0; index < names.length; index++) {
      const name = names[index]!;
      if (typeof name === "string") define(options, name, frozenValue(view.options[name] ?? null));
    }
    this.current = freeze<Options>(options);
    const updated = new RealSet<string>();
    for (let index = 0; index < view.updated.length; index++) setAdd(updated, view.updated[index]!);
    return { options: this.current, updated };
  }
}

function frozenValue(value: OptionValue): OptionValue {
  if (!isArray(value)) return value;
  const list = bareArray<string>();
  const given: readonly string[] = value;
  for (let index = 0; index < given.length; index++) list[index] = given[index]!;
  return freeze(ordinaryArray(list));
}

export class Log {
  readonly #port: HostPort;
  readonly #format: (args: readonly unknown[]) => string;
  constructor(port: HostPort, parts: Parts) {
    this.#port = port;
    this.#format = makeFormat(parts);
    freeze(this);
  }
  /** Writes one line to the proxy's log. */
  write(level: LogLevel, msg: unknown): void {
    this.#port.log(level, this.#format([msg]));
  }
}

const levelOf = (level: unknown): LogLevel => (level === "debug" || level === "warn" || level === "error" ? level : level === "warning" ? "warn" : "info");

/** `ctx.log("text", "warn")` and `ctx.log.warn("text")` both work. */
export interface LogFunction {
  (msg: unknown, level?: LogLevel): void;
  /** Only shown with `--verbose`. */
  readonly debug: (msg: unknown) => void;
  /** As `console.log`. */
  readonly info: (msg: unknown) => void;
  /** Shown with `--quiet` too. */
  readonly warn: (msg: unknown) => void;
  /** Shown with `--quiet` too. */
  readonly error: (msg: unknown) => void;
}

function logFunction(log: Log): LogFunction {
  const write = (msg: unknown, level?: LogLevel): void => log.write(levelOf(level), msg);
  return freeze(Object.assign(write, {
    debug: (msg: unknown): void => log.write("debug", msg),
    info: (msg: unknown): void => log.write("info", msg),
    warn: (msg: unknown): void => log.write("warn", msg),
    error: (msg: unknown): void => log.write("error", msg),
  }));
}

/** The addon's surroundings. */
export class Context {
  readonly #options: OptionsState;
  readonly #state: { name: string };
  readonly #services: Services;
  /** Writes to the proxy's log, with the addon's name: `ctx.log("text", "warn")`. Lines and their length are bounded (limits `logLinesPerSecond`, `logLineBytes`). */
  readonly log: LogFunction;
  constructor(log: Log, options: OptionsState, state: { name: string }, services: Services) {
    this.log = logFunction(log);
    this.#services = services;
    this.#options = options;
    this.#state = state;
    freeze(this);
  }
  /** As `log.debug`. */
  debug(msg: unknown): void { this.log.debug(msg); }
  /** As `log.info`. */
  info(msg: unknown): void { this.log.info(msg); }
  /** As `log.warn`. */
  warn(msg: unknown): void { this.log.warn(msg); }
  /** As `log.error`. */
  error(msg: unknown): void { this.log.error(msg); }
  /** All options that the addon may see, as the last `configure` gave them; frozen. */
  get options(): Options { return this.#options.current; }
  /** Who this addon is: the name of its file or folder. */
  get addon(): { readonly name: string } { return freeze({ name: this.#state.name }); }
  /** What the addon keeps over restarts. Throws without the permission `storage`, and in the module body: there it is not known yet. */
  get storage(): Storage { return this.#services.storage; }
  /**
   * Sends the flow's request again, as a new flow with all its events and `isReplay === "request"`; its response goes to events and
   * then nowhere. What goes is the request as the handlers before this one left it. Resolves when it was begun; rejects when the
   * flow has ended, its body is not whole, it asks for another protocol, it is a replay itself, or too many are under way.
   */
  replay(flow: HTTPFlow): Promise<void> { return this.#services.replay(flow); }
}
expose(Context, "Context");
