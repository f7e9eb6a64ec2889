// Loads the prebuilt isolated-vm binary by its absolute path, which the host chose: `process.dlopen` needs no read permission,
// so the cell has none. It does not look for binaries.
import type ivm from "isolated-vm";

export type IsolatedVm = typeof ivm;

/** Throws when the file is no isolated-vm binary for this Node. */
export function loadIsolatedVm(path: string): IsolatedVm {
  const module: { exports: { ivm?: IsolatedVm } } = { exports: {} };
  process.dlopen(module, path);
  if (typeof module.exports.ivm?.Isolate !== "function") throw new Error(`not an isolated-vm binary: ${path}`);
  return module.exports.ivm;
}
