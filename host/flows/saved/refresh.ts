// Makes a recorded response look as if it were given now: dates and the expiry of cookies are moved by the time that has passed. Pure.
import type { SavedField } from "./saved-flow.ts";

const dateFields: ReadonlySet<string> = new Set(["date", "expires", "last-modified"]);

/** The fields with their times moved; what is no time stays. */
export function refreshed(headers: readonly SavedField[], bySeconds: number): readonly SavedField[] {
  return headers.map(([name, value]): SavedField => {
    const lower = name.toLowerCase();
    if (dateFields.has(lower)) return [name, moved(value, bySeconds)];
    return lower === "set-cookie" ? [name, value.replace(/(;\s*expires=)([^;]*)/gi, (_, before: string, date: string) => before + moved(date, bySeconds))] : [name, value];
  });
}

/** HTTP dates (RFC 9110 §5.6.7), and what browsers take for one. */
function moved(text: string, bySeconds: number): string {
  const time = Date.parse(text.trim());
  const date = new Date(time + bySeconds * 1_000);
  return /\d{2}:\d{2}/.test(text) && Number.isFinite(date.getTime()) ? date.toUTCString() : text;
}
