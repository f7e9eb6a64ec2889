// Replaces a text in HTML, plain text and JSON responses, whatever their compression.
// `--set replace_from=cat --set replace_to=dog`
import type { HTTPFlow, Options } from "flowcell";

let from = "Example Domain";
let to = "Flowcell was here";

export function configure(options: Options): void {
  if (typeof options["replace_from"] === "string") from = options["replace_from"];
  if (typeof options["replace_to"] === "string") to = options["replace_to"];
}

const readable = /^(?:text\/|application\/(?:json|xhtml\+xml))/i;

export function response(flow: HTTPFlow): void {
  const { response } = flow;
  if (response === null || !readable.test(response.headers.get("content-type") ?? "")) return;
  const text = response.text;
  if (text !== null && text.includes(from)) response.text = text.split(from).join(to);
}
