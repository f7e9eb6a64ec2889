// Counts durations in buckets that are at most 3 % wide, so that millions cost a few kilobytes. Pure.

const perOctave = 32;
const octaves = 32;

export class Histogram {
  readonly #counts = new Uint32Array(perOctave * octaves);
  #total = 0;
  #most = 0;

  /** Adds a duration in microseconds. */
  add(micros: number): void {
    const value = Math.max(1, micros);
    this.#most = Math.max(this.#most, value);
    const bucket = Math.min(this.#counts.length - 1, Math.floor(Math.log2(value) * perOctave));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#total++;
  }

  /** The duration below which that share (0 to 1) of all lies, in milliseconds; 0 when there are none. */
  quantileMs(share: number): number {
    let left = this.#total * share;
    for (const [bucket, count] of this.#counts.entries()) {
      left -= count;
      if (left <= 0 && this.#total > 0) return 2 ** ((bucket + 0.5) / perOctave) / 1_000;
    }
    return this.#most / 1_000;
  }

  get mostMs(): number {
    return this.#most / 1_000;
  }
}
