// More imports that leave the addon's folder: through links, packages that are not what they seem, and the bundler's own conveniences.
import type { AttackCase } from "../attack-case.ts";

type Extra = Pick<AttackCase, "files" | "links">;

function bundling(name: string, wants: string, source: string, extra: Extra = {}, ends: AttackCase["ends"] = "refused"): AttackCase {
  return { name, category: "bundling", wants, wall: "bundler", source: `${source}\nexport function request() {}\n`, ends, ...extra };
}

export const moreBundlingCases: readonly AttackCase[] = [
  bundling("symlink-file", "a file outside through a link", `import x from "./link.json"; console.log(x);`, { links: { "link.json": "/etc/hostname" } }),
  bundling("symlink-folder", "a folder outside through a link", `import x from "./out/hostname"; console.log(x);`, { links: { out: "/etc" } }),
  bundling("symlink-module", "a package outside through a link", `import x from "linked"; console.log(x);`, { links: { "node_modules-link": "/usr" }, files: { "node_modules/linked/package.json": `{"main":"../../node_modules-link/share/x.js"}` } }),
  bundling("package-main-outside", "a file outside by a package's main", `import x from "evil"; console.log(x);`, { files: { "node_modules/evil/package.json": `{"main":"../../../../../../etc/hostname"}` } }),
  bundling("package-exports-outside", "a file outside by a package's exports", `import x from "evil"; console.log(x);`, { files: { "node_modules/evil/package.json": `{"exports":"./../../../../etc/hostname"}` } }),
  bundling("package-browser-field", "a Node module by a package's browser field", `import x from "evil"; console.log(x);`, { files: { "node_modules/evil/package.json": `{"main":"a.js","browser":{"./a.js":"fs"}}`, "node_modules/evil/a.js": `module.exports = require("fs")` } }),
  bundling("imports-field", "a file outside by the imports field", `import x from "#secret"; console.log(x);`, { files: { "package.json": `{"imports":{"#secret":"/etc/hostname"}}` } }),
  bundling("tsconfig-extends", "a file outside by a tsconfig that extends", `import x from "elsewhere/x"; console.log(x);`, { files: { "tsconfig.json": `{"extends":"/etc/hostname","compilerOptions":{"baseUrl":"/","paths":{"elsewhere/*":["etc/*"]}}}` } }),
  bundling("parent-node-modules", "a package of the host", `import x from "node-forge"; console.log(x);`),
  bundling("esbuild", "the host's own bundler", `import x from "esbuild"; console.log(x);`),
  bundling("flowcell-subpath", "the host by a path below flowcell", `import x from "flowcell/runtime/main.ts"; console.log(x);`),
  bundling("flowcell-dotdot", "the host by a path out of flowcell", `import x from "flowcell/../host/main.ts"; console.log(x);`),
  bundling("http-url", "code from the network", `import x from "http://127.0.0.1:1/x.js"; console.log(x);`),
  bundling("blob-loader", "a binary file", `import x from "./x.node"; console.log(x);`, { files: { "x.node": "\u007fELF" } }),
  bundling("wasm-file", "WebAssembly by a loader", `import x from "./x.wasm"; console.log(x);`, { files: { "x.wasm": "\0asm" } }),
  bundling("css-file", "a file outside by what a style sheet imports", `import text from "./x.css"; if (text !== '@import url("/etc/hostname");') throw new Error("it was followed");`, { files: { "x.css": `@import url("/etc/hostname");` } }, "harmless"),
  bundling("query-suffix", "a file outside with a query behind it", `import x from "/etc/hostname?raw"; console.log(x);`),
  bundling("encoded-dots", "a file outside by encoded dots", `import x from "./%2e%2e/%2e%2e/etc/hostname"; console.log(x);`),
  bundling("glob-import", "many files by a pattern", "const name = String(Math.random()); const all = import(`../../${name}.ts`); console.log(all);"),
  bundling("require-variable", "a file by a computed require", `declare const require: any; const name = ["f", "s"].join(""); export const x = (() => { try { return require(name); } catch { return 0; } })();`, {}, "survived"),
  bundling("define-injection", "to end the bundle's wrapper early", "export const x = '}); globalThis.wasOutside = 1; $module(function(){';\n//# sourceMappingURL=/etc/hostname", {}, "harmless"),
  bundling("syntax-error", "to crash the compiler", `export const = ;`),
  bundling("deep-nesting", "to overflow the compiler's stack", `export const x = ${"[".repeat(20_000)}${"]".repeat(20_000)};`, {}, "survived"),
  bundling("cyclic-imports", "to loop the compiler", `import "./a.ts";`, { files: { "a.ts": `import "./b.ts";`, "b.ts": `import "./a.ts";` } }, "harmless"),
];
