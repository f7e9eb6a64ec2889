// A certificate for test servers, made by openssl once per test process; it vouches for itself, so it is its own CA file.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { temporaryFolder } from "./temporary-folder.ts";

export interface TestCertificate { readonly key: string; readonly cert: string; readonly keyFile: string; readonly certFile: string }

/** A fresh key and a certificate for localhost and 127.0.0.1, or for `names` (openssl's subjectAltName syntax). */
export async function testCertificate(names = "DNS:localhost,DNS:origin.test,IP:127.0.0.1", days = 2): Promise<TestCertificate> {
  const folder = temporaryFolder("cert");
  const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  await promisify(execFile)("openssl", [
    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", String(days),
    "-subj", "/CN=test origin", "-addext", `subjectAltName=${names}`, "-keyout", keyFile, "-out", certFile,
  ]);
  return { key: await readFile(keyFile, "utf8"), cert: await readFile(certFile, "utf8"), keyFile, certFile };
}
