// No room on the disk of --confdir: a first start says so in one sentence and leaves no half-made authority; a proxy that has its authority
// starts and serves; one that runs when the disk fills goes on. On a small file system of its own, which only root can mount; else skipped.
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { curl, startHttpOrigin } from "../helpers/e2e.ts";
import { projectRoot, startFlowcell, writeAddon } from "../helpers/flowcell.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

/** A folder of 128 KiB in all, or null where this user cannot mount. Unmounted when the test ends. */
function smallDisk(t: ExecutionContext): string | null {
  const folder = temporaryFolder("disk");
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=128k,mode=0700", "none", folder], { encoding: "utf8" });
  if (mounted.status !== 0) {
    t.log("skipped: no small file system can be mounted here (not root, or no mount)");
    t.pass();
    return null;
  }
  t.teardown(async () => {
    spawnSync("umount", ["-l", folder]);
    await rm(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Takes what room is left; gives the name of the file that did. */
function fill(folder: string): string {
  const file = path.join(folder, "filler");
  spawnSync("dd", ["if=/dev/zero", `of=${file}`, "bs=1024", "count=1024"], { stdio: "ignore" });
  return file;
}

test.serial("a first start on a full disk: one sentence, exit 1, nothing half-made", (t) => {
  const disk = smallDisk(t);
  if (disk === null) return;
  fill(disk);
  const ended = spawnSync(process.execPath, [path.join(projectRoot, "host", "main.ts"), "run", "--port", "0", "--confdir", path.join(disk, "confdir")], { encoding: "utf8", timeout: 30_000 });
  t.is(ended.status, 1, ended.stdout + ended.stderr);
  t.regex(ended.stderr, /confdir.*(?:ENOSPC|no space)/i);
  t.is(ended.stderr.trim().split("\n").length, 1, ended.stderr);
  const left = spawnSync("find", [disk, "-type", "f", "-name", "*.pem", "-o", "-name", "*.tmp"], { encoding: "utf8" }).stdout;
  t.is(left, "");
});

test.serial("with its authority made, a proxy on a full disk starts, serves and stops; also when the disk fills meanwhile", async (t) => {
  t.timeout(60_000);
  const disk = smallDisk(t);
  if (disk === null) return;
  const origin = await startHttpOrigin();
  t.teardown(() => origin.close());
  const addon = await writeAddon(`export function response(flow: any) { console.log("seen"); flow.response.headers.set("x-a", "1"); }\n`);
  for (const fillsAt of ["while it runs", "before it starts"]) {
    const proxy = await startFlowcell([addon], ["--confdir", disk]);
    if (fillsAt === "while it runs") fill(disk);
    for (let i = 0; i < 3; i += 1) t.is((await curl(t, ["-x", proxy.proxyUrl, "-i", `http://127.0.0.1:${origin.port}/`])).header("x-a"), "1");
    t.is(await proxy.stop(), 0);
    t.true(readdirSync(disk).includes("flowcell-ca-cert.pem"));
  }
});

test.serial("an authority cut short by a full disk is refused with a sentence, not used", (t) => {
  const disk = smallDisk(t);
  if (disk === null) return;
  execFileSync(process.execPath, [path.join(projectRoot, "host", "main.ts"), "ca", "--confdir", disk], { timeout: 30_000 });
  for (const name of readdirSync(disk)) writeFileSync(path.join(disk, name), "-----BEGIN ");
  const ended = spawnSync(process.execPath, [path.join(projectRoot, "host", "main.ts"), "run", "--port", "0", "--confdir", disk], { encoding: "utf8", timeout: 30_000 });
  t.is(ended.status, 1, ended.stdout);
  t.regex(ended.stderr, /^flowcell: .*(?:move .* away|--confdir)/);
});
