// Sends matching requests a second time, as they came, and logs how the answers differ: is this request safe to repeat?
// `flowcell run addons/duplicate-and-replay --set 'duplicate=~m POST & ~u /orders'`
import { ctx, flowfilter, type FlowFilter, type HTTPFlow, type Manifest, type OptionsOf } from "flowcell";

export const manifest = {
  description: "sends requests twice and compares the answers",
  permissions: { read: ["request", "response", "response.body"], act: ["replay"] },
  options: { duplicate: { type: "string", default: "", help: "requests to send twice; none: none" } },
} satisfies Manifest;

/** First answers that wait for the second one; the oldest go. */
const mostWaiting = 200;
const waiting = new Map<string, { readonly status: number; readonly text: string | null }>();
let filter: FlowFilter | null = null;

export function configure({ duplicate }: OptionsOf<typeof manifest>): void {
  filter = duplicate === "" ? null : flowfilter.parse(duplicate);
}

const nameOf = ({ request }: HTTPFlow): string => `${request.method} ${request.url}`;

export async function response(flow: HTTPFlow): Promise<void> {
  const { response } = flow;
  if (response === null || filter === null || !filter.matches(flow)) return;
  const name = nameOf(flow);
  const first = waiting.get(name);
  if (flow.isReplay === "request") {
    if (first === undefined) return;
    waiting.delete(name);
    const isSame = first.status === response.statusCode && first.text === response.text;
    if (isSame) ctx.log.info(`${name}: the second answer is the same (${response.statusCode})`);
    else ctx.log.warn(`${name}: ${first.status} first, ${response.statusCode} the second time${first.text === response.text ? "" : ", with another body"}`);
    return;
  }
  waiting.set(name, { status: response.statusCode, text: response.text });
  if (waiting.size > mostWaiting) for (const oldest of waiting.keys()) { waiting.delete(oldest); break; }
  await ctx.replay(flow);
}
