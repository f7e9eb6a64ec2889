// Whether a saved flow matches a filter of the operator's, who may see everything. Bodies are decoded when the filter looks into them;
// those of TCP flows and WebSockets are all their messages.
import { filterTexts, matchesFilter, type Filter, type FilterSubject, type FilterText } from "../../../sandbox-api/schema/filter.ts";
import { objectKey } from "../../../sandbox-api/schema/ids.ts";
import { everythingOnTheFlow } from "../../../sandbox-api/schema/permissions.ts";
import { decodeContent } from "../../http/content-encoding.ts";
import { filterSubject } from "../filter-subject.ts";
import type { HttpRequest, HttpResponse } from "../flow.ts";
import type { SavedFlow } from "./saved-flow.ts";
import { flowOfSaved } from "./to-flow.ts";

/** LIMIT: of a body, decoded. */
const mostDecodedBytes = 64 * 1024 * 1024;
const sides = { "request.body": true, "response.body": false } as const;
const key = objectKey(1);

/** Never rejects; a body that cannot be decoded is searched as it is. */
export async function matchesSaved(filter: Filter, saved: SavedFlow): Promise<boolean> {
  const flow = flowOfSaved(saved, () => key);
  const texts = filterTexts(filter);
  if (flow.kind === "http" && (texts.has("request.body") || texts.has("response.body"))) await Promise.all([decode(flow.request), flow.response === null ? null : decode(flow.response)]);
  return matchesFilter(filter, withMessages(filterSubject(flow, everythingOnTheFlow), saved));
}

async function decode({ headers, body }: HttpRequest | HttpResponse): Promise<void> {
  const codings = headers.getAll("content-encoding").join(", ");
  if (body.raw === null || codings === "") return;
  const result = await decodeContent(body.raw, codings, mostDecodedBytes);
  if (result.kind === "decoded") body.content = result.content;
}

function withMessages(subject: FilterSubject, saved: SavedFlow): FilterSubject {
  const messages = saved.kind === "tcp" ? saved.messages : saved.websocket?.messages ?? [];
  if (messages.length === 0) return subject;
  return {
    is: (fact) => subject.is(fact),
    statusCode: () => subject.statusCode(),
    texts: (of) => (isBody(of) ? [...(saved.kind === "http" ? subject.texts(of) : []), ...messages.filter(({ fromClient }) => fromClient === sides[of]).map(({ content }) => content)] : subject.texts(of)),
  };
}

const isBody = (of: FilterText): of is keyof typeof sides => Object.hasOwn(sides, of);
