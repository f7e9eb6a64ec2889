// The permission table: every grant an addon can hold, in words for the operator (spec: sandbox.md §3). Pure data and the
// shape of a resolved grant set; who gets what is decided in the host's grants.

export const permissionTable = {
  "read:request": "see request lines and headers",
  "read:request.body": "see request bodies",
  "read:response": "see status lines and response headers",
  "read:response.body": "see response bodies",
  "read:websocket": "see WebSocket messages",
  "read:tcp": "see the bytes of raw TCP connections",
  "read:connection": "see who connects where, and TLS details",
  "write:request": "change request lines and headers",
  "write:request.body": "change request bodies",
  "write:response": "change status lines and response headers",
  "write:response.body": "change response bodies",
  "write:websocket": "change WebSocket messages",
  "write:tcp": "change the bytes of raw TCP connections",
  "write:connection": "change connection details",
  "act:respond": "answer requests itself, without the server",
  "act:redirect": "send requests to another server",
  "act:kill": "end flows and connections",
  "act:intercept": "hold flows back",
  "act:layer": "choose the protocol of a connection",
  "act:inject": "send messages of its own into connections",
  "act:replay": "send requests again",
  "header:authorization": "see and change Authorization headers (credentials)",
  "header:proxy-authorization": "see and change Proxy-Authorization headers (credentials)",
  "header:cookie": "see and change Cookie headers (sessions)",
  "header:set-cookie": "see and change Set-Cookie headers (sessions)",
} as const satisfies Record<string, string>;

export type PermissionName = keyof typeof permissionTable;

export function isPermissionName(text: unknown): text is PermissionName {
  return typeof text === "string" && Object.hasOwn(permissionTable, text);
}

export const permissionNames: readonly PermissionName[] = Object.keys(permissionTable).filter(isPermissionName);

/** Everything on the flow, nothing off it: what a script without a manifest gets from the operator who starts it by path. */
export const everythingOnTheFlow: ReadonlySet<PermissionName> = new Set(permissionNames);
