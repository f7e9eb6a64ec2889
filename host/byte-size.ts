// Sizes as operators write them: 512, 64k, 10m, 1.5g (powers of 1,024, as mitmproxy reads them). Pure.

const factors: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** In whole bytes; null: that is no size. A trailing "b" or "ib" is allowed. */
export function readByteSize(text: string): number | null {
  const [, digits, unit] = /^(\d{1,9}(?:\.\d{1,6})?)\s*([kmg]?)(?:i?b)?$/i.exec(text.trim()) ?? [];
  const factor = factors[unit?.toLowerCase() ?? "none"];
  return digits === undefined || factor === undefined ? null : Math.floor(Number(digits) * factor);
}
