// The law checker, against small files that each break one law, and files that look as if they did. It also holds the
// repository itself to the laws, so that `npm test` alone is enough to notice.
import test from "ava";
import { checkLaws, readRepository, type Violation } from "../../.ci/laws.ts";
import { functionsOf, importsOf, readSource } from "../../.ci/source-text.ts";

const root = new URL("../..", import.meta.url).pathname;
const lawsBroken = (path: string, body: string, opening = "// What it is for.\n"): readonly Violation["law"][] =>
  checkLaws([{ path, text: opening + body }]).map(({ law }) => law);

const forbidden: readonly (readonly [path: string, body: string])[] = [
  ["sandbox-api/schema/http.ts", 'import { frame } from "../wire/frame.ts";'],
  ["sandbox-api/schema/http.ts", 'import { isIP } from "node:net";'],
  ["sandbox-api/wire/frame.ts", 'import { Buffer } from "node:buffer";'],
  ["sandbox-api/wire/frame.ts", 'import "../guest/main.ts";'],
  ["sandbox-api/guest/main.ts", 'import type { Frame } from "../wire/frame.ts";'],
  ["sandbox-api/guest/main.ts", 'import type { Server } from "node:net";'],
  ["sandbox-api/index.ts", 'export * from "../host/host.ts";'],
  ["host/net/dial.ts", 'import { run } from "../../runtime/main.ts";'],
  ["host/cells/link.ts", 'import type { Dispatch } from "../../sandbox-api/guest/dispatch.ts";'],
  ["host/net/dial.ts", 'import type { Flow } from "../flows/flow.ts";'],
  ["host/net/dial.ts", 'export { authority } from "../tls/authority.ts";'],
  ["host/tls/leaf.ts", 'import { dial } from "../net/dial.ts";'],
  ["host/flows/merge.ts", 'import type { Pipeline } from "../addons/pipeline.ts";'],
  ["host/flows/merge.ts", 'import { upload } from "../exchange/upload.ts";'],
  ["host/http/h1-decoder.ts", 'import type { Flow } from "../flows/flow.ts";'],
  ["host/exchange/upload.ts", 'const layer = await import("../layers/tcp.ts");'],
  ["host/exchange/upload.ts", 'type Gate = import("../addons/pipeline.ts").Gate;'],
  ["host/layers/tls.ts", 'import { pipeline } from "../addons/pipeline.ts";'],
  ["host/layers/tls.ts", 'const cells = require("../cells/link.ts");'],
  ["host/layers/tls.ts", 'const cells = require.resolve(`../cells/link.ts`);'],
  ["host/layers/tls.ts", 'const cells = import.meta.resolve("../cells/link.ts");'],
  ["host/cells/link.ts", 'import { registry } from "../addons/registry.ts";'],
  ["host/services/storage.ts", 'import { link } from "../cells/link.ts";'],
  ["host/addons/pipeline.ts", 'import { tls } from "../layers/tls.ts";'],
  ["host/addons/pipeline.ts", 'import type { Config } from "../config.ts";'],
  ["host/host.ts", 'import { main } from "./main.ts";'],
  ["runtime/link.ts", 'import type { Log } from "../host/log.ts";'],
  ["runtime/link.ts", 'import { draft } from "../sandbox-api/guest/draft.ts";'],
  ["runtime/link.ts", "const code = await import(name);"],
  ["host/net/dial.ts", "const code = await import(`./${name}.ts`);"],
  ["host/net/dial.ts", 'const code = await import("./a" + ".ts");'],
  ["addons/add-header/index.ts", 'import { Response } from "../../sandbox-api/index.ts";'],
  ["addons/add-header/index.ts", 'import { readFileSync } from "node:fs";'],
  ["addons/add-header/index.ts", 'import { other } from "../block-hosts/index.ts";'],
  ["addons/add-header.ts", 'import { other } from "./block-hosts.ts";'],
  [".ci/laws.ts", 'import { makeLog } from "../host/log.ts";'],
];

for (const [path, body] of forbidden) {
  test(`import law: ${path} may not say ${body}`, (t) => t.deepEqual(lawsBroken(path, body), ["import"]));
}

const allowed: readonly (readonly [path: string, body: string])[] = [
  ["sandbox-api/wire/frame.ts", 'import { limits } from "../schema/limits.ts";\nimport { encode } from "./value-codec.ts";'],
  ["sandbox-api/guest/main.ts", 'import { EVENTS } from "../schema/events.ts";\nimport { URL } from "whatwg-url";'],
  ["host/net/dial.ts", 'import { connect } from "node:net";\nimport type { Log } from "../log.ts";'],
  ["host/layers/http1.ts", 'import type { Gate } from "../flows/gate.ts";\nimport { upload } from "../exchange/upload.ts";'],
  ["host/addons/pipeline.ts", 'import { link } from "../cells/link.ts";\nimport { merge } from "../flows/merge.ts";'],
  ["host/addons/bundle.ts", 'import { build } from "esbuild";'],
  ["host/cli.ts", 'import yargs from "yargs";\nimport { hideBin } from "yargs/helpers";'],
  ["host/tls/der.ts", 'import forge from "node-forge";'],
  ["host/main.ts", 'const { cli } = await import("./cli.ts");'],
  ["runtime/isolate/create.ts", 'import ivm from "isolated-vm";\nimport { frame } from "../../sandbox-api/wire/frame.ts";'],
  ["addons/add-header/index.ts", 'import { name } from "./name.ts";\nimport type { HTTPFlow } from "flowcell";'],
  ["addons/hostile/escape.ts", 'import "node:child_process";'],
  ["test/host/net/dial.test.ts", 'import { pipeline } from "../../../host/addons/pipeline.ts";\nimport fc from "fast-check";'],
  ["host/net/dial.ts", '// import "../tls/leaf.ts"\n/* require("../tls/leaf.ts") */\nconst text = \'import "../tls/leaf.ts"\';\nconst other = `from "../tls/leaf.ts"`;'],
  ["host/net/dial.ts", 'const quote = /["\'`]/;\nimport { connect } from "node:net"; // "'],
];

for (const [path, body] of allowed) {
  test(`import law: ${path} may say ${body}`, (t) => t.deepEqual(checkLaws([{ path, text: `// What it is for.\n${body}` }]), []));
}

const owned: readonly (readonly [path: string, body: string])[] = [
  ["runtime/link.ts", 'import ivm from "isolated-vm";'],
  ["host/cells/spawn.ts", 'import type { Isolate } from "isolated-vm";'],
  ["host/http/exchange.ts", 'import forge from "node-forge";'],
  ["host/cells/spawn.ts", 'import { build } from "esbuild";'],
  ["host/config.ts", 'import yargs from "yargs/yargs";'],
  ["host/net/dial.ts", 'import { connect } from "net";'],
  ["host/net/dial.ts", 'import { debounce } from "lodash";'],
];

for (const [path, body] of owned) {
  test(`package law: ${path} may not say ${body}`, (t) => t.deepEqual(lawsBroken(path, body), ["package"]));
}

const styles: readonly (readonly [law: Violation["law"], path: string, body: string])[] = [
  ["coverage", "plugins/thing.ts", ""],
  ["coverage", "thing.ts", ""],
  ["coverage", "host/rooms/thing.ts", ""],
  ["coverage", "host/thing.ts", ""],
  ["name", "host/net/dialHelper.ts", ""],
  ["name", "host/net/Dial.ts", ""],
  ["any", "host/net/dial.ts", "const x: any = 1;"],
  ["any", "host/net/dial.ts", "const x = y as any;"],
  ["any", "host/net/dial.ts", "function f(a: string, ...rest: any[]) {}"],
  ["any", "host/net/dial.ts", "type M = Map<string, any>;"],
  ["any", "host/net/dial.ts", "const x = y as unknown as Socket;"],
  ["state", "host/net/dial.ts", "let count = 0;"],
  ["state", "host/net/dial.ts", "export let count = 0;"],
  ["silence", "test/x.test.ts", "// @ts-ignore\n"],
  ["todo", "host/net/dial.ts", "// TODO\n"],
  ["todo", "host/net/dial.ts", "// FIXME later\n"],
  ["length", "host/net/dial.ts", "//\n".repeat(500)],
  ["length", "host/net/dial.ts", `function f() {\n${"  g();\n".repeat(80)}}`],
  ["length", "host/net/dial.ts", `const f = async (a: string): Promise<void> => {\n${"  g();\n".repeat(80)}};`],
  ["length", "host/net/dial.ts", `class A {\n  m(a: { b: string }): { c: string } {\n${"  g();\n".repeat(80)}}\n}`],
];

for (const [law, path, body] of styles) {
  test(`style law "${law}": ${path} ${JSON.stringify(body.slice(0, 60))}`, (t) => t.deepEqual(lawsBroken(path, body), [law]));
}

const styleKept: readonly string[] = [
  "const signal = AbortSignal.any([a, b]);",
  "const mode = { any: true };\ninterface Auth { readonly any?: boolean }",
  'const text = "any"; // any\n',
  "function f() {\n  let count = 0;\n  return count;\n}",
  "// TODO(12): wait until HTTP/2 upstreams exist\n",
  `const table = {\n${"  a: 1,\n".repeat(100)}};`,
  `function f() {\n${"  g();\n".repeat(78)}}`,
  `${"function f() {\n  g();\n}\n".repeat(40)}`,
];

for (const body of styleKept) {
  test(`style kept: ${JSON.stringify(body.slice(0, 60))}`, (t) => t.deepEqual(lawsBroken("host/net/dial.ts", body), []));
}

test("a file that does not open with a comment is reported", (t) => {
  t.deepEqual(lawsBroken("host/net/dial.ts", "const a = 1;", ""), ["opening"]);
  t.deepEqual(lawsBroken("host/main.ts", "// The entry.\n", "#!/usr/bin/env node\n"), []);
});

test("a long file is a warning before it is an error", (t) => {
  const [violation, ...rest] = checkLaws([{ path: "host/net/dial.ts", text: "//\n".repeat(301) }]);
  t.like(violation, { law: "length", isWarning: true });
  t.deepEqual(rest, []);
});

test("a violation names the file, the line and what is wrong", (t) => {
  const [violation] = checkLaws([{ path: "runtime/link.ts", text: '// What it is for.\n\nimport ivm from "isolated-vm";\n' }]);
  t.deepEqual(violation, { path: "runtime/link.ts", line: 3, law: "package", message: '"isolated-vm" may be imported only by runtime/isolate/' });
});

test("code inside a template is code, the text around it is not", (t) => {
  const text = 'const a = `from "x" ${await import("y")} } ${`{${"z"}`} from "w"`;\nimport("v");';
  t.deepEqual(importsOf(text, readSource(text)).map(({ specifier }) => specifier), ["y", "v"]);
});

test("blanking keeps every position", (t) => {
  for (const { text } of readRepository(root)) {
    const { code } = readSource(text);
    t.is(code.length, text.length);
    t.deepEqual([...code.matchAll(/\n/g)].map(({ index }) => index), [...text.matchAll(/\n/g)].map(({ index }) => index));
  }
});

test("functions are measured, blocks, classes and objects are not", (t) => {
  const lines = (text: string): readonly number[] => functionsOf(readSource(text)).map((span) => span.lines);
  t.deepEqual(lines("if (a) {\n\n}\nconst o = f({\n\n});\nfor await (const x of y()) {\n}\nclass A extends mixin(B) {\n}"), []);
  t.deepEqual(lines("const o = a(b) ? c : {\n};\nswitch (a) {\n  case f(b): {\n  }\n}"), []);
  t.deepEqual(lines("const g = x => {\n};"), [2]);
  t.deepEqual(lines("async function h(a = () => 1): Promise<() => void> {\n\n}"), [3]);
  t.deepEqual(lines("function h(a: { b: string }): { c: string } | Promise<{ d: 1 }> {\n}"), [2]);
  t.deepEqual(lines("function outer() {\n  return [].map((x) => {\n  });\n}\nclass A {\n  m(): void {\n  }\n}"), [4, 2, 2]);
});

test("the repository keeps its laws", (t) => {
  const broken = checkLaws(readRepository(root)).filter(({ isWarning }) => isWarning !== true);
  t.deepEqual(broken.map(({ path, line, message }) => `${path}:${line}: ${message}`), []);
});
