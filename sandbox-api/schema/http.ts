// Protocol legality of single HTTP values (RFC 9110 §5, RFC 9112 §3): pure predicates shared by the guest (to refuse at the
// author's line) and the host (to refuse what a tampered guest let through). Knows nothing of flows or permissions.
// All texts are byte strings: one char per byte, U+0000 to U+00FF.

// WALL 1: in the guest, addon code may replace `RegExp.prototype.exec`, which `pattern.test()` would look up.
const exec = Function.prototype.call.bind(RegExp.prototype.exec) as (pattern: RegExp, text: string) => RegExpExecArray | null;
const { isInteger } = Number;
const matches = (pattern: RegExp, text: string): boolean => exec(pattern, text) !== null;

const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// Control characters are left out on purpose: what is allowed is listed, not what is refused.
const valuePattern = /^[\t\x20-\x7e\x80-\xff]*$/;
const paddedPattern = /^[ \t]|[ \t]$/;
// Without "#": a fragment never goes on the wire (RFC 9112 §3.2).
const targetPattern = /^[\x21\x22\x24-\x7e\x80-\xff]+$/;
const hostPattern = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*|[!$&'()*+,;=\-._~%0-9A-Za-z]{1,253})$/;
const hostFieldPattern = /^(?:\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d{0,5})?$/;

export const largestFieldName = 256;
export const largestFieldValue = 65_536;
export const largestTarget = 65_536;
export const largestReason = 1_024;
export const mostFields = 1_000;

/** RFC 9110 §5.6.2 token, non-empty. */
export const isToken = (text: string): boolean => matches(tokenPattern, text);
export const isFieldName = (text: string): boolean => text.length <= largestFieldName && matches(tokenPattern, text);
/** RFC 9110 §5.5 field-value without leading or trailing white space; no CR, LF, NUL or other controls but HTAB. */
export const isFieldValue = (text: string): boolean =>
  text.length <= largestFieldValue && matches(valuePattern, text) && !matches(paddedPattern, text);
export const isMethod = (text: string): boolean => text.length <= 64 && matches(tokenPattern, text);
/** Status an addon may give its own response. */
export const isOwnStatus = (status: unknown): status is number => typeof status === "number" && isInteger(status) && status >= 200 && status <= 599;
export const isReason = (text: string): boolean => text.length <= largestReason && matches(valuePattern, text);
/** Origin-form (`/…`) or `*`; no white space, no control characters, no fragment. */
export const isPath = (text: string): boolean => text.length <= largestTarget && (text === "*" || (text[0] === "/" && matches(targetPattern, text)));
/** Host name, IPv4, IPv6 with or without brackets; no port, no userinfo. */
export const isHost = (text: string): boolean => matches(hostPattern, text);
/** Value of a Host field: a host with an optional port (RFC 9110 §7.2). */
export const isHostField = (text: string): boolean => matches(hostFieldPattern, text);
export const isPort = (port: unknown): port is number => typeof port === "number" && isInteger(port) && port >= 1 && port <= 65_535;

/** Fields that say how bytes are framed or belong to one connection; addons never set them (events.md §1.9, RFC 9110 §7.6.1). */
export const hostOwnedFields: ReadonlySet<string> = new Set([
  "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade",
]);

/** Fields whose values are withheld without a grant (sandbox.md §3). */
export const sensitiveFields = ["authorization", "proxy-authorization", "cookie", "set-cookie"] as const;
export type SensitiveField = (typeof sensitiveFields)[number];
/** What stands in the copy in place of a withheld value. */
export const withheldValue = "[withheld]";
