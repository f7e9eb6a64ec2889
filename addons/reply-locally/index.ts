// Answers matching requests itself, with a status, a type and a text. Each rule is /filter/status/type/text, with any character in place
// of "/"; the text is everything that is left.
// `flowcell run addons/reply-locally --set 'reply_locally=|~d api.example.com & ~m GET|200|application/json|{"ok": true}'`
import { flowfilter, Response, type FlowFilter, type HTTPFlow, type Manifest, type OptionsOf } from "flowcell";

export const manifest = {
  description: "answers requests without a server",
  permissions: { read: ["request", "request.body"], act: ["respond"] },
  options: { reply_locally: { type: "string[]", default: [], help: "/filter/status/type/text" } },
} satisfies Manifest;

interface Rule { readonly filter: FlowFilter; readonly status: number; readonly type: string; readonly text: string }

let rules: readonly Rule[] = [];

function readRule(spec: string): Rule {
  const separator = spec.charAt(0);
  const [filter, status, type, ...text] = spec.slice(1).split(separator);
  if (filter === undefined || filter === "" || type === undefined || !/^[2-5]\d\d$/.test(status ?? "") || text.length === 0) throw new Error(`reply_locally: "${spec}" is not /filter/status/type/text`);
  return { filter: flowfilter.parse(filter), status: Number(status), type, text: text.join(separator) };
}

export function configure(options: OptionsOf<typeof manifest>): void {
  rules = options.reply_locally.map(readRule);
}

export function request(flow: HTTPFlow): void {
  if (flow.response !== null) return;
  const rule = rules.find(({ filter }) => filter.matches(flow));
  if (rule !== undefined) flow.response = Response.make(rule.status, rule.text, rule.type === "" ? {} : { "content-type": rule.type });
}
