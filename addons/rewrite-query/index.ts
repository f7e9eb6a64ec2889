// Sets and removes parameters in the query of requests. Each rule is [/filter]/name/value, with any character in place of "/"; without a
// value the parameter is removed. Other parameters keep their place and spelling.
// `flowcell run addons/rewrite-query --set 'rewrite_query=/utm_source/,/~d example.com/debug/1'`
import { flowfilter, type FlowFilter, type HTTPFlow, type Manifest, type OptionsOf } from "flowcell";

export const manifest = {
  description: "sets and removes query parameters",
  permissions: { read: ["request"], write: ["request"] },
  options: { rewrite_query: { type: "string[]", default: [], help: "[/filter]/name/value; an empty value removes" } },
} satisfies Manifest;

interface Rule { readonly filter: FlowFilter | null; readonly name: string; readonly value: string }

let rules: readonly Rule[] = [];

function readRule(spec: string): Rule {
  const parts = spec.slice(1).split(spec.charAt(0));
  const [filter, name, value] = parts.length === 2 ? ["", ...parts] : parts;
  if (name === undefined || name === "" || value === undefined || parts.length > 3) throw new Error(`rewrite_query: "${spec}" is not [/filter]/name/value`);
  return { filter: filter === undefined || filter === "" ? null : flowfilter.parse(filter), name, value };
}

export function configure(options: OptionsOf<typeof manifest>): void {
  rules = options.rewrite_query.map(readRule);
}

export function requestheaders(flow: HTTPFlow): void {
  const { query } = flow.request;
  for (const { filter, name, value } of rules) {
    if (filter !== null && !filter.matches(flow)) continue;
    if (value !== "") query.set(name, value);
    else if (query.has(name)) query.delete(name);
  }
}
