// The compiler's wall: what an addon may be made of, what it may not reach, and what its author reads about it.
import test, { type ExecutionContext } from "ava";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { runInNewContext } from "node:vm";
import { bundleAddon, type BundleResult } from "../../../host/addons/bundle.ts";
import { bundleGuest } from "../../../host/addons/own-code.ts";
import { BundleSourceMap } from "../../../host/addons/source-map.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const limit = 1_000_000;
const root = temporaryFolder("bundle");

/** Writes files (a path ending in "@" is a symbolic link to the text) and gives the folder. */
function folder(name: string, files: { readonly [path: string]: string }): string {
  const base = join(root, name);
  mkdirSync(base, { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    const full = join(base, path.replace(/@$/, ""));
    mkdirSync(dirname(full), { recursive: true });
    if (path.endsWith("@")) symlinkSync(text, full);
    else writeFileSync(full, text);
  }
  return base;
}

const messageOf = (result: BundleResult): string => (result.kind === "error" ? result.message : "");

/** Runs a bundle as a cell would and gives its exports. */
function run(t: ExecutionContext, result: BundleResult): { readonly [name: string]: unknown } {
  if (result.kind === "error") return t.fail(result.message) as never;
  const module = { exports: {} };
  const $module = (body: (exports: object, module: object, require: (name: string) => object) => void): void => body(module.exports, module, (name) => ({ name }));
  runInNewContext(result.bundle.source.toString("latin1"), { $module });
  return module.exports;
}

folder("outside", { "secret.ts": "export const secret = 1;", "secret.json": "{}" });

test("TypeScript, own files, JSON, own packages and flowcell become one ASCII script", async (t) => {
  const path = folder("good", {
    "index.ts": `import { Response } from "flowcell";\nimport { a } from "./lib/a";\nimport data from "./data.json";\nimport dep from "dep";\nimport scoped from "@scope/dep";\nexport const all: string = [a, data.x, dep, scoped, "\u00e9\u20ac\u{1f600}", /\u00e9/.test("\u00e9"), typeof Response].join();\n`,
    "lib/a.ts": "export const a = 1 as number;", "data.json": '{"x": 2}',
    "node_modules/dep/package.json": '{"main": "main.js"}', "node_modules/dep/main.js": "module.exports = 3;",
    "node_modules/@scope/dep/package.json": '{"type": "module", "exports": {".": {"import": "./m.mjs"}}}', "node_modules/@scope/dep/m.mjs": "export default 4;",
    "tsconfig.json": '{"compilerOptions": {"paths": {"./lib/a": ["../outside/secret.ts"]}, "baseUrl": "."}}',
  });
  const result = await bundleAddon(path, limit);
  t.is(run(t, result)["all"], "1,2,3,4,\u00e9\u20ac\u{1f600},true,undefined");
  if (result.kind !== "bundle") return;
  t.regex(result.bundle.source.toString("latin1"), /^\$module\(function \(exports, module, require\) \{\n[\0-\x7f]*\}\);\n$/);
  t.deepEqual(result.inputs.map((input) => input.slice(path.length + 1)).sort(), ["data.json", "index.ts", "lib/a.ts", "node_modules/@scope/dep/m.mjs", "node_modules/dep/main.js"]);
  t.is(result.bundle.hash.length, 64);
});

test("data files are imported as text or bytes, just as they are, and count for the bundle's limit", async (t) => {
  const path = folder("data", {
    "index.ts": 'import page from "./page.html";\nimport bytes from "./small.bin";\nexport const text = page;\nexport const numbers = Array.from(bytes);\nexport const isBytes = bytes instanceof Uint8Array;',
    "page.html": "<p>\u20ac ${x} `\n//# sourceMappingURL=evil.map</p>",
  });
  writeFileSync(join(path, "small.bin"), Buffer.from([0, 255, 128, 10]));
  const exported = run(t, await bundleAddon(path, limit));
  t.is(exported["text"], "<p>\u20ac ${x} `\n//# sourceMappingURL=evil.map</p>");
  t.deepEqual([...(exported["numbers"] as number[])], [0, 255, 128, 10]);
  writeFileSync(join(path, "small.bin"), Buffer.alloc(limit));
  t.is((await bundleAddon(path, limit)).kind, "error");
});

for (const [name, files] of Object.entries({
  "a file": { "one.ts": "export const x = 1;" }, "a module file": { "one.mjs": "export const x = 1;" },
  "package.json with a byte order mark": { "package.json": '\ufeff{"main": "src/addon.ts"}', "src/addon.ts": "export const x = 1;" },
  "package.json main": { "package.json": '{"main": "src/addon.ts"}', "src/addon.ts": "export const x = 1;" }, "index.js": { "index.js": "exports.x = 1;" },
})) {
  test(`the entry can be ${name}`, async (t) => {
    const base = folder(`entry-${name.replace(/\W/g, "-")}`, files);
    t.is(run(t, await bundleAddon("one.ts" in files ? join(base, "one.ts") : "one.mjs" in files ? join(base, "one.mjs") : base, limit))["x"], 1);
  });
}

const walls: readonly (readonly [name: string, files: { readonly [path: string]: string }, message: RegExp])[] = [
  ["dots", { "index.ts": 'import "../outside/secret";' }, /^.*\/index\.ts:1:8: import "\.\.\/outside\/secret" leaves the addon's folder/],
  ["dots-in-require", { "index.js": 'require("../outside/secret.ts");' }, /leaves the addon's folder/],
  ["dynamic", { "index.ts": 'export const p = import("../outside/secret.ts");' }, /leaves the addon's folder/],
  ["re-export", { "index.ts": 'export * from "../outside/secret.ts";' }, /leaves the addon's folder/],
  ["absolute", { "index.ts": `import "${root}/outside/secret.ts";` }, /an absolute path leaves the addon's folder/],
  ["symlink-file", { "index.ts": 'import "./link";', "link.ts@": "../outside/secret.ts" }, /import "\.\/link" leaves the addon's folder/],
  ["symlink-folder", { "index.ts": 'import "./link/secret";', "link@": "../outside" }, /leaves the addon's folder/],
  ["symlink-package", { "index.ts": 'import "dep/secret.ts";', "node_modules/dep@": "../../outside" }, /leaves the addon's folder/],
  ["node-module", { "index.ts": 'import fs from "node:fs"; fs;' }, /import "node:fs": Node's modules do not exist in the sandbox/],
  ["bare-node-module", { "index.ts": 'import "child_process";' }, /import "child_process": Node's modules/],
  ["url", { "index.ts": 'import "https://example.com/x.js";' }, /cannot import by URL/],
  ["data-url", { "index.ts": 'import "data:text/javascript,1";' }, /cannot import by URL/],
  ["file-url", { "index.ts": `import "file://${root}/outside/secret.ts";` }, /cannot import by URL/],
  ["text-outside", { "index.ts": 'import t from "../outside/secret.txt"; t;', "a.txt": "" }, /leaves the addon's folder|no such file/],
  ["text-symlink", { "index.ts": 'import t from "./notes.txt"; t;', "notes.txt@": "../outside/secret.json" }, /leaves the addon's folder/],
  ["other-file", { "index.ts": 'import t from "./notes.exe"; t;', "notes.exe": "x" }, /files of type "\.exe" cannot be imported; only .*\.html/],
  ["wasm", { "index.ts": 'import "./x.wasm";', "x.wasm": "" }, /files of type "\.wasm"/],
  ["attribute", { "index.ts": 'import t from "./x.ts" with { type: "text" }; t;', "x.ts": "" }, /import attribute type: "text" is not supported/],
  ["package-imports", { "index.ts": 'import "#x";', "package.json": '{"main": "index.ts", "imports": {"#x": "../outside/secret.ts"}}' }, /"imports" does not lead to a file/],
  ["paths", { "index.ts": 'import "@x/secret";', "tsconfig.json": '{"compilerOptions": {"paths": {"@x/*": ["../outside/*"]}}}' }, /no such package; install it/],
  ["missing-file", { "index.ts": 'import "./nope";' }, /there is no such file/],
  ["missing-package", { "index.ts": 'import "lodash-of-mine";' }, /no such package; install it in the addon's own node_modules/],
  ["main-outside", { "package.json": '{"main": "../outside/secret.ts"}' }, /"main" in package\.json leaves the addon's folder/],
  ["main-broken", { "package.json": '{"main": ' }, /main-broken: package\.json is no JSON: /],
  ["main-missing", { "package.json": '{"main": "gone.ts"}' }, /names "gone\.ts" as "main", but there is no such file/],
  ["no-entry", { "readme.md": "" }, /has no index\.ts or index\.js/],
  ["syntax", { "index.ts": "const a = 1;\nconst b: = 2;\n" }, /^.*\/index\.ts:2:10: Unexpected "="\n {4}const b: = 2;\n {13}\^$/],
];
for (const [name, files, message] of walls) {
  test(`refused: ${name}`, async (t) => {
    const result = await bundleAddon(folder(`wall-${name}`, files), limit);
    t.is(result.kind, "error");
    t.regex(messageOf(result), message);
    t.true(result.inputs.length > 0);
  });
}

test("packages of the folders above are outside", async (t) => {
  folder("above", { "node_modules/upper/index.js": "module.exports = 1;" });
  t.regex(messageOf(await bundleAddon(folder("above/inner", { "index.ts": 'import "upper";' }), limit)), /import "upper" leaves the addon's folder/);
});

const readsThis = "const self = (function () { return this; })(); const frozen = Object.freeze({ a: 1 }); let write = 'silent'; try { frozen.a = 2; } catch { write = 'throws'; }";
const manners: readonly (readonly [name: string, isStrict: boolean, files: { readonly [path: string]: string }])[] = [
  ["typescript", true, { "index.ts": `${readsThis} export const found = [self === undefined, write];` }],
  ["with-packages-and-data", true, { "index.ts": `import "./lib.mjs"; import data from "./d.json"; import text from "./t.txt"; void [data, text]; ${readsThis} export const found = [self === undefined, write];`, "lib.mjs": "export const b = 1;", "d.json": "{}", "t.txt": "x" }],
  ["javascript", true, { "index.js": `${readsThis} export const found = [self === undefined, write];` }],
  ["commonjs", false, { "index.js": `${readsThis} exports.found = [self === undefined, write];` }],
  ["commonjs-that-is-strict", true, { "index.js": `"use strict"; ${readsThis} exports.found = [self === undefined, write];` }],
  ["a-package-of-commonjs", false, { "index.ts": `import dep from "dep"; void dep; ${readsThis} export const found = [self === undefined, write];`, "node_modules/dep/package.json": "{}", "node_modules/dep/index.js": "var octal = 010; undeclared = octal; module.exports = octal;" }],
];
for (const [name, isStrict, files] of manners) {
  test(`code is ${isStrict ? "strict" : "as it was"}: ${name}`, async (t) => {
    t.deepEqual([...(run(t, await bundleAddon(folder(`manner-${name}`, files), limit))["found"] as unknown[])], isStrict ? [true, "throws"] : [false, "silent"]);
  });
}

test("an input's own source map is not followed", async (t) => {
  const result = await bundleAddon(folder("map", { "index.js": "exports.x = 1;\n//# sourceMappingURL=../outside/secret.json\n" }), limit);
  t.is(run(t, result)["x"], 1);
  t.false(JSON.stringify(result).includes("secret.json\""));
});

test("too large, not there, no addon", async (t) => {
  t.regex(messageOf(await bundleAddon(folder("large", { "index.js": `exports.x = "${"y".repeat(2_000)}";` }), 2_000)), /at most 2000 are allowed \(limit bundleBytes\)/);
  t.regex(messageOf(await bundleAddon(join(root, "nowhere.ts"), limit)), /^there is no addon at /);
  t.regex(messageOf(await bundleAddon(join(folder("odd", { "x.txt": "" }), "x.txt"), limit)), /is no addon: it must be/);
});

test("stack traces lead to the source, line and column, and to its code", async (t) => {
  const result = await bundleAddon(folder("stack", { "index.ts": 'import { deep } from "./deep";\ninterface A { x: number }\n\nexport function request(a: A) {\n  return deep(a.x);\n}\n', "deep.ts": "export type T = 1;\n\n\nexport const deep = (x: number): never => {\n    throw new Error(`deep ${x}`);\n};\n" }), limit);
  if (result.kind === "error") return t.fail(result.message);
  const { bundle } = result;
  const lines = bundle.source.toString("latin1").split("\n");
  const at = (needle: string): string => { const line = lines.findIndex((text) => text.includes(needle)); return `${bundle.file}:${line + 1}:${(lines[line] ?? "").indexOf(needle) + 1}`; };
  const map = new BundleSourceMap(bundle.sourceMap, bundle.file);
  const { stack, place } = map.mapStack(`Error: deep 1\n    at deep (${at("throw new Error")})\n    at request (${at("return deep")})\n    at nowhere (${bundle.file}:1:5)\n    at native`);
  t.is(stack, "Error: deep 1\n    at deep (deep.ts:5:5)\n    at request (index.ts:5:3)\n    at nowhere (index.bundle.js:1:5)\n    at native");
  t.deepEqual(place, { location: "deep.ts:5:5", codeLine: "throw new Error(`deep ${x}`);", caret: 0 });
  t.is(map.place(999_999, 1), null);
});

test("the guest is one ASCII script", async (t) => {
  t.regex((await bundleGuest()).toString("latin1"), /^[\0-\x7f]+$/);
});
