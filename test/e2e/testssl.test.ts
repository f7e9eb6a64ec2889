// What testssl.sh says of the TLS that the proxy speaks to its clients: protocols and renegotiation. Only what it calls worse than
// informational, and is not about being a public server, is a finding.
import test from "ava";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { requireProgram } from "../helpers/programs.ts";
import { startProxy } from "../helpers/proxy.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

interface Finding { readonly id: string; readonly severity: string; readonly finding: string }

/** Of a name that exists nowhere but here: nothing to revoke, to log or to announce in DNS. */
const aboutPublicServers: ReadonlySet<string> = new Set(["cert_revocation", "cert_caa", "DNS_CAArecord", "cert_chain_of_trust", "cert_trust", "HSTS", "OCSP_stapling", "cert_crlDistributionPoints", "cert_ocspURL", "scanTime", "engine_problem"]);

test.serial("testssl.sh finds TLS 1.2 and 1.3, no old protocol, no renegotiation", async (t) => {
  t.timeout(110_000);
  const testssl = requireProgram(t, "testssl", "testssl.sh");
  if (testssl === undefined) return;
  const { port, caFile } = await startProxy(t, { mode: "regular+tls" });
  const folder = temporaryFolder("testssl");
  const report = path.join(folder, "report.json");
  const args = ["--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--add-ca", caFile, "--jsonfile", report, "-p", "-R", `localhost:${port}`];
  const end = await new Promise<string>((resolve) => execFile(testssl, args, { timeout: 100_000, killSignal: "SIGKILL" }, (_error, stdout, stderr) => resolve(`${stdout}\n${stderr}`)));
  const findings = JSON.parse(await readFile(report, "utf8").catch(() => `[{"id":"none","severity":"FATAL","finding":${JSON.stringify(end.slice(-1_500))}}]`)) as readonly Finding[];
  const told = new Map(findings.map(({ id, finding }) => [id, finding]));
  for (const protocol of ["SSLv2", "SSLv3", "TLS1", "TLS1_1"]) t.regex(told.get(protocol) ?? "", /not offered/, `${protocol}: ${end.slice(-1_500)}`);
  for (const protocol of ["TLS1_2", "TLS1_3"]) t.regex(told.get(protocol) ?? "", /offered/, protocol);
  const bad = findings.filter(({ id, severity }) => !["OK", "INFO", "DEBUG", "WARN"].includes(severity) && !aboutPublicServers.has(id.replace(/ .*/, "")));
  t.deepEqual(bad.map(({ id, severity, finding }) => `${severity} ${id}: ${finding}`), []);
});
