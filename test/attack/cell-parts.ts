// What the arena's cells are started from when it is not the ordinary: a runtime that lies, or another Node with the binary that fits it.
// Finds and builds files; starts nothing but `node --version`.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import type { CellEntry } from "../../host/cells/binary.ts";
import { runtimeBuildOptions } from "../../sandbox-api/schema/own-builds.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

/** The runtime with lies.ts before it, as one file, since a cell may read one only. */
export async function bundleLyingRuntime(): Promise<CellEntry> {
  const file = join(temporaryFolder("liar"), "cell.cjs");
  await build({ ...runtimeBuildOptions, entryPoints: [join(import.meta.dirname, "lying-runtime.ts")], outfile: file, logLevel: "silent" });
  return { file, imports: [] };
}

/** A Node for cells, with the isolated-vm binary for it. Throws when it does not run or no binary fits. */
export function findNode(node: string): { readonly node: string; readonly binary: string } {
  const abi = execFileSync(node, ["-p", "process.versions.modules"], { encoding: "utf8" }).trim();
  const home = dirname(createRequire(import.meta.url).resolve("isolated-vm/package.json"));
  const folder = join(home, "prebuilds", `${process.platform}-${process.arch}`);
  const libc = process.platform !== "linux" ? "" : existsSync("/etc/alpine-release") ? ".musl" : ".glibc";
  const binary = join(folder, `isolated-vm.abi${abi}${libc}.node`);
  if (!existsSync(binary)) throw new Error(`isolated-vm has no prebuilt binary for ${node} (modules ABI ${abi})`);
  return { node, binary };
}
