// The laws of the house that a compiler does not check: who may import whom, which folder owns which package, and the style
// that can be measured. `npm run check` runs it over the repository; a file that no rule covers is an error, so that a new
// folder gets its rule on the day it is made. It does not format, and does not judge what needs a reader.
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { functionsOf, importsOf, lineOf, readSource, type SourceText } from "./source-text.ts";

export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly law: "import" | "package" | "coverage" | "name" | "opening" | "length" | "any" | "silence" | "state" | "todo";
  readonly message: string;
  /** A warning is printed and forgiven. */
  readonly isWarning?: true;
}

interface ImportRule {
  /** Paths this rule covers; the first rule that matches a file is its only one. */
  readonly from: string;
  /** Paths, as prefixes, of what may be imported; "node:" for Node's modules, "npm" for packages (see PACKAGES). */
  readonly may: readonly string[] | "anything";
  /** It imports what it found when it ran: itself, bundled. */
  readonly mayCompute?: true;
}

const contract = ["sandbox-api/schema/", "sandbox-api/wire/"];
// Values and types so plain that any room of the host may hold them.
const ground = ["host/own-place.ts", "host/file-stamp.ts", "host/log.ts", "host/invariant.ts", "host/operator-error.ts", "host/log-format.ts", "host/byte-size.ts", "host/read-memory.ts", "host/heap-rest.ts", "host/heap-room.ts"];
const host = [...contract, ...ground, "node:", "npm"];
const traffic = ["host/exchange/", "host/flows/", "host/http/", "host/websocket/", "host/tls/", "host/net/"];
const rooms = [...traffic, "host/access/", "host/layers/", "host/addons/", "host/cells/", "host/services/"];

/** Who may import whom. Inside `host` arrows go down: layers → exchange → flows → http; docs/architecture.md has the same table. */
const IMPORTS: readonly ImportRule[] = [
  { from: "sandbox-api/schema/", may: ["sandbox-api/schema/"] },
  { from: "sandbox-api/wire/", may: contract },
  { from: "sandbox-api/", may: ["sandbox-api/schema/", "sandbox-api/guest/", "sandbox-api/index.ts", "npm"] },
  { from: "runtime/", may: [...contract, "runtime/", "node:", "npm"] },
  { from: "host/net/", may: [...host, "host/net/", "host/flows/connection.ts"] },
  { from: "host/tls/", may: [...host, "host/tls/"] },
  { from: "host/http/", may: [...host, "host/http/"] },
  { from: "host/websocket/", may: [...host, "host/websocket/", "host/http/", "host/net/"] },
  { from: "host/flows/", may: [...host, "host/flows/", "host/http/"] },
  { from: "host/exchange/", may: [...host, ...traffic] },
  { from: "host/access/", may: [...host, "host/access/"] },
  { from: "host/layers/", may: [...host, ...traffic, "host/access/", "host/layers/"] },
  { from: "host/cells/", may: [...host, "host/cells/"] },
  { from: "host/services/", may: [...host, "host/services/"] },
  { from: "host/addons/own-host.ts", may: [...host, "host/own-bundle.ts"] },
  { from: "host/addons/", may: [...host, "host/addons/", "host/cells/", "host/flows/", "host/http/", "host/services/"] },
  { from: "host/trial/", may: [...host, "host/trial/", "host/addons/", "host/cells/", "host/flows/", "host/http/", "host/services/"] },
  // What authors' tests import as "flowcell/testing".
  { from: "host/testing/", may: [...host, "host/testing/", "host/trial/", "host/addons/", "host/cells/", "host/flows/", "host/http/", "host/services/"] },
  { from: "host/own-place.ts", may: ["node:"] },
  { from: "host/file-stamp.ts", may: ["node:"] },
  { from: "host/heap-rest.ts", may: ["node:"] },
  { from: "host/heap-room.ts", may: ["node:"] },
  ...ground.map((from) => ({ from, may: [...contract, ...ground] })),
  // The files at the top of host know every room; main knows them all and is known by launch alone.
  { from: "host/launch.ts", may: ["host/main.ts", "host/own-bundle.ts", "node:"], mayCompute: true },
  { from: "host/cells-ahead.ts", may: [...host, "host/addons/own-code.ts", "host/cells/", "host/config.ts"] },
  { from: "host/main.ts", may: [...host, "host/"] },
  { from: "host/own-bundle.ts", may: ["host/own-place.ts", "host/file-stamp.ts", "node:"] },
  { from: "host/cli.ts", may: [...host, "host/config.ts", "host/plain-words.ts"] },
  { from: "host/plain-words.ts", may: ["node:", "npm"] },
  { from: "host/config-recorded.ts", may: [...host, "host/flows/saved/server-replay.ts"] },
  { from: "host/config-traffic.ts", may: [...host, "host/access/", "host/layers/mode.ts", "host/layers/place-pattern.ts", "host/tls/host-names.ts"] },
  { from: "host/config.ts", may: [...host, "host/config-traffic.ts", "host/config-recorded.ts"] },
  // One proxy out of several processes: composes what host.ts composes, and host.ts itself.
  { from: "host/workers/", may: [...host, ...rooms, "host/workers/", "host/host.ts", "host/cells-ahead.ts", "host/config.ts"] },
  { from: "host/host.ts", may: [...host, ...rooms, "host/cells-ahead.ts", "host/config.ts"] },
  { from: "host/ca-command.ts", may: [...host, "host/tls/", "host/cli.ts", "host/config.ts", "host/config-recorded.ts"] },
  { from: "host/check-command.ts", may: [...host, "host/addons/", "host/cells/", "host/config.ts"] },
  { from: "host/inspect-command.ts", may: [...host, "host/addons/", "host/cells/", "host/flows/", "host/config.ts"] },
  { from: "host/test-command.ts", may: [...host, "host/trial/", "host/addons/", "host/flows/", "host/config.ts"] },
  { from: "host/init-command.ts", may: host },
  { from: "host/options-command.ts", may: [...host, "host/addons/", "host/cells/", "host/config.ts"] },
  { from: "addons/hostile/", may: "anything" },
  { from: "test/", may: "anything" },
  { from: "bench/", may: "anything" },
  // The tables become the documentation.
  { from: ".ci/", may: [".ci/", ...contract, "node:", "npm"] },
];

/** Which paths, as prefixes, may import an npm package. A package that is not listed may be imported by tests and benches only. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "isolated-vm": ["runtime/isolate/"],
  "node-forge": ["host/tls/"],
  esbuild: ["host/addons/", ".ci/build"],
  ws: ["host/websocket/"],
  bcryptjs: ["host/access/"],
  yargs: ["host/cli", "host/plain-words"],
  "whatwg-url": ["sandbox-api/guest/"],
  tr46: ["sandbox-api/guest/"],
  "tr46-tables": ["sandbox-api/guest/"],
  "@exodus/bytes": ["sandbox-api/guest/"],
  "web-streams-polyfill": ["sandbox-api/guest/"],
  "urlpattern-polyfill": ["sandbox-api/guest/"],
};

const LENGTH = { fileLines: 500, fileLinesWarned: 300, functionLines: 80 } as const;

type Report = (law: Violation["law"], at: number, message: string, isWarning?: true) => void;

const isProduct = (path: string): boolean => /^(host|runtime|sandbox-api)\//.test(path);
const packageOf = (specifier: string): string => specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");

/** A shipped addon may import what a stranger could: files of its own folder (or nothing, when it is one file) and "flowcell". */
const addonRule = (path: string): ImportRule => ({ from: path, may: path.split("/").length > 2 ? [`${path.split("/", 2).join("/")}/`, "flowcell"] : ["flowcell"] });

function ruleFor(path: string): ImportRule | undefined {
  const rule = IMPORTS.find(({ from }) => path.startsWith(from));
  return rule ?? (path.startsWith("addons/") ? addonRule(path) : undefined);
}

function checkPackage(path: string, name: string, at: number, report: Report): void {
  const owners = PACKAGES[name];
  if (owners === undefined) report("package", at, `no rule covers the package "${name}"; add it to PACKAGES in .ci/laws.ts, or Node's modules need "node:"`);
  else if (!owners.some((owner) => path.startsWith(owner))) report("package", at, `"${name}" may be imported only by ${owners.join(", ")}`);
}

function checkImport(path: string, may: readonly string[], specifier: string | undefined, at: number, report: Report): void {
  if (specifier === undefined) return report("import", at, "an import must name its module in a literal, so that this law can read it");
  const isFile = /^(\.|\/|file:|data:)/.test(specifier);
  const target = isFile ? normalize(join(dirname(path), specifier)).replaceAll("\\", "/") : specifier;
  if (may.some((allowed) => (allowed.endsWith("/") || allowed.endsWith(":") ? target.startsWith(allowed) : target === allowed))) return;
  if (!isFile && !specifier.startsWith("node:") && may.includes("npm")) return checkPackage(path, packageOf(specifier), at, report);
  report("import", at, `${path} may not import ${target}; allowed: ${may.join(" ") || "nothing"}`);
}

function checkImports({ path, text }: SourceFile, source: SourceText, report: Report): void {
  const rule = ruleFor(path);
  if (rule === undefined) return report("coverage", 0, "no rule covers this file; add one to IMPORTS in .ci/laws.ts");
  const { may, mayCompute = false } = rule;
  if (may === "anything") return;
  for (const { specifier, at } of importsOf(text, source)) if (specifier !== undefined || !mayCompute) checkImport(path, may, specifier, at, report);
}

function checkLength({ text }: SourceFile, source: SourceText, report: Report): void {
  const lines = text.replace(/\n$/, "").split("\n").length;
  if (lines > LENGTH.fileLines) report("length", 0, `${lines} lines; ${LENGTH.fileLines} are the most`);
  else if (lines > LENGTH.fileLinesWarned) report("length", 0, `${lines} lines; ${LENGTH.fileLinesWarned} should be enough`, true);
  for (const span of functionsOf(source)) {
    if (span.lines > LENGTH.functionLines) report("length", span.at, `a function of ${span.lines} lines; ${LENGTH.functionLines} are the most`);
  }
}

function checkStyle({ path, text }: SourceFile, { code, comments }: SourceText, report: Report): void {
  if (!path.split("/").every((part) => /^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*$/.test(part))) report("name", 0, "files and folders are named in kebab-case");
  if (!/^(#![^\n]*\n)?\/[/*]/.test(text)) report("opening", 0, "a file opens with a comment: what it is for, and what it will not do");
  for (const { index } of code.matchAll(/(?<![.\w$])any\b(?!\s*(\??:|\())/g)) report("any", index, "`any` switches the compiler off; say `unknown` and check");
  for (const { index } of code.matchAll(/\bas\s+unknown\s+as\b/g)) if (isProduct(path)) report("any", index, "`as unknown as` switches the compiler off; check instead");
  for (const { index } of code.matchAll(/^(?:export\s+)?(?:let|var)\s/gm)) if (isProduct(path)) report("state", index, "module-level mutable state; give it an owner");
  for (const comment of comments) {
    if (/@ts-(ignore|nocheck)/.test(comment.text)) report("silence", comment.at, "the compiler is silenced; use @ts-expect-error in a test, or fix it");
    if (/\b(TODO|FIXME)\b(?!(\([^)]+\))?: \S[^]{9})/.test(comment.text)) report("todo", comment.at, "a TODO needs a reason: `TODO(issue): why it waits`");
  }
}

/** Every violation of the laws in these files, in their order. Pure. */
export function checkLaws(files: readonly SourceFile[]): readonly Violation[] {
  return files.flatMap((file) => {
    const source = readSource(file.text);
    const violations: Violation[] = [];
    const report: Report = (law, at, message, isWarning) =>
      void violations.push({ path: file.path, line: lineOf(file.text, at), law, message, ...(isWarning && { isWarning }) });
    checkImports(file, source, report);
    checkLength(file, source, report);
    checkStyle(file, source, report);
    return violations;
  });
}

/** The sources of the repository under `root`: what people write, not what is installed, built or a fixture. */
export function readRepository(root: string): readonly SourceFile[] {
  const skipped = /(^|\/)(node_modules|dist|fixtures|\.git|\.cache|coverage)$/;
  return globSync(["**/*.{ts,mts,cts,js,mjs,cjs,tsx,jsx}", ".ci/**/*.{ts,mts,cts,js,mjs,cjs}"], { cwd: root, exclude: (path) => skipped.test(path.replaceAll("\\", "/")) })
    .map((path) => path.replaceAll("\\", "/"))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

if (import.meta.main) {
  const files = readRepository(fileURLToPath(new URL("..", import.meta.url)));
  const violations = checkLaws(files);
  const broken = violations.filter(({ isWarning }) => isWarning !== true);
  for (const { path, line, message, law, isWarning } of violations) console.error(`${path}:${line}: ${isWarning ? "warning: " : ""}${message} [${law}]`);
  console.log(`laws: ${files.length} files, ${broken.length} broken, ${violations.length - broken.length} warnings`);
  if (broken.length > 0 || files.length === 0) process.exitCode = 1;
}
