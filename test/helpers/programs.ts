// Programs that are not npm's and that some tests need as clients, servers or witnesses (curl, openssl, nginx, …).
// On a user's machine a test without its program is skipped, with a line that says what to install; in CI it fails, so that
// nothing is skipped unnoticed. It installs nothing: `.ci/run` does.
import { spawnSync } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

// Debian keeps servers where an ordinary user's PATH does not look.
const systemFolders = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** What of a test's execution context is needed here. */
export interface Witness {
  log(...values: unknown[]): void;
  pass(): unknown;
  fail(message?: string): unknown;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    // Missing, or not ours to run: either way not a program for us.
    return false;
  }
}

/** The absolute path of a program, by PATH and then the folders where Debian keeps servers; undefined when it is not there. */
export function findProgram(name: string, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const folders = [...(environment["PATH"] ?? "").split(delimiter).filter((folder) => folder !== ""), ...systemFolders];
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

/**
 * The absolute path of `name`, or undefined, in which case the test must return at once: it has then been passed with the
 * log line "skipped: install PACKAGE", or, when CI=true, failed. Use: `const curl = requireProgram(t, "curl", "curl"); if (curl === undefined) return;`
 */
export function requireProgram(
  t: Witness,
  name: string,
  debianPackage: string,
  environment: NodeJS.ProcessEnv = process.env,
): string | undefined {
  const found = findProgram(name, environment);
  return found ?? miss(t, name, debianPackage, environment);
}

/** As `requireProgram`, for a Python that has a module: the one on the path, or the system's. */
export function requirePython(t: Witness, module: string, debianPackage: string, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const pythons = [findProgram("python3", environment), "/usr/bin/python3"].filter((python) => python !== undefined);
  const found = pythons.find((python) => spawnSync(python, ["-c", `import ${module}`], { stdio: "ignore" }).status === 0);
  return found ?? miss(t, `python3's ${module}`, debianPackage, environment);
}

function miss(t: Witness, name: string, debianPackage: string, environment: NodeJS.ProcessEnv): undefined {
  if (environment["CI"] === "true") {
    t.fail(`${name} is missing; .ci/run must install the Debian package ${debianPackage}`);
  } else {
    t.log(`skipped: install ${debianPackage} (for ${name})`);
    t.pass();
  }
  return undefined;
}
