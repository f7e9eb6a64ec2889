// How long a cell may take to greet. Booting is a tenth of a second of CPU; on a machine that is busy with other things that takes much longer
// by the clock, and ending a cell that is merely starved would make it start over. Decides only; the pool looks and kills.

/** LIMIT: a cell that has not greeted is looked at this often, and ended if it has done nothing since. */
export const bootLookMs = 10_000;
/** LIMIT: so much CPU time is for no honest cell. */
const mostBootCpuMs = 10_000;
/** LIMIT: for a cell that gets next to nothing of the processor, or of which that is not known. */
const longestBootMs = 60_000;

/** What a cell that boots has used: milliseconds since it began, and CPU milliseconds now and at the last look (null: not known). */
export interface BootLook { readonly elapsedMs: number; readonly cpuMs: number | null; readonly lastCpuMs: number | null }

/** Whether it may go on until the next look. */
export function mayBootOn({ elapsedMs, cpuMs, lastCpuMs }: BootLook): boolean {
  if (elapsedMs >= longestBootMs) return false;
  return cpuMs === null || (cpuMs < mostBootCpuMs && cpuMs > (lastCpuMs ?? 0));
}
