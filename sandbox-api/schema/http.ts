// Protocol legality of single HTTP values (RFC 9110 §5, RFC 9112 §3): pure predicates shared by the guest (to refuse at the
// author's line) and the host (to refuse what a tampered guest let through). Knows nothing of flows or permissions.
// All texts are byte strings: one char per byte, U+0000 to U+00FF.

const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// eslint-free: control characters are the point.
const valuePattern = /^[\t\x20-\x7e\x80-\xff]*$/;
const targetPattern = /^[\x21-\x7e\x80-\xff]+$/;
const hostPattern = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*|[!$&'()*+,;=\-._~%0-9A-Za-z\x80-\xff]{1,253})$/;

export const largestFieldName = 256;
export const largestFieldValue = 65_536;
export const largestTarget = 65_536;
export const largestReason = 1_024;
export const mostFields = 1_000;

/** RFC 9110 §5.6.2 token, non-empty. */
export const isToken = (text: string): boolean => tokenPattern.test(text);
export const isFieldName = (text: string): boolean => text.length <= largestFieldName && tokenPattern.test(text);
/** RFC 9110 §5.5 field-value without leading or trailing white space; no CR, LF, NUL or other controls but HTAB. */
export const isFieldValue = (text: string): boolean =>
  text.length <= largestFieldValue && valuePattern.test(text) && !/^[ \t]|[ \t]$/.test(text);
export const isMethod = (text: string): boolean => text.length <= 64 && tokenPattern.test(text);
/** Status an addon may give its own response. */
export const isOwnStatus = (status: unknown): status is number => typeof status === "number" && Number.isInteger(status) && status >= 200 && status <= 599;
export const isReason = (text: string): boolean => text.length <= largestReason && valuePattern.test(text);
/** Origin-form (`/…`) or `*`; no white space, no fragment rules beyond that. */
export const isPath = (text: string): boolean => text.length <= largestTarget && (text === "*" || (text.startsWith("/") && targetPattern.test(text)));
/** Host name, IPv4, IPv6 with or without brackets; no port, no userinfo. */
export const isHost = (text: string): boolean => hostPattern.test(text);
export const isPort = (port: unknown): port is number => typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65_535;

/** Fields that say how bytes are framed or belong to one connection; addons never set them (events.md §1.9, RFC 9110 §7.6.1). */
export const hostOwnedFields: ReadonlySet<string> = new Set([
  "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade",
]);

/** Fields whose values are withheld without a grant (sandbox.md §3). */
export const sensitiveFields = ["authorization", "proxy-authorization", "cookie", "set-cookie"] as const;
export type SensitiveField = (typeof sensitiveFields)[number];
/** What stands in the copy in place of a withheld value. */
export const withheldValue = "[withheld]";
