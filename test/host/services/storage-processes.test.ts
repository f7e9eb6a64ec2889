// One storage file and several processes, as with several workers: made by all at once, nothing lost, the quota counted once.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { makeLog } from "../../../host/log.ts";
import { StorageFile } from "../../../host/services/storage-file.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const writer = fileURLToPath(new URL("../../helpers/storage-writer.ts", import.meta.url));

interface Report { readonly kept: number; readonly problems: readonly string[] }

async function write(path: string, processes: number, keys: number, most: number): Promise<{ readonly reports: readonly Report[]; readonly usage: { readonly keys: number; readonly bytes: number }; readonly listed: number }> {
  const reports = await Promise.all(Array.from({ length: processes }, async (_, index) => {
    const { stdout } = await promisify(execFile)(process.execPath, [writer, path, `p${index}`, String(keys), String(most)]);
    return JSON.parse(stdout) as Report;
  }));
  const file = new StorageFile({ path, log: makeLog(() => {}) });
  const result = { reports, usage: file.usage("operator/a"), listed: file.list("operator/a", "", 10_000).length };
  file.close();
  return result;
}

test("three processes that make the file and write at once lose nothing", async (t) => {
  t.timeout(120_000);
  const path = join(temporaryFolder("storage"), "storage.sqlite");
  const { reports, usage, listed } = await write(path, 3, 150, 10_000);
  t.deepEqual(reports.map(({ problems }) => problems), [[], [], []]);
  t.is(usage.keys, 450);
  t.is(listed, 450);
});

test("a quota holds for all processes together", async (t) => {
  t.timeout(120_000);
  const path = join(temporaryFolder("storage"), "storage.sqlite");
  const { reports, usage, listed } = await write(path, 2, 100, 130);
  t.is(reports.reduce((sum, { kept }) => sum + kept, 0), 130);
  t.is(usage.keys, 130);
  t.is(listed, 130);
  for (const { problems } of reports) for (const problem of problems) t.regex(problem, /would make N keys/);
});
