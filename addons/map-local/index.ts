// Answers requests with files; mitmproxy's map_local. An addon reads no disk: its files are compiled in (files.ts). Each rule is
// [|filter]|url regex|file, with any character in place of "|"; a file that ends in "/" is a folder, in which the rest of the path is
// looked up (index.html for none). What a rule points at and is not there gives 404, as mitmproxy does.
// `flowcell run addons/map-local --set 'map_local=|example.com/static/|/,|example.com/$|hello.html'`
import { flowfilter, Response, type FlowFilter, type HTTPFlow, type Manifest, type OptionsOf } from "flowcell";
import { files } from "./files.ts";

export const manifest = {
  description: "answers requests with files of its own",
  permissions: { read: ["request"], act: ["respond"] },
  options: { map_local: { type: "string[]", default: ["|//local\\.example/|/"], help: "[|filter]|url regex|file or folder/" } },
} satisfies Manifest;

interface Rule { readonly filter: FlowFilter | null; readonly pattern: RegExp; readonly target: string }

const types: { readonly [extension: string]: string } = {
  html: "text/html; charset=utf-8", css: "text/css; charset=utf-8", txt: "text/plain; charset=utf-8", md: "text/markdown; charset=utf-8", csv: "text/csv; charset=utf-8",
  xml: "application/xml", svg: "image/svg+xml", png: "image/png", jpg: "image/jpeg", gif: "image/gif", webp: "image/webp", ico: "image/x-icon", woff2: "font/woff2", pdf: "application/pdf", json: "application/json",
};

let rules: readonly Rule[] = [];

function readRule(spec: string): Rule {
  const parts = spec.slice(1).split(spec.charAt(0));
  const [filter, source, target] = parts.length === 2 ? ["", ...parts] : parts;
  if (source === undefined || source === "" || target === undefined || target === "" || parts.length > 3) throw new Error(`map_local: "${spec}" is not [|filter]|regex|file`);
  if (!target.endsWith("/") && !Object.hasOwn(files, target)) throw new Error(`map_local: there is no file "${target}" in files.ts; there is ${Object.keys(files).join(", ")}`);
  return { filter: filter === undefined || filter === "" ? null : flowfilter.parse(filter), pattern: new RegExp(source), target };
}

export function configure(options: OptionsOf<typeof manifest>): void {
  rules = options.map_local.map(readRule);
}

/** The file's name for an address; a folder takes what stands behind the match, without the query. */
function nameFor({ pattern, target }: Rule, url: string): string | null {
  const match = pattern.exec(url);
  if (match === null) return null;
  if (!target.endsWith("/")) return target;
  const rest = url.slice(match.index + match[0].length).replace(/[?#].*$/s, "");
  return `${target.replace(/^\/+/, "")}${rest === "" || rest.endsWith("/") ? `${rest}index.html` : rest}`;
}

export function request(flow: HTTPFlow): void {
  if (flow.response !== null) return;
  for (const rule of rules) {
    if (rule.filter !== null && !rule.filter.matches(flow)) continue;
    const name = nameFor(rule, flow.request.prettyUrl);
    if (name === null) continue;
    const file = Object.hasOwn(files, name) ? files[name] : undefined;
    flow.response = file === undefined
      ? Response.make(404, `map-local has no file "${name}"\n`, { "content-type": "text/plain; charset=utf-8" })
      : Response.make(200, file, { "content-type": types[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream" });
    return;
  }
}
