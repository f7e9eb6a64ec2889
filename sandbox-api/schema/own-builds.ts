// How Flowcell's own code for cells is built, as plain data for whoever may call the bundler: the guest, one script without imports
// or exports, ASCII only, its parts, likewise, and the runtime, one CommonJS file; for the oldest Node we run on. It builds nothing itself.

/** Where the guest begins, relative to the folder that holds `sandbox-api`. */
export const guestEntry = "sandbox-api/guest/main.ts";

/** esbuild options; add `entryPoints: [guestEntry]`, `absWorkingDir` and `write: false`. The result is one file. */
export const guestBuildOptions = {
  bundle: true,
  format: "iife",
  platform: "neutral",
  target: "node24",
  charset: "ascii",
  minify: true,
  legalComments: "none",
  treeShaking: true,
  sourcemap: false,
} as const;

/**
 * Parts of the guest: globals that are loaded into an isolate when its addon first touches one of them. Each is a script that calls
 * `$keep(function ($kernel) { … })` and knows the guest by `$kernel` alone (guest/kernel.ts).
 */
export const guestParts = {
  url: "sandbox-api/guest/parts/url.ts",
  idna: "sandbox-api/guest/parts/idna.ts",
  encoding: "sandbox-api/guest/parts/encoding.ts",
  multibyte: "sandbox-api/guest/parts/multibyte.ts",
  events: "sandbox-api/guest/parts/events.ts",
  clone: "sandbox-api/guest/parts/clone.ts",
  blob: "sandbox-api/guest/parts/blob.ts",
  fetch: "sandbox-api/guest/parts/fetch.ts",
  compression: "sandbox-api/guest/parts/compression.ts",
  crypto: "sandbox-api/guest/parts/crypto.ts",
  inspect: "sandbox-api/guest/parts/console-format.ts",
  urlpattern: "sandbox-api/guest/parts/urlpattern.ts",
  streams: "sandbox-api/guest/parts/streams.ts",
} as const;
export type GuestPart = keyof typeof guestParts;
export const isGuestPart = (name: unknown): name is GuestPart => typeof name === "string" && Object.hasOwn(guestParts, name);

/** esbuild options for all parts at once; add `entryPoints: guestParts` likewise. The results are one module for each, by name, for `joinGuest`. */
export const guestPartBuildOptions = {
  ...guestBuildOptions,
  format: "esm" as const,
  outdir: "parts",
  mainFields: ["module", "main"],
  // The pure ones of @exodus/bytes: there is nothing native to be found here.
  conditions: ["react-native"],
  // Libraries get the guest's own codec, whatever an addon made of the globals.
  define: { TextEncoder: "$kernel.Utf8Encoder", TextDecoder: "$kernel.Utf8Decoder", globalThis: "$kernel.global", AbortController: "$kernel.AbortController", DOMException: "$kernel.DOMException", URL: "$kernel.URL", SharedArrayBuffer: "$kernel.NoSharedBuffer" },
  // Big tables are parts of their own.
  alias: { tr46: "./sandbox-api/guest/parts/tr46-on-demand.ts", "tr46-tables": "tr46", "@exodus/bytes/encoding.js": "@exodus/bytes/encoding-lite.js" },
};

/** The guest as it is sent to a cell: one ASCII text, main script first, then name and script of each part. `parts` are modules. */
export function joinGuest(main: string, parts: ReadonlyMap<string, string>): string {
  return [main, ...[...parts].flatMap(([name, module]) => [name, partScript(name, module)])].join("\0");
}

/**
 * The script of a part. WALL 1: what it exports is handed over in an object literal, which calls no built-in; the bundler's own way for
 * scripts is Object.defineProperty, at a moment when an addon may have replaced that. Strict, libraries too: no frame is anybody's `caller`.
 */
function partScript(name: string, module: string): string {
  const [, body, list] = /^([^]*)\bexport\{([\w$, ]+)\};\s*$/.exec(module) ?? [];
  if (body === undefined || list === undefined) throw new Error(`the part "${name}" exports nothing that can be read`);
  const members = list.split(",").map((item) => {
    const [inner = "", outer = inner] = item.trim().split(" as ");
    return `${outer}:${inner}`;
  });
  return `$keep(function($kernel){"use strict";${body}return{__proto__:null,${members.join()}}});`;
}

export interface GuestScripts { readonly main: string; readonly parts: ReadonlyMap<string, string> }

/** Takes apart what `joinGuest` made. */
export function splitGuest(text: string): GuestScripts {
  const [main = "", ...rest] = text.split("\0");
  const parts = new Map<string, string>();
  for (let at = 0; at + 1 < rest.length; at += 2) parts.set(rest[at] ?? "", rest[at + 1] ?? "");
  return { main, parts };
}

/** Where a cell's own code begins, relative to the folder that holds `runtime`. */
export const runtimeEntry = "runtime/main.ts";

/** esbuild options for one file that a cell is started from (decision 0006). */
export const runtimeBuildOptions = {
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node24",
  charset: "ascii",
  minify: true,
  legalComments: "none",
} as const;

/** Where the host begins: the program, a worker process, a worker thread. `launch` and `testing/index` are entries of the published package beside them. */
export const hostEntries = { "main": "host/main.ts", "worker": "host/workers/worker.ts", "bcrypt-worker": "host/access/bcrypt-worker.ts" } as const;

/** Packages that are not bundled: one has a program of its own, the other reads files beside it. */
export const hostExternals = ["esbuild", "yargs"] as const;

/** esbuild options for the host; add `external: [...hostExternals]`, `entryPoints`, `absWorkingDir` and `outdir`. What is loaded when needed stays in files of its own, and all lie in one folder. Nothing is renamed, and source maps lie beside. */
export const hostBuildOptions = {
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node24",
  chunkNames: "chunk-[hash]",
  sourcemap: true,
  sourcesContent: false,
  legalComments: "none",
  // CommonJS packages ask for Node's modules by it.
  banner: { js: 'import { createRequire as $createRequire } from "node:module"; const require = $createRequire(import.meta.url);' },
} as const;
