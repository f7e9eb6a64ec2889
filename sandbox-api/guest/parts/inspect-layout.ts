// How Node lays out the pieces of an inspected value: on one line, a line each, or, for long arrays, in columns. Text only.
import { widthOf } from "./inspect-names.ts";
import { floor, max, min } from "./intrinsics.ts";

export interface Layout { indentation: number; depth: number }
export const breakLength = 80;
/** So many levels inside a value may still stand on its line. */
const compactLevels = 3;
const { sqrt, round } = Math;

const join = (list: readonly string[], separator: string): string => {
  let text = "";
  for (let index = 0; index < list.length; index++) text += (index > 0 ? separator : "") + list[index]!;
  return text;
};
const spaces = (count: number): string => (count > 0 ? $kernel.intrinsics.repeat(" ", count) : "");

/** Pieces between braces; `prefix`: what stands before them, with the space where it belongs to the braces, as a class does; `level`: how deep this value is; `isList`: array elements, `numbers`: all of them numbers. */
export function combine(layout: Layout, pieces: readonly string[], prefix: string, braces: readonly [string, string], level: number, isList: boolean, numbers: boolean): string {
  const base = prefix === "" || prefix[prefix.length - 1] === " " ? prefix : `${prefix} `;
  const output = isList && pieces.length > 6 ? inColumns(layout, pieces, numbers) : pieces;
  if (layout.depth - level < compactLevels && output === pieces && isShort(layout, output, prefix, braces[0])) {
    const joined = join(output, ", ");
    if ($kernel.intrinsics.indexOf(joined, "\n") < 0) return `${base}${braces[0]} ${joined} ${braces[1]}`;
  }
  const line = `\n${spaces(layout.indentation)}`;
  return `${base}${braces[0]}${line}  ${join(output, `,${line}  `)}${line}${braces[1]}`;
}

function isShort({ indentation }: Layout, output: readonly string[], prefix: string, brace: string): boolean {
  let total = output.length + output.length + indentation + brace.length + prefix.length + 10;
  if (total + output.length > breakLength) return false;
  for (let index = 0; index < output.length; index++) {
    total += output[index]!.length;
    if (total > breakLength) return false;
  }
  return $kernel.intrinsics.indexOf(prefix, "\n") < 0;
}

function inColumns({ indentation }: Layout, output: readonly string[], numbers: boolean): readonly string[] {
  const hasMore = $kernel.intrinsics.slice(output[output.length - 1]!, 0, 4) === "... ";
  const count = hasMore ? output.length - 1 : output.length;
  let total = 0;
  let longest = 0;
  for (let index = 0; index < count; index++) {
    const width = widthOf(output[index]!);
    total += width + 2;
    longest = max(longest, width);
  }
  const widest = longest + 2;
  if (widest * 3 + indentation >= breakLength || !(total / widest > 5 || longest <= 6)) return output;
  const biased = max(widest - 3 - sqrt(widest - total / output.length), 1);
  const columns = min(round(sqrt(2.5 * biased * count) / biased), floor((breakLength - indentation) / widest), compactLevels * 4, 15);
  if (columns <= 1) return output;
  const rows: string[] = [];
  for (let start = 0; start < count; start += columns) {
    let row = "";
    for (let at = start; at < min(start + columns, count); at++) {
      let width = 0;
      for (let other = at - start; other < count; other += columns) width = max(width, widthOf(output[other]!));
      const isLast = at === min(start + columns, count) - 1;
      const piece = isLast ? output[at]! : `${output[at]!}, `;
      const room = spaces(width + (isLast ? 0 : 2) - widthOf(piece));
      row += numbers ? room + piece : isLast ? piece : piece + room;
    }
    $kernel.intrinsics.define(rows, rows.length, row);
  }
  if (hasMore) $kernel.intrinsics.define(rows, rows.length, output[output.length - 1]!);
  return rows;
}
