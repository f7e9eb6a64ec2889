// Looks for a way out: the usual constructor chains, globals of Node, files, the network. Finds an empty room.
export function request(): void {
  const found: string[] = [];
  const global = globalThis as unknown as Record<string, unknown>;
  for (const name of ["process", "require", "module", "Deno", "Bun", "WebAssembly", "SharedArrayBuffer", "XMLHttpRequest"]) {
    if (typeof global[name] !== "undefined") found.push(name);
  }
  throw new Error(found.length === 0 ? "nothing found" : `found ${found.join(", ")}`);
}
