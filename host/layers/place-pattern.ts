// Patterns of --ignore-hosts, --allow-hosts and --tcp-hosts: regular expressions that are searched for in "host:port", as in mitmproxy.
// WALL: hosts are chosen by clients, so the search takes time that grows with the host alone; look-around and back-references, which
// cannot be searched for so, are refused.
import { compilePattern } from "../../sandbox-api/schema/pattern.ts";

/** Matches a "host:port". */
export interface PlacePattern { test(place: string): boolean }

/** Reads one; upper and lower case are the same. A text is the sentence why it is none. */
export function readPlacePattern(source: string): PlacePattern | string {
  const pattern = compilePattern(source);
  if ("message" in pattern) {
    const advice = /\(\?[=!<]/.test(source) ? ' (in place of "all but these", --allow-hosts says which ones are not left alone)' : "";
    return `not a regular expression that is taken here: ${pattern.message}, at character ${pattern.at + 1}${advice}`;
  }
  return { test: (place) => pattern.isIn(place, { steps: Number.POSITIVE_INFINITY }) };
}
