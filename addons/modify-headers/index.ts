// Sets and removes header fields of requests and responses; mitmproxy's modify_headers. Each rule is [/filter]/name/value, with any
// character in place of "/"; without a value the field is removed. Matching fields are removed first, then the values are added.
// `flowcell run addons/modify-headers --set 'modify_headers=/~q/Accept-Language/de,/~s & ~d example.com/Server/'`
import { flowfilter, type FlowFilter, type HTTPFlow, type Manifest, type OptionsOf } from "flowcell";

export const manifest = {
  description: "sets and removes headers",
  permissions: { read: ["request", "response"], write: ["request", "response"] },
  options: { modify_headers: { type: "string[]", default: [], help: "[/filter]/name/value; an empty value removes" } },
} satisfies Manifest;

interface Rule { readonly filter: FlowFilter | null; readonly name: string; readonly value: string }

let rules: readonly Rule[] = [];

function readRule(spec: string): Rule {
  const parts = spec.slice(1).split(spec.charAt(0));
  const [filter, name, value] = parts.length === 2 ? ["", ...parts] : parts;
  if (name === undefined || value === undefined || parts.length > 3 || !/^[!#$%&'*+.^_`|~\w-]+$/.test(name)) throw new Error(`modify_headers: "${spec}" is not [/filter]/name/value`);
  return { filter: filter === undefined || filter === "" ? null : flowfilter.parse(filter), name, value };
}

export function configure(options: OptionsOf<typeof manifest>): void {
  rules = options.modify_headers.map(readRule);
}

function apply(flow: HTTPFlow, headers: HTTPFlow["request"]["headers"]): void {
  const matching = rules.filter(({ filter }) => filter === null || filter.matches(flow));
  for (const { name } of matching) headers.delete(name);
  for (const { name, value } of matching) if (value !== "") headers.append(name, value);
}

export function requestheaders(flow: HTTPFlow): void {
  apply(flow, flow.request.headers);
}

export function responseheaders(flow: HTTPFlow): void {
  if (flow.response !== null) apply(flow, flow.response.headers);
}
