// Builds dist/, which is what `npm pack` ships: the host as a few bundled files and its declarations, the runtime as one file, the
// guest as the one script that an isolate runs, and the module that answers when "flowcell" is imported outside the sandbox.
// Nothing in the repository itself runs from dist, and it does not look at tests.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type BuildOptions } from "esbuild";
import { guestBuildOptions, guestEntry, guestPartBuildOptions, guestParts, hostBuildOptions, hostEntries, hostExternals, joinGuest, runtimeBuildOptions, runtimeEntry } from "../sandbox-api/schema/own-builds.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const inRoot = (path: string): string => join(root, path);

function compile(project: string): void {
  const { status } = spawnSync(process.execPath, [inRoot("node_modules/typescript/bin/tsc"), "-p", inRoot(project)], { stdio: "inherit" });
  if (status === 0) return;
  console.error(`build: tsc -p ${project} failed; its errors are above`);
  process.exit(1);
}

/** The names of the values, not types, that an addon can import. */
async function exportedNames(entry: string): Promise<readonly string[]> {
  const { metafile } = await build({ entryPoints: [entry], bundle: true, write: false, metafile: true, format: "esm", outdir: "unused", logLevel: "error" });
  return Object.values(metafile.outputs).flatMap((output) => output.exports);
}

/** A module with every name of the real one, or linking would fail before it can say why it is the wrong one. */
function outsideModule(names: readonly string[]): string {
  const message =
    'The module "flowcell" exists only inside the sandbox: its types are for writing addons, its values for running them. ' +
    "Run the addon with `flowcell run FILE`, or import types alone (`import type { HTTPFlow } from \"flowcell\"`).";
  const exported = names.filter((name) => name !== "default").map((name) => `export let ${name};\n`);
  return `// Takes the place of "flowcell" wherever an addon is not in the sandbox. Made by the build.\nthrow new Error(${JSON.stringify(message)});\n${exported.join("")}`;
}

async function bundle(entry: string, outfile: string, options: BuildOptions): Promise<void> {
  await build({ ...options, entryPoints: [inRoot(entry)], outfile: inRoot(outfile), logLevel: "warning" });
}

/** The guest with its parts, as one file. */
async function bundleGuest(outfile: string): Promise<void> {
  const common = { absWorkingDir: root, write: false, logLevel: "warning" } as const;
  const main = await build({ ...guestBuildOptions, ...common, entryPoints: [guestEntry] });
  const parts = await build({ ...guestPartBuildOptions, ...common, entryPoints: guestParts });
  const script = main.outputFiles[0]?.text ?? "";
  mkdirSync(inRoot("dist/sandbox-api/guest"), { recursive: true });
  writeFileSync(inRoot(outfile), joinGuest(script, new Map(parts.outputFiles.map(({ path, text }) => [basename(path, ".js"), text]))));
}

rmSync(inRoot("dist"), { recursive: true, force: true });
compile("tsconfig.build.json");
compile("sandbox-api/tsconfig.build.json");
await build({ ...hostBuildOptions, external: [...hostExternals], absWorkingDir: root, outdir: inRoot("dist/host"), entryPoints: { ...hostEntries, "launch": "host/launch.ts", "testing/index": "host/testing/index.ts" }, logLevel: "warning" });
chmodSync(inRoot("dist/host/launch.js"), 0o755);
// The compiler leaves declarations that are sources where they are; authors name them in "types".
writeFileSync(inRoot("dist/sandbox-api/globals.d.ts"), readFileSync(inRoot("sandbox-api/globals.d.ts"), "utf8").replaceAll(/(import\("\.[^"]*)\.ts"\)/g, '$1.js")'));
const names = await exportedNames(inRoot("sandbox-api/index.ts"));
writeFileSync(inRoot("dist/sandbox-api/outside.js"), outsideModule(names));
// host/addons/own-code.ts finds both.
await bundleGuest("dist/sandbox-api/guest/guest.txt");
await bundle(runtimeEntry, "dist/runtime/main.cjs", runtimeBuildOptions);
