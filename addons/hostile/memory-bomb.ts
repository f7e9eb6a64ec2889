// Eats memory until something gives. Stopped by the isolate's heap limit, or by the cap on the cell's memory.
export function request(): void {
  const hoard: number[][] = [];
  for (;;) hoard.push(new Array<number>(1e5).fill(hoard.length + 0.5));
}
