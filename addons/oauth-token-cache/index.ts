// Gets an OAuth token by client credentials (RFC 6749 §4.4), keeps it until shortly before it ends, and adds it to requests that have no
// Authorization: the client needs to know no secret. Nothing here has to be changed: `oauth_url` says where tokens are given, and
// --grant lets the addon fetch from there (its manifest asks for a placeholder).
// `FLOWCELL_SET_OAUTH_CLIENT_SECRET=… flowcell run addons/oauth-token-cache --grant oauth-token-cache:fetch=https://login.mine.com --set oauth_url=https://login.mine.com/token --set oauth_client_id=me --set oauth_hosts=api.mine.com`
import { ctx, type HTTPFlow, type Manifest, type OptionsOf } from "flowcell";

export const manifest = {
  description: "adds OAuth tokens to requests for some hosts",
  permissions: { read: ["request"], write: ["request"], headers: ["authorization"], fetch: ["https://login.example.com"] },
  options: {
    oauth_hosts: { type: "string[]", default: [], help: "hosts whose requests get the token" },
    oauth_url: { type: "string", default: "https://login.example.com/token", help: "where tokens are given" },
    oauth_client_id: { type: "string", default: "", help: "who asks for it" },
    oauth_client_secret: { type: "string", default: "", help: "better in a FLOWCELL_SET_… variable than on the command line" },
    oauth_scope: { type: "string", default: "", help: "what for; none: the server's default" },
  },
} satisfies Manifest;

/** A token is renewed so long before it ends. */
const marginMs = 30_000;
/** After a failure nobody asks again for so long. */
const pauseMs = 5_000;
let settings: OptionsOf<typeof manifest>;
let token: { readonly value: string; readonly endsAt: number } | null = null;
let isAsking: Promise<string | null> | null = null;
let notBefore = 0;

export function configure(options: OptionsOf<typeof manifest>): void {
  if (!URL.canParse(options.oauth_url) || !options.oauth_url.startsWith("https://")) throw new Error("oauth_url: an https:// address is needed");
  settings = options;
  token = null;
}

async function ask(): Promise<string | null> {
  const { oauth_url: url, oauth_client_id: id, oauth_client_secret: secret, oauth_scope: scope } = settings;
  const body = new URLSearchParams({ grant_type: "client_credentials", client_id: id, client_secret: secret, ...(scope === "" ? {} : { scope }) });
  const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" }, body: body.toString() });
  const { access_token: value, expires_in: seconds } = (await answer.json()) as { access_token?: unknown; expires_in?: unknown };
  if (!answer.ok || typeof value !== "string" || !/^[\x21-\x7e]{1,8000}$/.test(value)) throw new Error(`${url} answered ${answer.status} without a token`);
  token = { value, endsAt: Date.now() + (typeof seconds === "number" ? seconds * 1_000 : 300_000) };
  return value;
}

/** One question for all requests that wait; null while none can be had. */
function currentToken(): Promise<string | null> {
  if (token !== null && token.endsAt - marginMs > Date.now()) return Promise.resolve(token.value);
  if (Date.now() < notBefore) return Promise.resolve(null);
  isAsking ??= ask().catch((error: unknown) => {
    notBefore = Date.now() + pauseMs;
    ctx.log.error(`no token: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }).finally(() => { isAsking = null; });
  return isAsking;
}

export async function requestheaders({ request }: HTTPFlow): Promise<void> {
  if (request.headers.has("authorization") || !settings.oauth_hosts.some((host) => host.toLowerCase() === request.prettyHost.toLowerCase())) return;
  const value = await currentToken();
  if (value !== null) request.headers.set("Authorization", `Bearer ${value}`);
}
