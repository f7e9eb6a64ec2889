/**
 * The authority's files on disk: read with a bound, created exactly once, replaced in one step, never readable by others where a key is inside.
 * It knows modes, races and system errors; what the files mean is `authority.ts`.
 */
import { constants, type Stats } from "node:fs";
import { copyFile, link, mkdir, open, readFile, rename, stat, unlink } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import { AuthorityError, systemErrorCode } from "./authority-error.ts";

/** LIMIT: a key and a chain of certificates need a few KiB. */
const fileLimitBytes = 1024 * 1024;

/** Makes the folder (0700) if it is missing. Returns warnings about it; throws AuthorityError when there can be no such folder. */
export async function prepareFolder(folder: string): Promise<string[]> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const facts = await stat(folder);
    return isPosix() && (facts.mode & 0o022) !== 0
      ? [`${folder} can be changed by other users, who could replace the certificate authority: run "chmod go-w ${folder}".`]
      : [];
  } catch (error) {
    throw new AuthorityError("ERR_CA_CONFDIR", folder, `${folder} cannot be used as configuration folder (${reasonOf(error)}): name another one with --confdir.`, error);
  }
}

/** The text of a file, or undefined where there is none. Throws AuthorityError when it cannot be read or is absurdly large. */
export async function readFileIfAny(file: string): Promise<string | undefined> {
  let facts: Stats;
  try {
    facts = await stat(file);
    if (facts.isFile() && facts.size <= fileLimitBytes) return await readFile(file, "utf8");
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw new AuthorityError("ERR_CA_UNREADABLE", file, `${file} cannot be read (${reasonOf(error)}): give this user access to it, or name another folder with --confdir.`, error);
  }
  const what = facts.isFile() ? `larger than ${fileLimitBytes} bytes` : "not a regular file";
  throw new AuthorityError("ERR_CA_CORRUPT", file, `${file} is ${what}: move it away and start again, or name another folder with --confdir.`);
}

export async function isPresent(file: string): Promise<boolean> {
  return stat(file).then(() => true, () => false);
}

/** Whether group or others may read the file. Windows has no such modes; there it is always false. */
export async function mayOthersRead(file: string): Promise<boolean> {
  return isPosix() && ((await stat(file)).mode & 0o044) !== 0;
}

/** Creates a private file (0600) whole or not at all. When another process was first, its file stays and this does nothing. */
export async function createFile(file: string, content: string): Promise<void> {
  await withTemporary(file, content, 0o600, async (temporary) => {
    try {
      await link(temporary, file);
    } catch (error) {
      const code = systemErrorCode(error);
      if (code === "EEXIST") return;
      if (code !== "EPERM" && code !== "ENOTSUP" && code !== "EOPNOTSUPP" && code !== "ENOSYS") throw error;
      // A file system without hard links (FAT, some network shares): still never over an existing file.
      await copyFile(temporary, file, constants.COPYFILE_EXCL).catch((failure: unknown) => {
        if (systemErrorCode(failure) !== "EEXIST") throw failure;
      });
    }
  });
}

/** Writes a file in one step over what was there. */
export async function replaceFile(file: string, content: string | Uint8Array, mode: number): Promise<void> {
  await withTemporary(file, content, mode, (temporary) => rename(temporary, file));
}

async function withTemporary(file: string, content: string | Uint8Array, mode: number, use: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${file}.${process.pid}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const handle = await open(temporary, "wx", mode);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await use(temporary);
  } catch (error) {
    throw new AuthorityError("ERR_CA_CONFDIR", dirname(file), `${file} cannot be written (${reasonOf(error)}): give this user write access to the folder, or name another one with --confdir.`, error);
  } finally {
    await unlink(temporary).catch((error: unknown) => {
      // After a rename, or when it was never made, it is not there.
      if (systemErrorCode(error) !== "ENOENT") throw error;
    });
  }
}

function reasonOf(error: unknown): string {
  return systemErrorCode(error) ?? String(error);
}

function isPosix(): boolean {
  return process.platform !== "win32";
}
