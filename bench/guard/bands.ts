// Compares counts with a table of counts. Pure. Too much is a regression; far too little means that the table no longer guards.

export interface Count {
  /** Such as "instructions: decode request head". */
  readonly name: string;
  readonly value: number;
}

export interface Band {
  readonly value: number;
  /** How many times the value is still well. */
  readonly most: number;
}

export type Table = Readonly<Record<string, Band>>;

export interface Judgement {
  readonly name: string;
  readonly value: number;
  readonly expected: number | null;
  readonly verdict: "well" | "too much" | "far less" | "not in the table";
}

/** Below this part of the expected value the table is to be made anew. */
const least = 0.5;

export function judgeCounts(counts: readonly Count[], table: Table): readonly Judgement[] {
  return counts.map(({ name, value }) => {
    const band = table[name];
    if (band === undefined) return { name, value, expected: null, verdict: "not in the table" };
    const verdict = value > band.value * band.most ? "too much" : value < band.value * least ? "far less" : "well";
    return { name, value, expected: band.value, verdict };
  });
}

/** Bands around these counts: those of the table kept where there are some. */
export function tableOf(counts: readonly Count[], before: Table): Table {
  const most = (name: string): number => before[name]?.most ?? (name.startsWith("system calls") ? 1.3 : 1.25);
  return Object.fromEntries(counts.map(({ name, value }) => [name, { value: Number(value.toPrecision(4)), most: most(name) }]));
}
