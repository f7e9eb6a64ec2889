// A process that writes many keys into a storage file at once with others; told the path, a prefix, how many keys, and how many may be
// there. Prints how many were kept and what went wrong.
import { makeLog } from "../../host/log.ts";
import { AddonStorage } from "../../host/services/storage.ts";
import { StorageError, StorageFile } from "../../host/services/storage-file.ts";

const [path = "", prefix = "", count = "0", most = "0"] = process.argv.slice(2);
const file = new StorageFile({ path, lockMs: 5_000, log: makeLog(() => {}) });
const storage = new AddonStorage(file, "operator/a");
const limits = { storageBytes: 1_000_000, storageKeys: Number(most), storageKeyBytes: 64, storageValueBytes: 1_000 };
let kept = 0;
const problems = new Set<string>();
for (let index = 0; index < Number(count); index++) {
  try {
    storage.set(null, `${prefix}/${index}`, { isJson: true, bytes: Buffer.from(String(index)) }, limits);
    kept += 1;
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    problems.add(error.message.replace(/\d+/g, "N"));
  }
}
file.close();
process.stdout.write(JSON.stringify({ kept, problems: [...problems] }));
