// One `.any.js` file of the web-platform-tests: what it needs, its variants, and the script that an isolate runs for it: WPT's own
// testharness.js, the helpers it names, and the file. Reads files, runs nothing.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The host that test files believe they came from; what they fetch is read from the tree. */
export const testOrigin = "http://web-platform.test";

export interface TestFile {
  /** Relative to the tree. */
  readonly path: string;
  /** At least one; "" or a query. */
  readonly variants: readonly string[];
  /** It asks for a window, a page or a service worker and for nothing that we could be. */
  readonly needsPage: boolean;
  readonly scripts: readonly string[];
}

export function readTestFile(tree: string, path: string): TestFile {
  const source = readFileSync(join(tree, path), "utf8");
  const meta = (key: string): readonly string[] => [...source.matchAll(new RegExp(`^// META: ${key}=(.*)$`, "gm"))].map(([, value]) => (value ?? "").trim());
  const globals = meta("global").flatMap((list) => list.split(","));
  const kinds = ["dedicatedworker", "worker", "jsshell", "shadowrealm", "sharedworker", "!window", "dedicatedworker-module"];
  const variants = meta("variant");
  return {
    path, variants: variants.length === 0 ? [""] : variants,
    needsPage: globals.length > 0 && !globals.some((name) => kinds.includes(name.trim())),
    scripts: meta("script").map((script) => (script.startsWith("/") ? script.slice(1) : join(dirname(path), script))),
  };
}

/** Each line of the report is one JSON list of `[name, status, message]`. */
export const reportMark = "WPT-REPORT ";
export const doneMark = "WPT-DONE ";

function prelude(path: string, variant: string): string {
  const href = `${testOrigin}/${path}${variant}`;
  return `(() => {
  const { log } = console; const { stringify } = JSON; const realFetch = fetch;
  globalThis.self ??= globalThis;
  const at = (url) => typeof url === "string" ? new URL(url, ${JSON.stringify(href)}).href : url;
  Object.defineProperty(globalThis, "fetch", { value: async (url, init) => realFetch(at(url), init), configurable: true, writable: true, enumerable: true });
  globalThis.location = { href: ${JSON.stringify(href)}, search: ${JSON.stringify(variant)}, origin: ${JSON.stringify(testOrigin)}, pathname: ${JSON.stringify(`/${path}`)}, protocol: "http:", host: "web-platform.test", hostname: "web-platform.test", port: "", hash: "" };
  // An isolate has no page whose URL relative ones start from.
  const resolving = (type) => new Proxy(type, { construct: (_, [input, ...rest], target) => Reflect.construct(type, rest.length === 0 && input === undefined ? [] : [typeof input === "string" || typeof input === "function" || input instanceof URL ? at(String(input)) : input, ...rest], target) });
  ${/Request/.test(path) || path.startsWith("fetch/") ? `{
    const { redirect } = Response; globalThis.Request = resolving(Request); Request.prototype.constructor = Request;
    Response.redirect = function (url, ...rest) { return arguments.length === 0 ? redirect.call(Response) : redirect.call(Response, at(String(url)), ...rest); };
  }` : ""}
  ${path === "encoding/encodeInto.any.js" ? "// To that test a port is a way to detach a buffer.\n  globalThis.MessageChannel = class { port1 = { postMessage: (value, transfer) => structuredClone(value, { transfer }) }; };" : ""}
  globalThis.GLOBAL = { isWindow: () => false, isWorker: () => true, isShadowRealm: () => false };
  globalThis.$report = (tests, harness) => {
    for (let from = 0; from < tests.length; from += 200) log("${reportMark}" + stringify(tests.slice(from, from + 200).map((test) => [test.name, test.status, test.message])));
    log("${doneMark}" + stringify([harness.status, harness.message]));
  };
})();`;
}

const epilogue = "add_completion_callback((tests, harness) => { const report = $report; report(tests, harness); });";

/** The script of one variant. */
export function testScript(tree: string, file: TestFile, variant: string): string {
  const read = (given: string): string => {
    // As WPT's own server rewrites it.
    const path = given === "resources/WebIDLParser.js" ? "resources/webidl2/lib/webidl2.js" : given;
    return existsSync(join(tree, path)) ? readFileSync(join(tree, path), "utf8") : `throw new Error("no such file: ${path}");`;
  };
  const harness = "setup({ explicit_timeout: true });";
  const source = read(file.path);
  // The directive counts at the beginning of a script only.
  const body = /^(?:\s|\/\/.*\n|\/\*[^]*?\*\/)*["']use strict["']/.test(source) ? `(0, eval)(${JSON.stringify(source)})` : source;
  const pieces = [prelude(file.path, variant), read("resources/testharness.js"), epilogue, harness, ...file.scripts.map(read), body];
  return `${pieces.join("\n;\n")}\n;$module(function () {});`;
}
