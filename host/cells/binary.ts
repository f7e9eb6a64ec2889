// Finds what a cell is started from: Node itself, the isolated-vm binary for it, and the runtime's code. Looks at files, loads
// nothing (the host never imports isolated-vm).
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { ownRoot } from "../own-place.ts";

/** The runtime's code: the file Node starts and what else it reads. */
export interface CellEntry {
  /** Absolute path of `runtime/main.ts`, or of one bundled `.cjs` (boots in a quarter of the CPU, docs/decisions/0006). */
  readonly file: string;
  /** Absolute paths of files and folders that `file` imports; empty for a bundle. */
  readonly imports: readonly string[];
}

/** The operator can do something about it; the message says what. */
export class CellStartError extends Error {
  readonly code: "no-binary" | "no-jail" | "no-start";
  constructor(code: CellStartError["code"], message: string) {
    super(message);
    this.name = "CellStartError";
    this.code = code;
  }
}

/** The runtime as it stands in the sources. */
export const sourceEntry: CellEntry = Object.freeze({
  file: join(ownRoot, "runtime", "main.ts"),
  imports: [join(ownRoot, "runtime"), join(ownRoot, "sandbox-api", "schema"), join(ownRoot, "sandbox-api", "wire"), join(ownRoot, "package.json")],
});

/** Absolute path of the isolated-vm binary for this Node. Throws a CellStartError where there is none. */
export function findIsolatedVm(): string {
  const home = dirname(createRequire(import.meta.url).resolve("isolated-vm/package.json"));
  const { platform, arch, versions } = process;
  const libc = platform !== "linux" ? "" : existsSync("/etc/alpine-release") ? ".musl" : ".glibc";
  const candidates = [
    join(home, "build", "Release", "isolated_vm.node"),
    join(home, "out", "isolated_vm.node"),
    join(home, "prebuilds", `${platform}-${arch}`, `isolated-vm.abi${versions.modules}${libc}.node`),
  ];
  const found = candidates.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new CellStartError("no-binary", `isolated-vm has no binary for Node ${process.version} on ${platform}-${arch}; use Node 24 or 26, or run \`npm rebuild isolated-vm\` with a C++ compiler installed`);
}
