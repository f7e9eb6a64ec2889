// Changes JSON bodies of responses by JSON Patch (RFC 6902). Each rule is |filter|patch, with any character in place of "|"; the patch is
// the rest, a list of operations. A body that is no JSON, or that the patch does not fit, is left as it is, and the log says why.
// `flowcell run addons/json-patch --set 'json_patch=|~u /api/user|[{"op": "replace", "path": "/name", "value": "Ada"}]'`
import { ctx, flowfilter, type FlowFilter, type HTTPFlow, type Manifest, type OptionsOf } from "flowcell";
import { applyPatch, readPatch, type Json, type Operation } from "./patch.ts";

export const manifest = {
  description: "changes JSON in responses",
  permissions: { read: ["request", "response", "response.body"], write: ["response.body"] },
  options: { json_patch: { type: "string", default: "", help: "|filter|[operations of RFC 6902]" } },
} satisfies Manifest;

let rule: { readonly filter: FlowFilter; readonly patch: readonly Operation[] } | null = null;

export function configure({ json_patch: spec }: OptionsOf<typeof manifest>): void {
  const at = spec.indexOf(spec.charAt(0), 1);
  if (spec !== "" && at < 2) throw new Error(`json_patch: "${spec}" is not |filter|[operations]`);
  try {
    rule = spec === "" ? null : { filter: flowfilter.parse(spec.slice(1, at)), patch: readPatch(JSON.parse(spec.slice(at + 1))) };
  } catch (error) {
    throw new Error(`json_patch: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export function response(flow: HTTPFlow): void {
  const { response } = flow;
  if (rule === null || response === null || !/[/+]json\b/i.test(response.headers.get("content-type") ?? "") || !rule.filter.matches(flow)) return;
  const text = response.text;
  if (text === null || text === "") return;
  try {
    response.text = JSON.stringify(applyPatch(JSON.parse(text) as Json, rule.patch));
  } catch (error) {
    ctx.log.warn(`${flow.request.url} is left as it is: ${error instanceof Error ? error.message : String(error)}`);
  }
}
