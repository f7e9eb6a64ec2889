// Logs GraphQL operations in place of a dozen alike "POST /graphql": kind and name, variables' names, and the errors that a response of
// status 200 hides. Batches are lists; persisted queries have their hash.
// `flowcell run addons/graphql-log`
import { ctx, type HTTPFlow, type Manifest } from "flowcell";

export const manifest = { description: "logs GraphQL operations and their errors", permissions: { read: ["request", "request.body", "response", "response.body"] } } satisfies Manifest;

/** LIMIT: operations of one batch that are logged. */
const mostOperations = 20;

interface Operation { readonly kind: string; readonly name: string; readonly variables: string }

const isObject = (value: unknown): value is { readonly [name: string]: unknown } => typeof value === "object" && value !== null && !Array.isArray(value);

function parse(text: string | null): unknown {
  try {
    return text === null || text === "" ? null : JSON.parse(text);
  } catch {
    // Not JSON, so not GraphQL: nothing to log.
    return null;
  }
}

function operationOf(value: unknown): Operation | null {
  if (!isObject(value)) return null;
  const query = typeof value["query"] === "string" ? value["query"] : "";
  const [, kind = "query", named = ""] = /^(?:\s|#[^\n]{0,1000}\n)*(query|mutation|subscription)?\s*([A-Za-z_]\w{0,200})?/.exec(query) ?? [];
  const extensions = value["extensions"];
  const persisted = isObject(extensions) && isObject(extensions["persistedQuery"]) ? String(extensions["persistedQuery"]["sha256Hash"]).slice(0, 12) : null;
  if (query === "" && persisted === null) return null;
  const name = typeof value["operationName"] === "string" && value["operationName"] !== "" ? value["operationName"] : named;
  return { kind, name: name === "" ? persisted === null ? "(no name)" : `(persisted ${persisted})` : name, variables: isObject(value["variables"]) ? Object.keys(value["variables"]).join(", ") : "" };
}

/** Of a POST's body or a GET's query; empty: this is no GraphQL. */
function operationsOf({ request }: HTTPFlow): Operation[] {
  const query = request.method === "GET" ? request.query : null;
  const sent = query === null ? parse(request.text) : { query: query.get("query") ?? undefined, operationName: query.get("operationName"), variables: parse(query.get("variables")), extensions: parse(query.get("extensions")) };
  const list = Array.isArray(sent) ? sent.slice(0, mostOperations) : [sent];
  const operations = list.map(operationOf).filter((operation) => operation !== null);
  return /graphql|gql/i.test(request.path) || request.headers.get("content-type")?.includes("json") === true ? operations : [];
}

function errorsIn(value: unknown): string[] {
  return isObject(value) && Array.isArray(value["errors"]) ? value["errors"].slice(0, 5).map((error: unknown) => (isObject(error) ? String(error["message"]) : String(error))) : [];
}

export function response(flow: HTTPFlow): void {
  const { response } = flow;
  if (response === null || !/json/i.test(response.headers.get("content-type") ?? "")) return;
  const operations = operationsOf(flow);
  if (operations.length === 0) return;
  const answered = parse(response.text);
  for (const [index, { kind, name, variables }] of operations.entries()) {
    const errors = errorsIn(Array.isArray(answered) ? answered[index] : answered);
    const line = `graphql ${flow.request.prettyHost}: ${kind} ${name}${variables === "" ? "" : ` (${variables})`} ${response.statusCode}`;
    if (errors.length === 0) ctx.log.info(line);
    else ctx.log.warn(`${line}: ${errors.join("; ")}`);
  }
}
