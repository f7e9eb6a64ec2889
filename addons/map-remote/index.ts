// Sends requests to other addresses: what a pattern finds in the address is replaced; mitmproxy's map_remote. Each rule is
// [|filter]|regex|replacement, with any character in place of "|"; rules apply one after the other.
// `flowcell run addons/map-remote --set 'map_remote=|//api.example.com/v1/|//localhost:8000/'`
import { flowfilter, type FlowFilter, type HTTPFlow, type Manifest, type OptionsOf } from "flowcell";

export const manifest = {
  description: "sends requests to other addresses",
  permissions: { read: ["request"], write: ["request"], act: ["redirect"] },
  options: { map_remote: { type: "string[]", default: [], help: "[|filter]|url regex|replacement" } },
} satisfies Manifest;

interface Rule { readonly filter: FlowFilter | null; readonly pattern: RegExp; readonly replacement: string }

let rules: readonly Rule[] = [];

function readRule(spec: string): Rule {
  const parts = spec.slice(1).split(spec.charAt(0));
  const [filter, source, replacement] = parts.length === 2 ? ["", ...parts] : parts;
  if (source === undefined || source === "" || replacement === undefined || parts.length > 3) throw new Error(`map_remote: "${spec}" is not [|filter]|regex|replacement`);
  return { filter: filter === undefined || filter === "" ? null : flowfilter.parse(filter), pattern: new RegExp(source, "g"), replacement };
}

export function configure(options: OptionsOf<typeof manifest>): void {
  rules = options.map_remote.map(readRule);
}

export function requestheaders(flow: HTTPFlow): void {
  if (flow.response !== null) return;
  const before = flow.request.prettyUrl;
  let url = before;
  for (const { filter, pattern, replacement } of rules) if (filter === null || filter.matches(flow)) url = url.replace(pattern, replacement);
  if (url !== before) flow.request.url = url;
}
