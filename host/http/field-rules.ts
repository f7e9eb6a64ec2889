// Which bytes may stand where in an HTTP/1 head (RFC 9110 §5.5–5.6, RFC 9112 §3), as one class table for
// the byte scanner and as checks on strings for everyone else.
// Strings here are latin1: each character is one byte. It does not know any field by name.

/** tchar of RFC 9110 §5.6.2: what names, methods and tokens are made of. */
export const TOKEN = 1;
/** What a field value or a reason phrase may hold: HTAB, SP, VCHAR and obs-text. */
export const VALUE = 2;
/** What a request-target may hold: VCHAR without "#", and obs-text (leniency `obs-text-in-target`). */
export const TARGET = 4;

const TOKEN_PUNCTUATION = "!#$%&'*+-.^_`|~";

function classOf(byte: number): number {
  const isControl = byte < 0x20 || byte === 0x7f;
  const character = String.fromCharCode(byte);
  let bits = 0;
  if (byte < 0x80 && (/[0-9A-Za-z]/.test(character) || TOKEN_PUNCTUATION.includes(character))) bits |= TOKEN;
  if (!isControl || byte === 0x09) bits |= VALUE;
  if (!isControl && byte !== 0x20 && character !== "#") bits |= TARGET;
  return bits;
}

/** The bits TOKEN, VALUE and TARGET for each of the 256 bytes. Never written after this module ran. */
export const byteClasses: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => classOf(byte));

/**
 * True for a field value or reason phrase that may be sent: HTAB, SP, printable ASCII and bytes 0x80–0xff; empty is
 * fine. CR, LF, NUL, every other control and characters beyond one byte are not.
 */
export function isSendableValue(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text);
}

/**
 * True for a token (RFC 9110 §5.6.2). PERF: as `isToken` of the schema, which guests share and which therefore cannot call `test`: `exec` makes a
 * list for each match.
 */
export function isTokenText(text: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text);
}

/** True for a request-target that may be sent: no space, no control, not empty. Says nothing of its form. */
export function isSendableTarget(text: string): boolean {
  return /^[\x21-\x7e\x80-\xff]+$/.test(text);
}

/** True for a Host value or authority: an empty one, or name or address with an optional port; no "/", "@", "?", "\" or spaces. */
export function isHostValue(text: string): boolean {
  return /^(?:\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d{0,5})?$/.test(text);
}

/** The value without the spaces and tabs around it, as any recipient reads it (RFC 9110 §5.5). */
export function trimWhitespace(value: string): string {
  if (!isBlank(value.charCodeAt(0)) && !isBlank(value.charCodeAt(value.length - 1))) return value;
  return value.replace(/^[ \t]+/, "").replace(/[ \t]+$/, "");
}

/** A space or a tab. */
export function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
