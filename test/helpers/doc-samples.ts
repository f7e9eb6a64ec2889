// Code samples of the documentation: every block of README.md and docs/*.md (indented by four, or fenced), with its place, its
// title and what it is. Reads Markdown as the house writes it, no other; runs nothing.
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { projectRoot } from "./flowcell.ts";

/**
 * `addon`: a module for an isolate, whole. `test`: a test of an author. `shell`: commands, of which at least one is ours. `json`: a
 * file. `fragment`: marked by `<!-- fragment -->` right above it. `other`: output, and commands of other programs.
 */
export type SampleKind = "addon" | "test" | "shell" | "json" | "fragment" | "other";

export interface Sample {
  readonly kind: SampleKind;
  /** `docs/cookbook.md`. */
  readonly page: string;
  /** Of its first line, from 1. */
  readonly line: number;
  /** The nearest heading above it. */
  readonly title: string;
  readonly text: string;
}

/** A line of a page, or a part of one. */
export interface Passage { readonly page: string; readonly line: number; readonly text: string }

const fragmentMark = "<!-- fragment -->";
const pages = ["README.md", ...globSync("docs/*.md", { cwd: projectRoot }).toSorted()].map((page) => page.replaceAll(path.sep, "/"));
const linesOf = (page: string): readonly string[] => readFileSync(path.join(projectRoot, page), "utf8").split("\n");

/** All samples, in order. */
export const samples: readonly Sample[] = pages.flatMap((page) => samplesOf(page, linesOf(page)));

/** All command lines that begin with `flowcell`; in a sentence those with words behind the command's name. */
export const commands: readonly Passage[] = [
  ...samples.flatMap(({ kind, page, line, text }) => (kind !== "shell" ? [] : text.split("\n").flatMap((each, at) => ourCommands(each).map((command) => ({ page, line: line + at, text: command }))))),
  ...pages.flatMap((page) => linesOf(page).flatMap((text, at) => (/^ {4}/.test(text) ? [] : [...text.matchAll(/`(flowcell [^`]+)`/g)].filter(([, command = ""]) => command.split(" ").length > 2).map(([, command = ""]) => ({ page, line: at + 1, text: command.replaceAll("\\|", "|") }))))),
];

/** Where links to files of the repository lead, relative to their page; of the decisions and of other rooms' pages too. */
export const links: readonly Passage[] = [...pages, ...globSync(["docs/*/*.md", "addons/**/README.md", "*.md"], { cwd: projectRoot, exclude: ["README.md"] })].flatMap((page) => linesOf(page).flatMap((text, at) => [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, target = ""]) => ({ page, line: at + 1, text: target }))));

/** The samples of one page, given its lines. */
export function samplesOf(page: string, lines: readonly string[]): readonly Sample[] {
  const found: Sample[] = [];
  let title = "";
  for (let at = 0; at < lines.length;) {
    const line = lines[at] ?? "";
    title = /^#+ (.*)$/.exec(line)?.[1] ?? title;
    const end = line.startsWith("```") ? endOfFence(lines, at) : endOfIndented(lines, at);
    if (end > at) {
      const isFenced = line.startsWith("```");
      const text = lines.slice(isFenced ? at + 1 : at, isFenced ? end - 1 : end).map((each) => (isFenced ? each : each.slice(4))).join("\n").trimEnd();
      const isMarked = lines.slice(Math.max(0, at - 2), at).includes(fragmentMark);
      found.push({ kind: isMarked ? "fragment" : kindOf(text), page, line: at + (isFenced ? 2 : 1), title, text });
    }
    at = Math.max(end, at + 1);
  }
  return found;
}

function endOfFence(lines: readonly string[], from: number): number {
  const close = lines.findIndex((line, at) => at > from && line.startsWith("```"));
  return close < 0 ? lines.length : close + 1;
}

function endOfIndented(lines: readonly string[], from: number): number {
  let end = from;
  if (!/^ {4}/.test(lines[from] ?? "")) return end;
  for (let at = from; at < lines.length; at++) {
    if (/^ {4} *\S/.test(lines[at] ?? "")) end = at + 1;
    else if (lines[at] !== "") break;
  }
  return end;
}

function kindOf(text: string): SampleKind {
  if (text.includes('from "flowcell/testing"')) return "test";
  if (/from "flowcell"|^export |^import /m.test(text)) return "addon";
  if (/^\s*\{\s*"/.test(text)) return "json";
  return text.split("\n").some((line) => ourCommands(line).length > 0) ? "shell" : "other";
}

/** What of a line of shell is a command of ours. */
function ourCommands(line: string): readonly string[] {
  return line.split(" && ").map((each) => each.trim().replace(/^npm run flowcell -- /, "flowcell ")).filter((each) => each.startsWith("flowcell "));
}

/** A command line as a shell would split it: quotes, and `#` to the end. */
export function shellWords(text: string): readonly string[] {
  const words: string[] = [];
  for (const [word] of text.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)) {
    if (word.startsWith("#")) break;
    words.push(word.replaceAll(/'([^']*)'|"([^"]*)"/g, (_all, single?: string, double?: string) => single ?? double ?? ""));
  }
  return words;
}
