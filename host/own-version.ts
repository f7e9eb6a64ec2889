// The version of this program, from its package.json.
import { readFileSync } from "node:fs";
import path from "node:path";

/** package.json stands above `host/` in the sources and above `dist/host/` when published. */
export function ownVersion(): string {
  for (const up of ["..", "../.."]) {
    try {
      const parsed: unknown = JSON.parse(readFileSync(path.join(import.meta.dirname, up, "package.json"), "utf8"));
      if (typeof parsed === "object" && parsed !== null && "name" in parsed && parsed.name === "flowcell" && "version" in parsed) return String(parsed.version);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    }
  }
  return "unknown";
}
