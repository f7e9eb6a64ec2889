// The answer of the proxy itself when there is none from a server: cause and advice, in the form the client asked for. Pure.
// It never shows a stack, a path or a secret, and everything in it is escaped for its form.
import { causeTable, faultReason, type ExchangeFault } from "./fault-status.ts";

export interface ErrorPage {
  readonly status: number;
  readonly reason: string;
  readonly contentType: string;
  readonly body: Buffer;
}

type Form = "html" | "json" | "text";

/** The page for a fault. `accept`: the client's Accept field, all values joined; undefined: it sent none. `title`: what was asked for, for the reader. */
export function errorPage(fault: ExchangeFault, accept: string | undefined, title = ""): ErrorPage {
  const reason = faultReason(fault);
  const advice = causeTable[fault.cause].advice;
  const form = formOf(accept);
  const text = form === "html" ? html(fault, reason, advice, title) : form === "json" ? json(fault, reason, advice, title) : plain(fault, reason, advice);
  return { status: fault.status, reason, contentType: contentTypes[form], body: Buffer.from(text, "utf8") };
}

const contentTypes: Readonly<Record<Form, string>> = { html: "text/html; charset=utf-8", json: "application/json", text: "text/plain; charset=utf-8" };

/** The first form the client names with the highest weight; plain text when it does not care. */
function formOf(accept: string | undefined): Form {
  let best: Form = "text";
  let bestWeight = 0;
  for (const range of (accept ?? "").toLowerCase().split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
    const form = formOfType(type);
    const weight = Number(parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? "1");
    if (form !== null && weight > bestWeight) [best, bestWeight] = [form, weight];
  }
  return best;
}

function formOfType(type: string): Form | null {
  if (type === "text/html" || type === "application/xhtml+xml") return "html";
  if (type === "application/json" || type.endsWith("+json") || type === "application/*") return "json";
  return type === "text/plain" || type === "text/*" || type === "*/*" ? "text" : null;
}

function plain(fault: ExchangeFault, reason: string, advice: string): string {
  return `${fault.status} ${reason} (flowcell)\n\n${fault.message}\n${advice === "" ? "" : `${advice}\n`}`;
}

function json(fault: ExchangeFault, reason: string, advice: string, title: string): string {
  return `${JSON.stringify({ error: { source: "flowcell", status: fault.status, reason, cause: fault.cause, message: fault.message, advice, url: title } })}\n`;
}

function html(fault: ExchangeFault, reason: string, advice: string, title: string): string {
  const heading = `${fault.status} ${reason}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(heading)}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:4em auto;padding:0 1em;color:#222}code{overflow-wrap:anywhere}footer{color:#777;font-size:.85em;margin-top:3em}</style></head>
<body><h1>${escaped(heading)}</h1>
<p>${escaped(fault.message)}</p>
${advice === "" ? "" : `<p>${escaped(advice)}</p>\n`}${title === "" ? "" : `<p><code>${escaped(title)}</code></p>\n`}<footer>Flowcell, the proxy between you and the server (${escaped(fault.cause)})</footer></body></html>
`;
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => entities[char] ?? char);
}
