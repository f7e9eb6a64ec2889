// Answers matching requests with a status, or closes their connection without a word (444); mitmproxy's block_list. Each rule is
// /filter/status, with any character in place of "/".
// `flowcell run addons/block-list --set 'block_list=/~d ads.example/404,/~u tracking/444'`
import { flowfilter, Response, type FlowFilter, type HTTPFlow, type Manifest, type OptionsOf } from "flowcell";

export const manifest = {
  description: "answers or cuts unwanted requests",
  permissions: { read: ["request"], act: ["respond", "kill"] },
  options: { block_list: { type: "string[]", default: [], help: "/filter/status; 444 closes the connection without an answer" } },
} satisfies Manifest;

interface Rule { readonly filter: FlowFilter; readonly status: number }

const closeWithoutAnswer = 444;
let rules: readonly Rule[] = [];

function readRule(spec: string): Rule {
  const [filter, status, ...more] = spec.slice(1).split(spec.charAt(0));
  const code = Number(status);
  if (filter === undefined || filter === "" || more.length > 0 || !/^\d{3}$/.test(status ?? "") || code < 200 || code > 599) throw new Error(`block_list: "${spec}" is not /filter/status`);
  return { filter: flowfilter.parse(filter), status: code };
}

export function configure(options: OptionsOf<typeof manifest>): void {
  rules = options.block_list.map(readRule);
}

export function requestheaders(flow: HTTPFlow): void {
  if (flow.response !== null || !flow.live) return;
  const rule = rules.find(({ filter }) => filter.matches(flow));
  if (rule === undefined) return;
  flow.metadata["blocklisted"] = true;
  if (rule.status === closeWithoutAnswer) flow.kill();
  else flow.response = Response.make(rule.status, "", { server: "flowcell" });
}
