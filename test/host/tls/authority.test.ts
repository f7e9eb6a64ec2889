// The certificate authority: made once and whole, readable by openssl and keytool, private where it must be, and every bad file is explained.
import test from "ava";
import { X509Certificate } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AuthorityError } from "../../../host/tls/authority-error.ts";
import { openAuthority } from "../../../host/tls/authority.ts";
import { LeafCache } from "../../../host/tls/leaf-cache.ts";
import { requireProgram } from "../../helpers/programs.ts";
import { run, temporaryAuthority, written } from "./support.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const dayMs = 86_400_000;

test("makes a folder, five files and their modes", async (t) => {
  const folder = join(temporaryFolder("tls"), "deep", "conf");
  const authority = await openAuthority(folder);
  t.true(authority.isNew);
  t.deepEqual(authority.warnings, []);
  t.deepEqual((await readdir(folder)).sort(), ["flowcell-ca-cert.cer", "flowcell-ca-cert.p12", "flowcell-ca-cert.pem", "flowcell-ca.p12", "flowcell-ca.pem"]);
  t.is((await stat(folder)).mode & 0o777, 0o700);
  t.is((await stat(authority.files.keyAndCertPem)).mode & 0o777, 0o600);
  t.is((await stat(authority.files.keyAndCertP12)).mode & 0o777, 0o600);
  for (const file of [authority.files.certPem, authority.files.certDer, authority.files.certP12]) {
    t.false((await readFile(file)).toString("latin1").includes("PRIVATE KEY"), file);
  }
});

test("is the same at the second start, and puts missing or changed copies back", async (t) => {
  const { folder, authority } = await temporaryAuthority();
  await rm(authority.files.certP12);
  await writeFile(authority.files.certDer, "kept, as nothing says it is wrong");
  const second = await openAuthority(folder);
  t.false(second.isNew);
  t.is(second.fingerprint256, authority.fingerprint256);
  t.deepEqual(await readFile(authority.files.certDer), authority.certificateDer);
  t.true((await stat(authority.files.certP12)).size > authority.certificateDer.length);
  await writeFile(authority.files.certPem, "spoilt");
  await openAuthority(folder);
  t.is(await readFile(authority.files.certPem, "utf8"), authority.certificatePem);
});

test("openssl finds a strict, sensible root", async (t) => {
  const openssl = requireProgram(t, "openssl", "openssl");
  if (openssl === undefined) return;
  const { authority } = await temporaryAuthority();
  const { certPem, certDer } = authority.files;
  t.is((await run(openssl, ["verify", "-x509_strict", "-check_ss_sig", "-CAfile", certPem, certPem])).output, `${certPem}: OK\n`);
  const { output } = await run(openssl, ["x509", "-in", certDer, "-inform", "DER", "-noout", "-text", "-fingerprint", "-sha256"]);
  t.regex(output, /Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
  t.regex(output, /Key Usage: critical\s+Certificate Sign, CRL Sign/);
  t.regex(output, /NIST CURVE: P-256/);
  t.regex(output, /Subject Key Identifier/);
  t.regex(output, /Subject: O = Flowcell, CN = Flowcell CA [0-9a-f]{8}/);
  t.true(output.includes(authority.fingerprint256));
  const certificate = new X509Certificate(authority.certificateDer);
  const now = Date.now();
  t.true(certificate.validFromDate.getTime() < now - dayMs);
  t.true(certificate.validToDate.getTime() > now + 3640 * dayMs);
  t.true(certificate.serialNumber.length === 32);
});

test("openssl imports both PKCS#12 files with an empty password", async (t) => {
  const openssl = requireProgram(t, "openssl", "openssl");
  if (openssl === undefined) return;
  const { authority } = await temporaryAuthority();
  const cert = await run(openssl, ["pkcs12", "-info", "-in", authority.files.certP12, "-passin", "pass:", "-nodes"]);
  t.is(cert.status, 0, cert.output);
  t.true(cert.output.includes(authority.certificatePem.trim()));
  t.false(cert.output.includes("PRIVATE KEY"));
  t.true(cert.output.includes(`friendlyName: ${authority.commonName}`));
  const both = await run(openssl, ["pkcs12", "-in", authority.files.keyAndCertP12, "-passin", "pass:", "-nodes"]);
  t.is(both.status, 0, both.output);
  const keyPem = (await readFile(authority.files.keyAndCertPem, "utf8")).slice(0, 200);
  t.true(both.output.includes(keyPem));
  t.true(both.output.includes(authority.certificatePem.trim()));
});

test("processes that start at once end with one authority", async (t) => {
  const folder = temporaryFolder("tls");
  const script = `import { openAuthority } from ${JSON.stringify(new URL("../../../host/tls/authority.ts", import.meta.url).href)};
    const { fingerprint256, files } = await openAuthority(${JSON.stringify(join(folder, "conf"))}); console.log(fingerprint256);`;
  const results = await Promise.all(Array.from({ length: 4 }, () => run(process.execPath, ["--input-type=module", "--eval", script])));
  const { fingerprint256, certificatePem, files } = await openAuthority(join(folder, "conf"));
  for (const result of results) t.is(result.output, `${fingerprint256}\n`);
  t.is(await readFile(files.certPem, "utf8"), certificatePem);
  t.is((await readdir(join(folder, "conf"))).length, 5, "no temporary file stays");
});

test("openers within one process share it too", async (t) => {
  const folder = join(temporaryFolder("tls"), "conf");
  const opened = await Promise.all(Array.from({ length: 8 }, () => openAuthority(folder)));
  t.is(new Set(opened.map(({ fingerprint256 }) => fingerprint256)).size, 1);
});

test("warns about a key that others can read, a folder others can change, and an end that is near", async (t) => {
  const { folder, authority } = await temporaryAuthority();
  await chmod(authority.files.keyAndCertPem, 0o640);
  await chmod(folder, 0o770);
  const soon = await openAuthority(folder, { now: new Date(authority.notAfter.getTime() - 10 * dayMs) });
  t.is(soon.warnings.length, 3);
  t.regex(soon.warnings[0] ?? "", /chmod go-w/);
  t.regex(soon.warnings[1] ?? "", /chmod 600 .*flowcell-ca\.pem/);
  t.regex(soon.warnings[2] ?? "", /expires on \d{4}-\d\d-\d\d/);
});

test("says so when the key was gone and a new authority takes its place", async (t) => {
  const { folder, authority } = await temporaryAuthority();
  await rm(authority.files.keyAndCertPem);
  const second = await openAuthority(folder);
  t.true(second.isNew);
  t.not(second.fingerprint256, authority.fingerprint256);
  t.regex(second.warnings.join(), /was gone.*install .*flowcell-ca-cert\.pem again/);
  t.is(await readFile(authority.files.certPem, "utf8"), second.certificatePem);
});

const certificateBlock = /-----BEGIN CERTIFICATE-----[\s\S]*-----END CERTIFICATE-----\n/;
const keyBlock = /-----BEGIN PRIVATE KEY-----[\s\S]*-----END PRIVATE KEY-----\n/;

const spoilt: readonly (readonly [what: string, spoil: (pem: string, other: string) => string, code: string, words: RegExp])[] = [
  ["an empty file", () => "", "ERR_CA_CORRUPT", /holds no readable certificate/],
  ["noise", () => "\u0000\u0001 noise ".repeat(99), "ERR_CA_CORRUPT", /holds no readable certificate/],
  ["a file cut off", (pem) => pem.slice(0, -60), "ERR_CA_CORRUPT", /holds no readable certificate/],
  ["no key", (pem) => pem.replace(keyBlock, ""), "ERR_CA_CORRUPT", /holds no private key/],
  ["no certificate", (pem) => pem.replace(certificateBlock, ""), "ERR_CA_CORRUPT", /holds no readable certificate/],
  ["a broken key", (pem) => pem.replace(/(BEGIN PRIVATE KEY-----\n.{20})../, "$1//"), "ERR_CA_CORRUPT", /private key .* cannot be read|holds no/],
  ["a broken certificate", (pem) => pem.replace(/(BEGIN CERTIFICATE-----\n)..../, "$1AAAA"), "ERR_CA_CORRUPT", /certificate in .* cannot be read/],
  ["another's key", (pem, other) => (keyBlock.exec(other)?.[0] ?? "") + (certificateBlock.exec(pem)?.[0] ?? ""), "ERR_CA_MISMATCH", /do not belong together/],
  ["an encrypted key", (pem) => pem.replaceAll("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), "ERR_CA_KEY_ENCRYPTED", /without a passphrase/],
];
for (const [what, spoil, code, words] of spoilt) {
  test(`explains ${what}`, async (t) => {
    const { folder, authority } = await temporaryAuthority();
    const other = await temporaryAuthority();
    const pem = await readFile(authority.files.keyAndCertPem, "utf8");
    await writeFile(authority.files.keyAndCertPem, spoil(pem, await readFile(other.authority.files.keyAndCertPem, "utf8")));
    const error = await t.throwsAsync(openAuthority(folder), { instanceOf: AuthorityError, code, message: words });
    t.true(error.message.includes(authority.files.keyAndCertPem));
    t.is(error.message.split("\n").length, 1);
  });
}

test("explains an authority outside its time", async (t) => {
  const { folder, authority } = await temporaryAuthority();
  const after = new Date(authority.notAfter.getTime() + 1000);
  await t.throwsAsync(openAuthority(folder, { now: after }), { code: "ERR_CA_EXPIRED", message: /expired on .*move .* away and start again/ });
  const before = new Date(authority.issuer.notBefore.getTime() - 1000);
  await t.throwsAsync(openAuthority(folder, { now: before }), { code: "ERR_CA_NOT_YET_VALID", message: /clock/ });
});

test("explains places that are no folder, no file, too large, or not ours", async (t) => {
  const folder = temporaryFolder("tls");
  const file = await written(folder, "file", "");
  await t.throwsAsync(openAuthority(file), { code: "ERR_CA_CONFDIR", message: /EEXIST.*--confdir/ });
  await t.throwsAsync(openAuthority(join(file, "below")), { code: "ERR_CA_CONFDIR", message: /ENOTDIR.*--confdir/ });
  await mkdir(join(folder, "a", "flowcell-ca.pem"), { recursive: true });
  await t.throwsAsync(openAuthority(join(folder, "a")), { code: "ERR_CA_CORRUPT", message: /not a regular file/ });
  await mkdir(join(folder, "b"));
  await written(join(folder, "b"), "flowcell-ca.pem", Buffer.alloc(2_000_000, "x"));
  await t.throwsAsync(openAuthority(join(folder, "b")), { code: "ERR_CA_CORRUPT", message: /larger than/ });
  const { authority } = await temporaryAuthority();
  if (process.getuid?.() === 0) return t.log("root reads everything: the last case needs another user");
  await chmod(authority.files.keyAndCertPem, 0);
  await t.throwsAsync(openAuthority(join(authority.files.keyAndCertPem, "..")), { code: "ERR_CA_UNREADABLE", message: /EACCES/ });
});

const ownKeys = [
  ["RSA", ["-newkey", "rsa:2048"]],
  ["P-384", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"]],
] as const;
for (const [kind, newKey] of ownKeys) {
  test(`uses the operator's own ${kind} authority`, async (t) => {
    const openssl = requireProgram(t, "openssl", "openssl");
    if (openssl === undefined) return;
    const folder = temporaryFolder("tls");
    const [key, cert] = [join(folder, "own.key"), join(folder, "own.crt")];
    await run(openssl, ["req", "-x509", ...newKey, "-nodes", "-keyout", key, "-out", cert, "-days", "30", "-subj", "/C=DE/O=Own & Co/CN=Ünser CA", "-utf8", "-addext", "keyUsage=critical,keyCertSign"]);
    await written(folder, "flowcell-ca.pem", (await readFile(key, "utf8")) + (await readFile(cert, "utf8")));
    await chmod(join(folder, "flowcell-ca.pem"), 0o600);
    const authority = await openAuthority(folder);
    t.is(authority.commonName, "Ünser CA");
    const { certificatePem } = await new LeafCache(authority).contextFor({ sni: "own.example" });
    const leaf = await written(folder, "leaf.pem", certificatePem);
    t.is((await run(openssl, ["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "own.example", "-CAfile", cert, leaf])).output, `${leaf}: OK\n`);
  });
}

test("sends the chain when the operator's authority is itself signed by another, and refuses what is no authority", async (t) => {
  const openssl = requireProgram(t, "openssl", "openssl");
  if (openssl === undefined) return;
  const folder = temporaryFolder("tls");
  const path = (name: string): string => join(folder, name);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await run(openssl, ["req", "-x509", ...key, "-keyout", path("root.key"), "-out", path("root.crt"), "-days", "30", "-subj", "/CN=Root"]);
  for (const [name, constraint] of [["mid", "critical,CA:TRUE"], ["end", "CA:FALSE"]] as const) {
    await run(openssl, ["req", "-x509", ...key, "-keyout", path(`${name}.key`), "-out", path(`${name}.crt`), "-days", "30", "-subj", `/CN=${name}`,
      "-CA", path("root.crt"), "-CAkey", path("root.key"), "-addext", `basicConstraints=${constraint}`]);
    await mkdir(path(`conf-${name}`), { mode: 0o700 });
    const pem = (await readFile(path(`${name}.key`), "utf8")) + (await readFile(path(`${name}.crt`), "utf8"));
    await writeFile(path(`conf-${name}/flowcell-ca.pem`), pem, { mode: 0o600 });
  }
  const { certificatePem } = await new LeafCache(await openAuthority(path("conf-mid"))).contextFor({ host: "192.0.2.7" });
  const chain = await written(folder, "chain.pem", certificatePem);
  const result = await run(openssl, ["verify", "-purpose", "sslserver", "-verify_ip", "192.0.2.7", "-CAfile", path("root.crt"), "-untrusted", chain, chain]);
  t.is(result.output, `${chain}: OK\n`);
  await t.throwsAsync(openAuthority(path("conf-end")), { code: "ERR_CA_NOT_A_CA", message: /CA:TRUE/ });
});
