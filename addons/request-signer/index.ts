// Signs requests with a secret that the client does not have: HMAC-SHA-256 over method, path, date and body, in headers of their own. The
// shape of many in-house APIs; change `textToSign` for yours.
// `flowcell run addons/request-signer --set signer_hosts=api.example.com --set signer_key_id=me --set signer_secret=…`
import type { HTTPFlow, Manifest, OptionsOf } from "flowcell";

export const manifest = {
  description: "signs requests to some hosts",
  permissions: { read: ["request", "request.body"], write: ["request"] },
  options: {
    signer_hosts: { type: "string[]", default: [], help: "hosts whose requests are signed" },
    signer_key_id: { type: "string", default: "", help: "goes with the signature" },
    signer_secret: { type: "string", default: "", help: "the key; better in a FLOWCELL_SET_… variable than on the command line" },
  },
} satisfies Manifest;

let hosts: ReadonlySet<string> = new Set();
let keyId = "";
let key: Promise<CryptoKey> | null = null;

export function configure(options: OptionsOf<typeof manifest>): void {
  hosts = new Set(options.signer_hosts.map((host) => host.toLowerCase()));
  if (hosts.size > 0 && options.signer_secret === "") throw new Error("signer_secret: there is nothing to sign with");
  keyId = options.signer_key_id;
  key = options.signer_secret === "" ? null : crypto.subtle.importKey("raw", new TextEncoder().encode(options.signer_secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}

const hex = (bytes: ArrayBuffer): string => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");

async function textToSign({ request }: HTTPFlow, date: string): Promise<string> {
  const body = hex(await crypto.subtle.digest("SHA-256", request.body?.slice() ?? new Uint8Array(0)));
  return [request.method, request.prettyHost, request.path, date, body].join("\n");
}

export async function request(flow: HTTPFlow): Promise<void> {
  const { request } = flow;
  // A body that was not shown cannot be signed.
  if (key === null || !hosts.has(request.prettyHost.toLowerCase()) || request.body === null) return;
  const date = new Date().toISOString();
  const signature = hex(await crypto.subtle.sign("HMAC", await key, new TextEncoder().encode(await textToSign(flow, date))));
  request.headers.set("X-Date", date);
  request.headers.set("X-Key-Id", keyId);
  request.headers.set("X-Signature", signature);
}
