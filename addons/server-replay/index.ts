// Answers requests with responses seen before; mitmproxy's server replay, for what this proxy itself has seen. In mode "learn" it notes
// responses, in mode "replay" it answers from them; change the option while the proxy runs. `flowcell run --replay-server FILE` does the
// same from saved flows. Requests are alike when method, address and body are.
// `flowcell run addons/server-replay --set server_replay=learn`
import { Response, type HTTPFlow, type Manifest, type OptionsOf } from "flowcell";

export const manifest = {
  description: "answers requests with responses seen before",
  permissions: { read: ["request", "request.body", "response", "response.body"], act: ["respond", "kill"] },
  options: {
    server_replay: { type: "string", choices: ["learn", "replay"], default: "learn", help: "note responses, or answer from them" },
    server_replay_kill_extra: { type: "boolean", default: false, help: "cut requests for which there is no response" },
    server_replay_reuse: { type: "boolean", default: true, help: "a response answers more than one request" },
  },
} as const satisfies Manifest;

interface Kept { readonly status: number; readonly fields: readonly (readonly [string, string])[]; readonly body: Uint8Array }

/** Of all bodies together; the oldest responses go. */
const mostBytes = 8 * 1_024 * 1_024;
const mostKeyLength = 20_000;
const kept = new Map<string, Kept[]>();
let keptBytes = 0;
let settings: OptionsOf<typeof manifest>;

export function configure(options: OptionsOf<typeof manifest>): void {
  settings = options;
}

function keyOf({ request }: HTTPFlow): string | null {
  const body = request.body === null ? null : request.text;
  const key = `${request.method} ${request.url} ${body ?? ""}`;
  return body === null || key.length > mostKeyLength ? null : key;
}

function forget(): void {
  for (const [key, list] of kept) {
    if (keptBytes <= mostBytes) return;
    kept.delete(key);
    for (const { body } of list) keptBytes -= body.length;
  }
}

export function request(flow: HTTPFlow): void {
  if (settings.server_replay !== "replay" || flow.response !== null) return;
  const key = keyOf(flow);
  const list = key === null ? undefined : kept.get(key);
  const found = settings.server_replay_reuse ? list?.[0] : list?.shift();
  if (found !== undefined) flow.response = Response.make(found.status, found.body, found.fields.map(([name, value]): [string, string] => [name, value]));
  else if (settings.server_replay_kill_extra) flow.kill();
}

export function response(flow: HTTPFlow): void {
  const { response } = flow;
  const key = keyOf(flow);
  if (settings.server_replay !== "learn" || response === null || response.body === null || key === null) return;
  const fields = response.headers.fields.filter(([name]) => !/^(?:content-length|transfer-encoding|connection|keep-alive)$/i.test(name)).map(([name, value]) => [name, value] as const);
  const list = kept.get(key) ?? [];
  kept.delete(key);
  kept.set(key, [...list, { status: response.statusCode, fields, body: response.body.slice() }]);
  keptBytes += response.body.length;
  forget();
}
