// Takes the place of the package tr46 (UTS #46) in the part "url": plain ASCII domains need none of its 240 KB of tables, so those
// are the part "idna", loaded by the first domain that does. What the answer is does not depend on it.
import type { Tr46Options } from "tr46";

const needsTables = /[^\0-\x7f]|xn--/i;

/** As tr46's: null when that is no domain. ASCII labels are only lower-cased, unless they are Punycode. */
export function toASCII(domain: string, options?: Tr46Options): string | null {
  const { exec, toLowerCase } = $kernel.intrinsics;
  if (exec(needsTables, domain) === null) return toLowerCase(domain);
  return idna().toASCII(domain, options);
}

export const toUnicode: typeof import("tr46").toUnicode = (domain, options) => idna().toUnicode(domain, options);

const idna = (): typeof import("tr46") => $kernel.part("idna") as typeof import("tr46");
