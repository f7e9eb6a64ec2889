// The addons that benches run, as sources. Each does what its name says and nothing else.
import { addonFile } from "./subject.ts";

const manifest = (hosts: readonly string[] | null, permissions: string): string =>
  `export const manifest = { ${hosts === null ? "" : `hosts: ${JSON.stringify(hosts)}, `}permissions: ${permissions} };\n`;

const headsOnly = '{ read: ["request", "response"], write: ["request", "response"] }';

/** What every header addon of that number puts on a response. */
export const headerField = (number = 1): string => `x-bench-response-${number}`;

/** Adds a header to every request and every response; asks for heads only, as a careful author would. */
export function headerAddon(number = 1, hosts: readonly string[] | null = null): Promise<string> {
  return addonFile(`header-${number}`, manifest(hosts, headsOnly) + headerSource(number));
}

/** Likewise, but declared in the manifest, so that the host carries it out and enters no isolate. */
export function declaredHeaderAddon(number = 1): Promise<string> {
  const rules = [{ event: "requestheaders", set: { [`x-bench-request-${number}`]: "1" } }, { event: "responseheaders", set: { [headerField(number)]: "1" } }];
  return addonFile(`declared-${number}`, `export const manifest = ${JSON.stringify({ permissions: { write: ["request", "response"] }, edits: rules })};\n`);
}

/** The same as a script without a manifest: it may see bodies, so they are collected and given to it. */
export function headerAddonWithBodies(): Promise<string> {
  return addonFile("header-and-bodies", headerSource(1));
}

const headerSource = (number: number): string => `
export function request(flow) { flow.request.headers.set("x-bench-request-${number}", "1"); }
export function response(flow) { flow.response.headers.set("x-bench-response-${number}", "1"); }
`;

/** Has handlers for both heads, and neither reads nor changes anything: the bare cost of an event. */
export function idleAddon(hosts: readonly string[] | null = null): Promise<string> {
  return addonFile("idle", `${manifest(hosts, headsOnly)}export function request() {}\nexport function response() {}\n`);
}

/** Looks at one header of each request and each response. */
export function readerAddon(): Promise<string> {
  return addonFile("reader", `${manifest(null, headsOnly)}
let seen = 0;
export function request(flow) { if (flow.request.headers.get("x-absent") !== null) seen += 1; }
export function response(flow) { if (flow.response.headers.get("x-absent") !== null) seen += 1; }
`);
}

/** Rewrites HTML as text; the length stays. */
export function rewriteAddon(): Promise<string> {
  return addonFile("rewrite", `
export function response(flow) {
  if (!flow.response.headers.get("content-type")?.startsWith("text/html")) return;
  flow.response.text = flow.response.text.replaceAll("some words", "SOME WORDS");
  flow.response.headers.set("x-rewritten", "1");
}
`);
}

export const hostileKinds = ["loop", "allocate", "kill-cell"] as const;
export type HostileKind = (typeof hostileKinds)[number];

const hostileBodies = {
  loop: "for (;;) {}",
  allocate: "const hoard = []; for (;;) hoard.push(new Array(1e5).fill(hoard.length + 0.5));",
  // One built-in that nothing inside the process can interrupt.
  "kill-cell": '"a".repeat(8e6).indexOf("ab" + "a".repeat(3e5));',
} as const satisfies Record<HostileKind, string>;

/** Misbehaves in `request`, for that host only. */
export function hostileAddon(kind: HostileKind, host: string): Promise<string> {
  return addonFile(`hostile-${kind}`, `${manifest([host], headsOnly)}export function request() { ${hostileBodies[kind]} }\n`);
}

/** Sets a response header to a value, for reload tests. */
export const versionSource = (version: string): string => `${manifest(null, headsOnly)}
export function response(flow) { flow.response.headers.set("x-version", "${version}"); }
`;

/** Is given each chunk of TCP and lets it pass. */
export function tcpAddon(): Promise<string> {
  return addonFile("tcp", "export function tcp_message(flow) { void flow.messages.length; }\n");
}

/** Handles that one event of WebSockets, and does nothing. */
export function webSocketAddon(event: "websocket_message" | "websocket_end"): Promise<string> {
  return addonFile(event, `export function ${event}(flow) { void flow.websocket.messages.length; }\n`);
}

/** Changes the case of each message's text. */
export function webSocketRewriter(): Promise<string> {
  return addonFile("websocket-rewrite", "export function websocket_message(flow) { const message = flow.websocket.messages.at(-1); message.text = message.text.toUpperCase(); }\n");
}
