// `loadAddon`: an addon in a real isolate for tests of authors, whatever runs them (node:test, ava, vitest): events go in one by one, the
// changed flow comes back, failures are errors with the author's place. No proxy, no network.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defaultLimits, type Limits } from "../../sandbox-api/schema/limits.ts";
import type { EventName, EventsWith, HeldEvent } from "../../sandbox-api/schema/events.ts";
import type { OptionValue } from "../../sandbox-api/schema/options.ts";
import { addonNames } from "../addons/addon-names.ts";
import { decodeAllBodies } from "../addons/bodies.ts";
import { GrantProblem, readGrants } from "../addons/grant-rules.ts";
import type { GivenOption } from "../addons/options.ts";
import { guestLine, type LogRecord } from "../log.ts";
import { codeLines } from "../log-format.ts";
import { openOffline, type Offline } from "../trial/offline.ts";
import { recordOf, tcpRecordOf, type TestFlow, type TestTcpFlow } from "./test-flow.ts";

/** What an operator would say. */
export interface LoadAddonSettings {
  /** Options by name, as their types are. */
  readonly options?: { readonly [name: string]: Exclude<OptionValue, null> };
  /** Rules as after `--grant ADDON:`, to narrow or widen what the manifest asks for: `"-write:response"`, `"none"`. */
  readonly grants?: readonly string[];
  /** Limits other than the default; CPU and start-up time are wider here, since test machines are slow. */
  readonly limits?: Partial<Limits>;
}

/** An event about an HTTP flow, or about a TCP flow, that traffic waits for. */
export type HttpTestEvent = Extract<HeldEvent, EventsWith<"http-flow">>;
export type TcpTestEvent = Extract<HeldEvent, EventsWith<"tcp-flow">>;

/** What the addon logged: `info`, `warn` … */
export interface LoggedLine { readonly level: string; readonly message: string }

const testLimits = { cpuMs: 1_000, startupMs: 10_000, wallMs: 10_000, unresponsiveMs: 5_000 } as const;

/**
 * Compiles and loads the addon at `path` (a file or folder, relative to the working folder, or a file URL), with its `start` and
 * `configure`. Rejects with a sentence and the place in the source when it cannot be loaded. To be closed at the end: `await using`,
 * or `close` in an after-hook; it has processes of its own.
 */
export async function loadAddon(path: string | URL, { options = {}, grants = [], limits = {} }: LoadAddonSettings = {}): Promise<TestAddon> {
  const file = path instanceof URL || path.startsWith("file:") ? fileURLToPath(path) : path;
  if (!existsSync(file)) throw new Error(`there is no addon at ${file}`);
  const names = addonNames([file]);
  const rules = readGrants(grants.map((rule) => `${names[0] ?? ""}:${rule}`), names);
  if (rules instanceof GrantProblem) throw new TypeError(`grants: ${rules.message}`);
  const given = new Map(Object.entries(options).map(([name, value]): [string, GivenOption] => [name, { value, isText: false, by: `options.${name}` }]));
  const offline = await openOffline([file], { limits: { ...defaultLimits, ...testLimits, ...limits }, jail: "off", jitless: false, options: new Map(), optionsFile: given, grants: rules });
  const [problem] = offline.problems;
  const [unknown] = problem === undefined ? offline.host.unknownOptions().problems : [];
  if (problem === undefined && unknown === undefined) return new TestAddon(offline);
  await offline.close();
  throw new Error(problem?.message ?? unknown);
}

/** One addon in an isolate of its own. Each event resolves to the flow it was given, changed, and rejects when the addon fails. */
export class TestAddon implements AsyncDisposable {
  readonly #offline: Offline;
  readonly #logs: LoggedLine[] = [];

  constructor(offline: Offline) {
    this.#offline = offline;
    this.#take();
  }

  /** The events that it takes, by handlers and by edits that its manifest declares. */
  get handlers(): readonly EventName[] {
    const [state] = this.#offline.host.addons();
    return state === undefined ? [] : [...new Set([...state.handlers, ...state.edits])];
  }

  /** What it has logged so far, `console` and `ctx.log` alike. */
  get logs(): readonly LoggedLine[] {
    this.#take();
    return this.#logs;
  }

  /** One event about an HTTP flow. */
  async event(event: HttpTestEvent, flow: TestFlow): Promise<TestFlow> {
    const record = recordOf(flow);
    record.live = record.killedBy === null && record.error === null;
    record.version++;
    await this.#offline.host.gate.held(event, record);
    await decodeAllBodies(record, defaultLimits.bodyBytes);
    this.#throwFailures();
    return flow;
  }
  /** The event `requestheaders`. */
  requestheaders(flow: TestFlow): Promise<TestFlow> {
    return this.event("requestheaders", flow);
  }
  /** The event `request`. */
  request(flow: TestFlow): Promise<TestFlow> {
    return this.event("request", flow);
  }
  /** The event `responseheaders`. */
  responseheaders(flow: TestFlow): Promise<TestFlow> {
    return this.event("responseheaders", flow);
  }
  /** The event `response`. */
  response(flow: TestFlow): Promise<TestFlow> {
    return this.event("response", flow);
  }
  /** The event `error`. */
  error(flow: TestFlow): Promise<TestFlow> {
    return this.event("error", flow);
  }

  /** `websocket_message` with this message (a string is a text), after `websocket_start` where it is the first; what became of it is `flow.message`. */
  async websocketMessage(flow: TestFlow, content: string | Uint8Array, fromClient = true): Promise<TestFlow> {
    const { webSocket } = recordOf(flow);
    if (webSocket === null) throw new TypeError("this flow is no WebSocket; make one by makeWebSocketFlow");
    if (webSocket.message === null) await this.event("websocket_start", flow);
    webSocket.injections.length = 0;
    webSocket.message = {
      index: (webSocket.message?.index ?? -1) + 1, fromClient, type: typeof content === "string" ? "text" : "binary", content: Buffer.from(content), timestamp: Date.now() / 1_000, injected: false, dropped: false, version: 0,
    };
    return this.event("websocket_message", flow);
  }

  /** `tcp_start` of a TCP flow. */
  async tcpStart(flow: TestTcpFlow): Promise<TestTcpFlow> {
    await this.#offline.host.gate.held("tcp_start", tcpRecordOf(flow));
    this.#throwFailures();
    return flow;
  }

  /** `tcp_message` with this message; what became of it is `flow.message`. */
  async tcpMessage(flow: TestTcpFlow, content: string | Uint8Array, fromClient = true): Promise<TestTcpFlow> {
    const record = tcpRecordOf(flow);
    record.message = { fromClient, content: Buffer.from(content), timestamp: Date.now() / 1_000 };
    await this.#offline.host.gate.held("tcp_message", record);
    this.#throwFailures();
    return flow;
  }

  /** Changes options as an operator does while it runs (null: back to the default). Rejects with the reason when it refuses; nothing has changed then. */
  async configure(options: { readonly [name: string]: OptionValue }): Promise<void> {
    for (const [name, value] of Object.entries(options)) {
      const refusal = await this.#offline.host.setOption(name, value);
      this.#take();
      if (refusal !== null) throw new Error(refusal);
    }
  }

  /** The flow has ended: the addon forgets it. */
  release(flow: TestFlow | TestTcpFlow): void {
    this.#offline.host.gate.release("request" in flow ? recordOf(flow) : tcpRecordOf(flow));
  }

  /** Runs its `done` and ends its process. */
  async close(): Promise<void> {
    await this.#offline.close();
  }

  /** As `close`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #take(): readonly LogRecord[] {
    const { records } = this.#offline.takeRecords();
    for (const { level, msg, fields } of records) if (fields["event"] === guestLine) this.#logs.push({ level, message: msg });
    return records;
  }

  #throwFailures(): void {
    const failure = this.#take().find(({ fields }) => typeof fields["fault"] === "string");
    if (failure === undefined) return;
    for (const { name, status } of this.#offline.host.addons()) if (status === "suspended") this.#offline.host.resume(name);
    throw new AddonFailure(failure);
  }
}

/** The addon failed in an event: it threw, broke a limit, or asked for what it may not. None of that call's changes apply. */
export class AddonFailure extends Error {
  /** Of docs/limits.md: `threw`, `cpu-limit`, `permission` … */
  readonly code: string;
  /** `file:line:column` in the addon's source, where known. */
  readonly location: string | null;

  constructor({ msg, fields }: LogRecord) {
    super([msg, ...codeLines(fields).map((line) => `    ${line}`)].join("\n"));
    this.name = "AddonFailure";
    this.code = String(fields["fault"]);
    this.location = typeof fields["location"] === "string" ? fields["location"] : null;
  }
}
