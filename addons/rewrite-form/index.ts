// Sets and removes fields of forms that are sent, urlencoded and multipart alike. Each rule is [/filter]/name/value, with any character
// in place of "/"; without a value the field is removed. A field that the form does not have is not added.
// `flowcell run addons/rewrite-form --set 'rewrite_form=/~u login/user/guest,/csrf/'`
import { flowfilter, type FlowFilter, type HTTPFlow, type Manifest, type OptionsOf } from "flowcell";

export const manifest = {
  description: "changes fields of forms",
  permissions: { read: ["request", "request.body"], write: ["request.body"] },
  options: { rewrite_form: { type: "string[]", default: [], help: "[/filter]/name/value; an empty value removes" } },
} satisfies Manifest;

interface Rule { readonly filter: FlowFilter | null; readonly name: string; readonly value: string }

let rules: readonly Rule[] = [];

function readRule(spec: string): Rule {
  const parts = spec.slice(1).split(spec.charAt(0));
  const [filter, name, value] = parts.length === 2 ? ["", ...parts] : parts;
  if (name === undefined || name === "" || value === undefined || parts.length > 3) throw new Error(`rewrite_form: "${spec}" is not [/filter]/name/value`);
  return { filter: filter === undefined || filter === "" ? null : flowfilter.parse(filter), name, value };
}

export function configure(options: OptionsOf<typeof manifest>): void {
  rules = options.rewrite_form.map(readRule);
}

export function request(flow: HTTPFlow): void {
  const { request } = flow;
  const type = (request.headers.get("content-type") ?? "").toLowerCase();
  if (request.body === null) return;
  const form = type.startsWith("application/x-www-form-urlencoded") ? request.urlencodedForm : type.startsWith("multipart/form-data") ? request.multipartForm : null;
  if (form === null) return;
  for (const { filter, name, value } of rules) {
    if ((filter !== null && !filter.matches(flow)) || !form.has(name)) continue;
    if (value === "") form.delete(name);
    else form.set(name, value);
  }
}
