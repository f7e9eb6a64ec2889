// For messages about unknown words: the known one that was probably meant. Pure.

/** `; did you mean "x"?` for the known word that differs in at most two letters, or nothing. */
export function nearest(word: string, known: readonly string[]): string {
  const near = known.map((candidate) => ({ candidate, steps: distance(word.toLowerCase(), candidate.toLowerCase()) })).sort((a, b) => a.steps - b.steps)[0];
  return near !== undefined && near.steps <= 2 ? `; did you mean "${near.candidate}"?` : "";
}

/** Levenshtein distance of two short words; 3 where it is more than 2 anyway. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length] ?? 3;
}
