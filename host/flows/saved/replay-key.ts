// What makes a request equal to a recorded one, with mitmproxy's options: method, scheme, host, port, path, query, body and chosen
// headers, each of which the operator may leave out. Pure.
import { hash } from "node:crypto";
import type { HttpRequest } from "../flow.ts";

export interface MatchRules {
  readonly ignoreHost: boolean;
  readonly ignorePort: boolean;
  /** The body does not count. */
  readonly ignoreContent: boolean;
  /** Names in the query that do not count. */
  readonly ignoreParams: readonly string[];
  /** Names in an urlencoded body that do not count. */
  readonly ignorePayloadParams: readonly string[];
  /** Headers that count. */
  readonly useHeaders: readonly string[];
}

/** Null: a body counts, and is not here. */
export function replayKey({ method, scheme, host, port, path, headers, body }: HttpRequest, rules: MatchRules): string | null {
  const content = rules.ignoreContent ? "" : body.raw === null ? null : contentKey(body.raw, headers.get("content-type"), rules.ignorePayloadParams);
  if (content === null) return null;
  const at = path.indexOf("?");
  const query = at === -1 ? [] : [...new URLSearchParams(path.slice(at))].filter(([name]) => !rules.ignoreParams.includes(name));
  const named = rules.useHeaders.map((name) => [name.toLowerCase(), headers.getAll(name.toLowerCase())]);
  return JSON.stringify([
    rules.ignoreHost ? null : namedHost(headers.get("host"), host), rules.ignorePort ? null : port, scheme, method, at === -1 ? path : path.slice(0, at), query, named, content,
  ]);
}

function contentKey(bytes: Buffer, type: string | undefined, ignored: readonly string[]): string {
  if (ignored.length === 0 || !(type ?? "").toLowerCase().startsWith("application/x-www-form-urlencoded")) return hash("sha256", bytes, "base64");
  return JSON.stringify([...new URLSearchParams(bytes.toString("latin1"))].filter(([name]) => !ignored.includes(name)));
}

/** As the client named it: a recorded address may have been another one each time. */
function namedHost(field: string | undefined, host: string): string {
  const named = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(field ?? "")?.[1] ?? "";
  return (named === "" ? host : named).toLowerCase();
}
