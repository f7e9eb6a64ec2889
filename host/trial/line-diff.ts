// What differs between two lists of lines: the fewest lines that go and come (longest common subsequence), with some of what is around
// them. Pure and bounded: lists that are too long to compare are shown as replaced.

export interface DiffLine {
  /** `same`: around a difference. `gap`: lines that are the same were left out; the text says how many. */
  readonly kind: "same" | "gone" | "new" | "gap";
  readonly text: string;
}

/** LIMIT: cells of the table that is compared. */
const mostCells = 4_000_000;

/** The lines of both in order. Empty: they are the same. `around`: lines of context. */
export function diffLines(before: readonly string[], after: readonly string[], around = 2): readonly DiffLine[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  while (end < before.length - start && end < after.length - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  const [gone, come] = [before.slice(start, before.length - end), after.slice(start, after.length - end)];
  if (gone.length === 0 && come.length === 0) return [];
  const same = (texts: readonly string[]): readonly DiffLine[] => texts.map((text) => ({ kind: "same", text }));
  return withoutFarLines([...same(before.slice(0, start)), ...middle(gone, come), ...same(before.slice(before.length - end))], around);
}

function middle(before: readonly string[], after: readonly string[]): readonly DiffLine[] {
  const gone = (text: string): DiffLine => ({ kind: "gone", text });
  const come = (text: string): DiffLine => ({ kind: "new", text });
  if (before.length * after.length > mostCells) return [...before.map(gone), ...after.map(come)];
  const table = lengths(before, after);
  const width = after.length + 1;
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [left, right] = [before[i], after[j]];
    if (left !== undefined && left === right) { lines.push({ kind: "same", text: left }); i++; j++; }
    else if (left !== undefined && (right === undefined || (table[(i + 1) * width + j] ?? 0) >= (table[i * width + j + 1] ?? 0))) { lines.push(gone(left)); i++; }
    else { lines.push(come(right ?? "")); j++; }
  }
  return lines;
}

/** For each pair of ends the length of what they have in common. */
function lengths(before: readonly string[], after: readonly string[]): Uint32Array {
  const width = after.length + 1;
  const table = new Uint32Array((before.length + 1) * width);
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      table[i * width + j] = before[i] === after[j] ? (table[(i + 1) * width + j + 1] ?? 0) + 1 : Math.max(table[(i + 1) * width + j] ?? 0, table[i * width + j + 1] ?? 0);
    }
  }
  return table;
}

function withoutFarLines(lines: readonly DiffLine[], around: number): readonly DiffLine[] {
  const isNear = lines.map(() => false);
  for (const [at, { kind }] of lines.entries()) if (kind !== "same") for (let near = Math.max(0, at - around); near <= Math.min(lines.length - 1, at + around); near++) isNear[near] = true;
  const shown: DiffLine[] = [];
  let hidden = 0;
  const close = (): void => { if (hidden > 0) shown.push({ kind: "gap", text: `${hidden} ${hidden === 1 ? "line" : "lines"}` }); hidden = 0; };
  for (const [at, line] of lines.entries()) {
    if (isNear[at] !== true) { hidden++; continue; }
    close();
    shown.push(line);
  }
  close();
  return shown;
}
