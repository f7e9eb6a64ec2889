// Runs one addon over recorded flows and says of each what it would change: differences of heads, bodies and messages, what happened to
// the flow, what the addon logged and where it failed. Nothing is sent anywhere.
import type { HeldEvent, ToldEvent } from "../../sandbox-api/schema/events.ts";
import type { HttpFlow, TcpFlow } from "../flows/flow.ts";
import type { Gate, SubjectOf } from "../flows/gate.ts";
import { playFlow } from "../flows/saved/play.ts";
import type { SavedFlow } from "../flows/saved/saved-flow.ts";
import { httpFlowOf } from "../flows/saved/to-flow.ts";
import { guestLine, type LogRecord } from "../log.ts";
import { codeLines } from "../log-format.ts";
import { bytesLines, httpFlowLines, urlOf } from "./flow-lines.ts";
import { diffLines, type DiffLine } from "./line-diff.ts";
import type { Offline } from "./offline.ts";

export interface FlowTrial {
  /** From 1, over all files. */
  readonly number: number;
  /** What it was: `GET https://example.com/ 200`. */
  readonly title: string;
  /** The heads, bodies and messages; empty: as recorded. */
  readonly diff: readonly DiffLine[];
  /** What became of the flow, as sentences without an end: `answered by the addon`. */
  readonly ends: readonly string[];
  /** `level message`, as the addon logged it. */
  readonly logs: readonly string[];
  /** Sentences with the place in the source. */
  readonly failures: readonly string[];
}

/** A failure outside of any flow, and what was logged there. */
export interface Surroundings { readonly logs: readonly string[]; readonly failures: readonly string[] }

/** Plays one flow. What was logged before it is to be taken first (`surroundingsOf`). */
export async function tryFlow(saved: SavedFlow, number: number, offline: Offline): Promise<FlowTrial> {
  const gate = new WatchingGate(offline.host.gate);
  const before = saved.kind === "http" ? await httpFlowLines(httpFlowOf(saved, () => offline.nextKey())) : [];
  const flow = await playFlow(saved, gate, () => offline.nextKey());
  await offline.host.toldAll();
  // Each flow is a trial of its own: failures before it are no reason to pass it by.
  for (const { name, status } of offline.host.addons()) if (status === "suspended") offline.host.resume(name);
  const { logs, failures } = surroundingsOf(offline);
  const after = flow.kind === "http" ? await httpFlowLines(flow) : [];
  const diff = [...diffLines(before, after), ...gate.diff];
  return { number, title: titleOf(saved), diff, ends: endsOf(flow, saved), logs, failures };
}

/** Takes what was logged since the last look. */
export function surroundingsOf(offline: Offline): Surroundings {
  const { records, dropped } = offline.takeRecords();
  const failures = records.filter(isFailure).map(failureText);
  const logs = records.filter(isOwnLine).map(({ level, msg }) => `${level} ${msg}`);
  return { failures, logs: dropped === 0 ? logs : [...logs, `warn ${dropped} further lines`] };
}

const isFailure = ({ fields }: LogRecord): boolean => typeof fields["fault"] === "string";
/** What addons say themselves. */
const isOwnLine = ({ fields }: LogRecord): boolean => fields["event"] === guestLine;

function failureText({ msg, fields }: LogRecord): string {
  return [msg, ...codeLines(fields)].join("\n");
}

function titleOf(saved: SavedFlow): string {
  if (saved.kind === "tcp") return `TCP ${saved.server.address === null ? "" : `${saved.server.address.host}:${saved.server.address.port}`} ${saved.messages.length} messages`;
  const { request, response } = saved;
  return `${request.method} ${urlOf(request)} ${response === null ? "without a response" : String(response.statusCode)}`;
}

function endsOf(flow: HttpFlow | TcpFlow, saved: SavedFlow): readonly string[] {
  const ends: string[] = [];
  if (flow.kind === "http" && flow.response?.made === true) ends.push("answered by the addon");
  if (flow.killedBy !== null) ends.push("killed");
  if (flow.refusal !== null) ends.push(`refused: ${flow.refusal.fault.message || flow.refusal.fault.code} (in ${flow.refusal.event})`);
  if (flow.error !== null && flow.killedBy === null && flow.refusal === null && flow.error.msg !== saved.error?.msg) ends.push(`error: ${flow.error.msg}`);
  if (flow.error === null && saved.error !== null) ends.push("no error any more");
  return ends;
}

/** Hands everything on and notes what became of messages, which a flow does not keep. */
class WatchingGate implements Gate {
  readonly diff: DiffLine[] = [];
  readonly #gate: Gate;
  #messages = 0;

  constructor(gate: Gate) {
    this.#gate = gate;
  }

  wants(...words: Parameters<Gate["wants"]>): boolean {
    return this.#gate.wants(...words);
  }

  held<E extends HeldEvent>(event: E, subject: SubjectOf<E>): Promise<void> | null {
    const read = readMessage(subject);
    const held = this.#gate.held(event, subject);
    if (read === null || (event !== "tcp_message" && event !== "websocket_message")) return held;
    const number = ++this.#messages;
    const before = read();
    return held === null ? null : held.then(() => this.#compare(number, before, read()));
  }

  tell<E extends ToldEvent>(event: E, subject: SubjectOf<E>): void {
    this.#gate.tell(event, subject);
  }

  release(...words: Parameters<Gate["release"]>): void {
    this.#gate.release(...words);
  }

  #compare(number: number, before: readonly string[], after: readonly string[]): void {
    const diff = diffLines(before, after);
    if (diff.length > 0) this.diff.push({ kind: "same", text: `message ${number}` }, ...diff);
  }
}

/** How to read the newest message of a flow; null: it is about none. */
function readMessage(subject: HttpFlow | TcpFlow | { readonly kind: "root" | "layer" | "server" }): (() => readonly string[]) | null {
  if (subject.kind === "tcp") return () => messageLines(subject.message?.fromClient === true, subject.message?.content ?? null, subject.message?.content.length === 0);
  if (subject.kind !== "http") return null;
  const { webSocket } = subject;
  if (webSocket === null) return null;
  return () => [
    ...messageLines(webSocket.message?.fromClient === true, webSocket.message?.content ?? null, webSocket.message?.dropped === true),
    ...webSocket.injections.flatMap((message) => ["injected", ...messageLines(message.fromClient, message.content, false)]),
  ];
}

function messageLines(fromClient: boolean, content: Buffer | null, isDropped: boolean): readonly string[] {
  return [fromClient ? "from the client" : "from the server", ...(isDropped ? ["(not sent)"] : bytesLines(content ?? Buffer.alloc(0)))];
}
