// Replaces what a pattern finds in the bodies of requests and responses, whatever their compression; mitmproxy's modify_body. Each rule
// is [/filter]/regex/replacement, with any character in place of "/"; $1 and $<name> stand for what the pattern's groups found.
// `flowcell run addons/modify-body --set 'modify_body=/~s & ~ts html/Example Domain/Flowcell was here'`
import { flowfilter, type FlowFilter, type HTTPFlow, type Manifest, type OptionsOf } from "flowcell";

export const manifest = {
  description: "replaces text in bodies",
  permissions: { read: ["request", "request.body", "response", "response.body"], write: ["request.body", "response.body"] },
  options: { modify_body: { type: "string[]", default: [], help: "[/filter]/regex/replacement" } },
} satisfies Manifest;

interface Rule { readonly filter: FlowFilter | null; readonly pattern: RegExp; readonly replacement: string }

let rules: readonly Rule[] = [];

function readRule(spec: string): Rule {
  const parts = spec.slice(1).split(spec.charAt(0));
  const [filter, source, replacement] = parts.length === 2 ? ["", ...parts] : parts;
  if (source === undefined || source === "" || replacement === undefined || parts.length > 3) throw new Error(`modify_body: "${spec}" is not [/filter]/regex/replacement`);
  return { filter: filter === undefined || filter === "" ? null : flowfilter.parse(filter), pattern: new RegExp(source, "gsu"), replacement };
}

export function configure(options: OptionsOf<typeof manifest>): void {
  rules = options.modify_body.map(readRule);
}

/** What becomes of a body; null: it stays. */
function replaced(flow: HTTPFlow, before: string | null): string | null {
  if (before === null) return null;
  let after = before;
  for (const { filter, pattern, replacement } of rules) if (filter === null || filter.matches(flow)) after = after.replace(pattern, replacement);
  return after === before ? null : after;
}

export function request(flow: HTTPFlow): void {
  const text = replaced(flow, flow.request.text);
  if (text !== null) flow.request.text = text;
}

export function response(flow: HTTPFlow): void {
  if (flow.response === null) return;
  const text = replaced(flow, flow.response.text);
  if (text !== null) flow.response.text = text;
}
