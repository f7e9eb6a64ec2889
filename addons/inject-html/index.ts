// Puts a piece of HTML into pages: before </body>, or at the beginning or end of <head>. Other types, and pages without that tag, are left
// alone. A Content-Security-Policy of the page still counts for what is put in.
// `flowcell run addons/inject-html --set 'inject_html=<script>alert("hi")</script>' --set inject_place=head`
import type { HTTPFlow, Manifest, OptionsOf } from "flowcell";

export const manifest = {
  description: "puts a piece of HTML into pages",
  permissions: { read: ["request", "response", "response.body"], write: ["response.body"] },
  options: {
    inject_html: { type: "string", default: "<!-- seen by flowcell -->", help: "what to put in" },
    inject_place: { type: "string", choices: ["body-end", "head-start", "head-end"], default: "body-end", help: "where" },
  },
} as const satisfies Manifest;

const places = { "head-start": /<head(?:\s[^>]{0,1000})?>/i, "head-end": /<\/head\s*>/i, "body-end": /<\/body\s*>/i } as const;

let piece = "";
let place: keyof typeof places = "body-end";

export function configure(options: OptionsOf<typeof manifest>): void {
  piece = options.inject_html;
  place = options.inject_place;
}

/** The last </body> counts: earlier ones stand in scripts and comments. */
function positionIn(page: string): number {
  if (place === "head-start") {
    const match = places[place].exec(page);
    return match === null ? -1 : match.index + match[0].length;
  }
  const matches = [...page.matchAll(new RegExp(places[place], "gi"))];
  return (place === "body-end" ? matches.at(-1) : matches[0])?.index ?? -1;
}

export function response({ response }: HTTPFlow): void {
  if (piece === "" || response === null || !/^(?:text\/html|application\/xhtml\+xml)\b/i.test(response.headers.get("content-type") ?? "")) return;
  const page = response.text;
  if (page === null) return;
  const at = positionIn(page);
  if (at >= 0) response.text = page.slice(0, at) + piece + page.slice(at);
}
