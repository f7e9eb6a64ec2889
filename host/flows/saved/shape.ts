// Checks of JSON values from files, each with a sentence that names the place. What does not fit is thrown as a ShapeProblem, which the
// readers of this folder turn into a problem of that record; nothing else leaves here.
import { savedLimits } from "./record-limits.ts";

/** A value of a file is not what it should be. */
export class ShapeProblem extends Error {
  override readonly name = "ShapeProblem";
}

export type Plain = { readonly [key: string]: unknown };

export function plain(value: unknown, place: string): Plain {
  const found = plainOrNull(value);
  if (found === null) throw new ShapeProblem(`${place} is no object`);
  return found;
}

export function plainOrNull(value: unknown): Plain | null {
  return isPlain(value) ? value : null;
}

function isPlain(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function list(value: unknown, place: string, most: number): readonly unknown[] {
  if (!Array.isArray(value)) throw new ShapeProblem(`${place} is no list`);
  if (value.length > most) throw new ShapeProblem(`${place} has ${value.length} items, at most ${most} are read`);
  return value as readonly unknown[];
}

/** A text that passes `isGood`; without one, any text up to the limit. */
export function text(value: unknown, place: string, isGood: (text: string) => boolean = (given) => given.length <= savedLimits.textChars): string {
  if (typeof value !== "string" || !isGood(value)) throw new ShapeProblem(`${place} is no text that may stand there`);
  return value;
}

export function truth(value: unknown, place: string): boolean {
  if (typeof value !== "boolean") throw new ShapeProblem(`${place} is neither true nor false`);
  return value;
}

export function whole(value: unknown, place: string, least: number, most: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) throw new ShapeProblem(`${place} is no whole number from ${least} to ${most}`);
  return value;
}

/** Seconds since the epoch. */
export function timestamp(value: unknown, place: string): number {
  if (typeof value !== "number" || !Number.isFinite(value) || Math.abs(value) > 1e11) throw new ShapeProblem(`${place} is no time`);
  return value;
}

export function oneOf<const T extends string>(value: unknown, place: string, words: readonly T[]): T {
  const found = words.find((word) => word === value);
  if (found === undefined) throw new ShapeProblem(`${place} is none of ${words.join(", ")}`);
  return found;
}

/** `read`, unless the value is null or absent. */
export function optional<T>(value: unknown, place: string, read: (value: unknown, place: string) => T): T | null {
  return value === null || value === undefined ? null : read(value, place);
}
