// Gets the web-platform-tests: out of Debian's source package of firefox-esr 140, which carries them, into a folder outside the
// repository. Needs apt-get, xz and tar, 700 MB of download once; the system's own apt configuration is left alone.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where they are kept. */
export const cacheFolder = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "flowcell", "wpt");
export const treeFolder = join(cacheFolder, "tree");

const inSource = "*/testing/web-platform/tests";
const folders = [
  "url", "urlpattern", "encoding", "streams", "compression", "console", "html/webappapis", "dom/abort", "dom/events", "FileAPI", "fetch/api", "fetch/data-urls", "xhr/formdata", "WebCryptoAPI",
  "hr-time", "mimesniff", "resources", "common", "interfaces",
];
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** The folder of the tests; fetched and unpacked when it is not there. Throws a sentence when that cannot be. */
export function fetchTests(): string {
  if (existsSync(join(treeFolder, "resources", "testharness.js"))) return treeFolder;
  for (const program of ["apt-get", "xz", "tar"]) {
    if (spawnSync(program, ["--version"]).error !== undefined) throw new Error(`the web-platform-tests are unpacked from a Debian source package, and there is no ${program} here; or put the tests into ${treeFolder}`);
  }
  const archive = download();
  mkdirSync(treeFolder, { recursive: true });
  const patterns = folders.map((folder) => `'${inSource}/${folder}/*'`).join(" ");
  console.log("unpacking the tests out of the source package (a few minutes) …");
  execFileSync("sh", ["-c", `xz -dc '${archive}' | tar -x -C '${treeFolder}' --strip-components=4 --wildcards --no-same-owner ${patterns}`], { stdio: "inherit" });
  rmSync(archive);
  return treeFolder;
}

/** "URI suite main" of each archive that this system itself takes Debian's packages from. */
function debianArchives(): readonly string[] {
  const lines = execFileSync("apt-get", ["indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Identifier: Packages"], { encoding: "utf8" }).split("\n");
  const archives = [...new Set(lines)].filter((line) => /\/debian(?:-security)?\/? \S+ main$/.test(line));
  if (archives.length === 0) throw new Error("apt knows no archive of Debian here; run `apt-get update` once, or put the tests into " + treeFolder);
  return archives;
}

function download(): string {
  const apt = join(cacheFolder, "apt");
  for (const folder of ["lists/partial", "archives/partial"]) mkdirSync(join(apt, folder), { recursive: true });
  const list = join(apt, "sources.list");
  writeFileSync(list, debianArchives().map((archive) => `deb-src [signed-by=${keyring}] ${archive}\n`).join(""));
  const settings = [`Dir::Etc::SourceList=${list}`, "Dir::Etc::SourceParts=/dev/null", `Dir::State::Lists=${join(apt, "lists")}`, `Dir::Cache=${apt}`].flatMap((setting) => ["-o", setting]);
  execFileSync("apt-get", [...settings, "update"], { stdio: "inherit" });
  const versions = execFileSync("apt-cache", [...settings, "showsrc", "firefox-esr"], { encoding: "utf8" }).matchAll(/^Version: (140\.\S+)$/gm);
  const version = [...versions].at(-1)?.[1];
  if (version === undefined) throw new Error("Debian's archive has no source package of firefox-esr 140 any more");
  const uris = execFileSync("apt-get", [...settings, "source", "--download-only", "--print-uris", `firefox-esr=${version}`], { encoding: "utf8" });
  const [, uri, hash] = /^'(\S+\.orig\.tar\.xz)' \S+ \d+ (SHA256:\w+)/m.exec(uris) ?? [];
  if (uri === undefined || hash === undefined) throw new Error("apt-get did not say where the source package is");
  const archive = join(cacheFolder, "firefox.tar.xz");
  // apt's own downloader, which checks the hash that the signed index gives.
  execFileSync("/usr/lib/apt/apt-helper", ["download-file", uri, archive, hash], { stdio: "inherit" });
  return archive;
}
