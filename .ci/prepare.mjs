// Makes `npm start`, `npm test` and their like work from a fresh clone: installs the dependencies when they are missing or
// differ from package-lock.json, and does nothing (a few milliseconds) when they are in place.
// Plain JavaScript for Node 18 and later, because it runs before the pinned Node exists. It changes nothing outside
// node_modules and .cache, and never touches the lock file.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const modules = join(root, "node_modules");
const stampFile = join(modules, ".flowcell-prepared");
const lockFile = join(root, ".cache", "prepare.lock");
const pinnedNode = process.platform === "win32" ? join(modules, "node", "bin", "node.exe") : join(modules, ".bin", "node");
const waitForOtherMs = 10 * 60_000;

class PrepareError extends Error {}

// stderr, because stdout may carry the JSON log of `npm start`.
const say = (text) => process.stderr.write(`flowcell: ${text}\n`);

const packageLock = () => readFileSync(join(root, "package-lock.json"), "utf8");

/** What the stamp must hold: the lock file's hash, and the platform, since a checkout may be shared between two. */
function wantedStamp() {
  const hash = createHash("sha256").update(packageLock()).digest("hex");
  return `${hash} ${process.platform}-${process.arch}\n`;
}

function readOrNothing(file) {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

const isPrepared = () => readOrNothing(stampFile) === wantedStamp() && existsSync(pinnedNode);

/** True when somebody ran `npm install` by hand and got just what the lock file says; npm notes this when it has finished. */
function isInstalledByHand() {
  const noted = readOrNothing(join(modules, ".package-lock.json"));
  if (noted === undefined) return false;
  const present = JSON.parse(noted).packages;
  return Object.entries(JSON.parse(packageLock()).packages).every(
    ([path, wanted]) => path === "" || wanted.optional === true || present[path]?.version === wanted.version,
  );
}

/** A sentence when the pinned Node or isolated-vm's binary for it does not work; undefined when both do. */
function whatIsBroken() {
  const wanted = `v${JSON.parse(packageLock()).packages["node_modules/node"].version}`;
  const version = spawnSync(pinnedNode, ["-v"], { encoding: "utf8" });
  if (version.stdout?.trim() !== wanted) {
    const found = version.error?.message ?? (version.stderr || version.stdout).trim();
    return `the pinned Node ${wanted} does not run on ${process.platform}-${process.arch} (${found})`;
  }
  const script = `new (require("isolated-vm").Isolate)().dispose()`;
  const load = spawnSync(pinnedNode, ["--no-node-snapshot", "-e", script], { cwd: root, encoding: "utf8" });
  if (load.status === 0) return undefined;
  const reason = load.stderr.split("\n").find((line) => /error/i.test(line)) ?? load.signal ?? `exit ${load.status}`;
  return `isolated-vm has no binary that loads in Node ${wanted} on ${process.platform}-${process.arch} (${reason.trim()})`;
}

/** The environment for npm: without what the npm that called us says about itself, and without the Node about to be replaced. */
function environmentForNpm() {
  const misleading = /^npm_(lifecycle_|package_|command$|config_(omit|include|only|production|global|dry_run|json|package_lock_only|workspaces?)$)/i;
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !misleading.test(name)));
  const path = Object.keys(environment).find((name) => name.toUpperCase() === "PATH") ?? "PATH";
  const isOurs = (folder) => folder.endsWith(join("node_modules", ".bin"));
  environment[path] = (environment[path] ?? "").split(delimiter).filter((folder) => !isOurs(folder)).join(delimiter);
  environment.FLOWCELL_PREPARING = "1";
  return environment;
}

/** Runs the npm that called us, or else the one on the path, on a Node that is not in node_modules (`npm ci` deletes that one). */
function npm(...args) {
  const environment = environmentForNpm();
  const { npm_execpath: cli, npm_node_execpath: node = process.execPath } = environment;
  const isDirect = cli !== undefined && /npm-cli\.c?js$/.test(cli) && !node.startsWith(modules + sep);
  const options = { cwd: root, env: environment, stdio: ["ignore", 2, 2], shell: !isDirect && process.platform === "win32" };
  const { status, error } = isDirect ? spawnSync(node, [cli, ...args], options) : spawnSync("npm", args, options);
  if (error?.code === "ENOENT") throw new PrepareError("npm is not on the path; install npm 10 or later");
  if (status !== 0) throw new PrepareError(`\`npm ${args[0]}\` failed (${error?.message ?? `exit ${status}`}); its output above says why`);
}

/** Installs what the lock file says. Install scripts are run by name only: isolated-vm's would compile on an older Node. */
function install(reason) {
  say(`${reason}; running npm ci (half a minute, once)`);
  rmSync(stampFile, { force: true });
  npm("ci", "--ignore-scripts", "--include=dev", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error");
  npm("rebuild", "node", "esbuild", "--no-ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error");
}

const isRunning = (processId) => {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
};

/** One attempt at the lock: undefined when we hold it, else the process that does (NaN while it writes its number). */
function lockHolder() {
  try {
    writeFileSync(lockFile, String(process.pid), { flag: "wx" });
    return undefined;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  const holder = Number.parseInt(readOrNothing(lockFile) ?? "", 10);
  if (!Number.isNaN(holder) && !isRunning(holder)) {
    // Renamed, not removed: of two who find the same dead holder only one gets its file, and a file that has meanwhile become
    // somebody's lock is put back.
    const grave = `${lockFile}.${process.pid}`;
    try {
      renameSync(lockFile, grave);
      if (readFileSync(grave, "utf8") === String(holder)) rmSync(grave);
      else renameSync(grave, lockFile);
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
    }
  }
  return holder;
}

async function takeLock() {
  mkdirSync(join(root, ".cache"), { recursive: true });
  const deadline = Date.now() + waitForOtherMs;
  let told = false;
  for (let holder = lockHolder(); holder !== undefined; holder = lockHolder()) {
    if (Date.now() > deadline) throw new PrepareError(`process ${holder} has been installing for ten minutes; if it is not, delete ${lockFile}`);
    if (!told && isRunning(holder)) say(`process ${holder} is already installing here; waiting for it`);
    told ||= isRunning(holder);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function prepare() {
  if (process.env.FLOWCELL_PREPARING === "1" || isPrepared()) return;
  await takeLock();
  try {
    if (isPrepared()) return;
    if (!isInstalledByHand()) install(existsSync(modules) ? "node_modules differs from package-lock.json" : "the dependencies are not installed yet");
    else if (whatIsBroken() !== undefined) install(whatIsBroken());
    const broken = whatIsBroken();
    if (broken !== undefined) throw new PrepareError(`installed, but ${broken}`);
    writeFileSync(stampFile, wantedStamp());
  } finally {
    rmSync(lockFile, { force: true });
  }
}

try {
  await prepare();
} catch (error) {
  if (!(error instanceof PrepareError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
