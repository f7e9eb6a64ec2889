// Who changed what on one flow, with before and after and the CPU time it took: kept for logs, the operator and tests.
// Bounded per flow; values are cut, so a history never holds a body.

export interface HistoryEntry {
  readonly addon: string;
  readonly event: string;
  /** Change addresses with short renderings of the value before and after. */
  readonly changes: readonly { readonly address: string; readonly before: string; readonly after: string }[];
  readonly cpuMicros: number;
  /** Fault code when the call failed (then `changes` is empty). */
  readonly failed: string | null;
}

export const mostHistoryEntries = 200;
export const largestHistoryValue = 200;

/** Cuts a value to what a history may hold. */
export function historyValue(value: string): string {
  return value.length <= largestHistoryValue ? value : `${value.slice(0, largestHistoryValue)}… (${value.length} chars)`;
}

/** Appends unless the history is full; the last place says that more was left out. */
export function addHistory(history: HistoryEntry[], entry: HistoryEntry): void {
  if (history.length < mostHistoryEntries - 1) history.push(entry);
  else if (history.length === mostHistoryEntries - 1) history.push({ addon: "flowcell", event: entry.event, changes: [{ address: "history", before: "", after: "further entries left out" }], cpuMicros: 0, failed: null });
}
