// What `flowcell ca` shows, and the operator's file of further roots: forms that programs import, words that name the right files, errors that help.
import test from "ava";
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { getCACertificates } from "node:tls";
import { describeAuthority, exportCertificate } from "../../../host/tls/export.ts";
import { installHelp, installSystems, isInstallSystem } from "../../../host/tls/install-help.ts";
import { openUpstreamTrust } from "../../../host/tls/trust.ts";
import { requireProgram } from "../../helpers/programs.ts";
import { run, temporaryAuthority, written } from "./support.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

test("exports the certificate in three forms, and never the key", async (t) => {
  const { authority } = await temporaryAuthority();
  for (const format of ["pem", "der"] as const) {
    t.is(new X509Certificate(exportCertificate(authority, format)).fingerprint256, authority.fingerprint256);
  }
  const secret = Buffer.from(authority.issuer.privateKey.export({ format: "jwk" }).d ?? "", "base64url");
  t.is(secret.length, 32);
  t.false(exportCertificate(authority, "p12").includes(secret));
  t.true((await readFile(authority.files.keyAndCertP12)).includes(secret));
});

test("openssl reads the exported PKCS#12", async (t) => {
  const openssl = requireProgram(t, "openssl", "openssl");
  if (openssl === undefined) return;
  const { folder, authority } = await temporaryAuthority();
  const file = await written(folder, "out.p12", exportCertificate(authority, "p12"));
  const { status, output } = await run(openssl, ["pkcs12", "-in", file, "-passin", "pass:", "-nokeys"]);
  t.is(status, 0, output);
  t.true(output.includes(authority.certificatePem.trim()));
});

test("Java's keytool imports the PEM that the help names", async (t) => {
  const keytool = requireProgram(t, "keytool", "default-jre-headless");
  if (keytool === undefined) return;
  const { folder, authority } = await temporaryAuthority();
  const store = ["-keystore", `${folder}/trust.p12`, "-storepass", "changeit"];
  const imported = await run(keytool, ["-importcert", "-noprompt", "-alias", "flowcell-ca", ...store, "-file", authority.files.certPem]);
  t.is(imported.status, 0, imported.output);
  t.true((await run(keytool, ["-list", ...store])).output.includes(authority.fingerprint256));
});

test("describes the authority by name, fingerprint, end and files", async (t) => {
  const { authority } = await temporaryAuthority();
  const text = describeAuthority(authority);
  for (const part of [authority.commonName, authority.fingerprint256, authority.files.certPem, authority.files.certP12]) t.true(text.includes(part));
  t.false(text.includes(authority.files.keyAndCertPem));
});

const files = { certPem: "/home/o'neil/my conf/flowcell-ca-cert.pem", certDer: "/home/o'neil/my conf/flowcell-ca-cert.cer", certP12: "/x.p12" };
for (const system of installSystems) {
  test(`help for ${system} names the certificate and warns`, (t) => {
    const text = installHelp(files, system);
    t.regex(text, /flowcell-ca-cert\.(pem|cer)|o'neil/);
    t.regex(text, /^Whoever has the private key/);
    t.true(text.endsWith("\n"));
    t.notRegex(text, /my conf\/flowcell-ca\./);
  });
}

test("help covers every system at once, with paths that a shell takes as one word", (t) => {
  const text = installHelp(files);
  for (const title of ["Debian", "Fedora", "macOS", "Windows", "Firefox", "Chrome", "curl", "Node.js", "Python", "Java", "Android", "iOS"]) t.true(text.includes(title), title);
  t.true(text.includes(`NODE_EXTRA_CA_CERTS='/home/o'\\''neil/my conf/flowcell-ca-cert.pem'`));
  t.true(isInstallSystem("debian"));
  t.false(isInstallSystem("toString"));
});

test("a file of further roots is read, or explained", async (t) => {
  const folder = temporaryFolder("tls");
  const trust = async (name: string, content: string) => openUpstreamTrust({ sslInsecure: false, upstreamCaFile: await written(folder, name, content) });
  const [root = ""] = getCACertificates("bundled");
  t.true((await trust("good.pem", `words before\r\n${root.replaceAll("\n", "\r\n")}\r\n${root}\n`)).isVerified);
  t.false((await openUpstreamTrust({ sslInsecure: true })).isVerified);
  await t.throwsAsync(trust("empty.pem", ""), { code: "ERR_UPSTREAM_CA_CORRUPT", message: /empty\.pem holds no certificate.*--upstream-ca/ });
  await t.throwsAsync(trust("bad.pem", `${root}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`), { code: "ERR_UPSTREAM_CA_CORRUPT", message: /^Certificate 2 in .*bad\.pem/ });
  await t.throwsAsync(openUpstreamTrust({ sslInsecure: true, upstreamCaFile: `${folder}/none.pem` }), { code: "ERR_UPSTREAM_CA_UNREADABLE", message: /ENOENT.*--upstream-ca/ });
});
