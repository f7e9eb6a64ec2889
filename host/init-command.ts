// `flowcell init`: a new folder with an addon that runs, its types, and a test that passes. Writes into that folder only, never over
// anything, asks no registry and installs nothing: where "flowcell" is not found from there, a stand-in that points to this installation.
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Writable } from "node:stream";
import { OperatorError } from "./operator-error.ts";
import { isPublished, ownRoot } from "./own-place.ts";

export interface InitWords {
  /** The folder to make; its last part is the addon's name. */
  readonly folder: string;
  /** How a person calls this program. */
  readonly command: string;
  readonly version: string;
}

const nameSyntax = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;

/** Runs the command; gives the exit code. Throws an OperatorError when the folder cannot be made or holds something. */
export async function runInit({ folder: given, command, version }: InitWords, output: Writable): Promise<number> {
  const folder = path.resolve(given);
  const name = path.basename(folder);
  if (!nameSyntax.test(name)) throw new OperatorError("ERR_USAGE", `"${name}" is no name for an addon; take a letter, then letters, digits, and . _ -`);
  await makeFolder(folder, given);
  const hasLink = isFoundFrom(folder);
  const files = { ...addonFiles(name), ...(hasLink ? {} : standIn(version)) };
  for (const [file, text] of Object.entries(files)) {
    const full = path.join(folder, file);
    await mkdir(path.dirname(full), { recursive: true });
    // "wx": what appeared meanwhile is not written over.
    await writeFile(full, text, { flag: "wx" });
  }
  const shown = path.relative(process.cwd(), folder) || ".";
  output.write([
    `${shown} is ready: index.ts is the addon, index.test.ts its test`, "", `  ${command} run ${shown}`, `  ${command} check ${shown}`, `  ${command} run --options ${shown}`, `  cd ${shown} && node --test`, "  npx tsc -p . checks its types, where TypeScript is installed", "",
  ].join("\n"));
  return 0;
}

async function makeFolder(folder: string, given: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    if ((await readdir(folder)).length === 0) return;
  } catch (error) {
    throw new OperatorError("ERR_INIT", `${given} cannot be made: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  throw new OperatorError("ERR_INIT", `${given} is there already and not empty; nothing was written: give another name`);
}

/** Whether tests in the folder find "flowcell/testing" as it is. */
function isFoundFrom(folder: string): boolean {
  try {
    createRequire(path.join(folder, "index.js")).resolve("flowcell/testing");
    return true;
  } catch {
    return false; // Not found, or the repository itself, where nothing is built.
  }
}

const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

function addonFiles(name: string): { readonly [file: string]: string } {
  const header = `x-${name.toLowerCase()}`;
  return {
    "index.ts": `// Adds a header to every response. Run it: flowcell run ${name} --set word=hi
import type { HTTPFlow, Manifest, OptionsOf } from "flowcell";

export const manifest = {
  name: "${name}", version: "0.1.0", description: "adds a header to every response",
  permissions: { read: ["response"], write: ["response"] },
  options: { word: { type: "string", default: "hello", help: "what the header says" } },
} satisfies Manifest;

let word = "";

export function configure(options: OptionsOf<typeof manifest>): void {
  word = options.word;
}

export function response(flow: HTTPFlow): void {
  flow.response?.headers.set("${header}", word);
}
`,
    "index.test.ts": `import assert from "node:assert/strict";
import { after, test } from "node:test";
import { loadAddon, makeResponseFlow } from "flowcell/testing";

const addon = await loadAddon(new URL(".", import.meta.url), { options: { word: "hi" } });
after(() => addon.close());

test("responses get the header", async () => {
  const flow = await addon.response(makeResponseFlow({ url: "https://example.com/", response: { body: "hello" } }));
  assert.equal(flow.response?.headers.get("${header}"), "hi");
  assert.equal(flow.response?.text, "hello");
});
`,
    "package.json": json({ name: name.toLowerCase(), version: "0.1.0", private: true, type: "module", main: "index.ts", scripts: { test: "node --test", types: "tsc -p ." } }),
    "tsconfig.json": json({
      compilerOptions: {
        target: "ES2024", lib: ["ES2024"], module: "ESNext", moduleResolution: "Bundler", types: ["flowcell/globals"], strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true,
        noEmit: true, allowImportingTsExtensions: true, erasableSyntaxOnly: true, verbatimModuleSyntax: true, isolatedModules: true, skipLibCheck: true,
      },
      include: ["**/*.ts"], exclude: ["node_modules", "**/*.test.ts"],
    }),
    ".gitignore": "node_modules/\n",
  };
}

/** A package "flowcell" whose modules are those of this installation. */
function standIn(version: string): { readonly [file: string]: string } {
  const base = path.join(ownRoot, isPublished ? "dist" : "");
  const [code, types] = isPublished ? [".js", ".js"] : [".ts", ".ts"];
  const quoted = (...parts: readonly string[]): string => JSON.stringify(path.join(base, ...parts).replaceAll("\\", "/"));
  const testing = ["host", "testing", `index${code}`];
  return {
    "node_modules/flowcell/package.json": json({
      name: "flowcell", version, private: true, type: "module", description: "stands for the Flowcell that made this folder",
      exports: { ".": { types: "./index.d.ts", default: "./index.js" }, "./testing": { types: "./testing.d.ts", default: "./testing.js" }, "./globals": { types: "./globals.d.ts" } },
    }),
    "node_modules/flowcell/index.d.ts": `export * from ${quoted("sandbox-api", `index${types}`)};\n`,
    "node_modules/flowcell/index.js": 'throw new Error("The module \\"flowcell\\" exists only inside the sandbox; tests load the addon by loadAddon of flowcell/testing.");\nexport let Headers, Response, ctx, flowfilter, layers;\n',
    "node_modules/flowcell/globals.d.ts": `/// <reference path=${quoted("sandbox-api", "globals.d.ts")} />\n`,
    "node_modules/flowcell/testing.d.ts": `export * from ${quoted(...testing)};\n`,
    "node_modules/flowcell/testing.js": `export * from ${JSON.stringify(pathToFileURL(path.join(base, ...testing)).href)};\n`,
  };
}
