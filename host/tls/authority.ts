/**
 * The proxy's own certificate authority: made once per configuration folder, read at every start, checked so that a bad file stops the start with a
 * sentence that helps. It holds the key that signs leaves; it mints none itself (`leaf.ts`) and installs nothing anywhere.
 * The one file that counts is `flowcell-ca.pem`; the others are copies for import and are written again when they differ.
 */
import { createPrivateKey, generateKeyPair, X509Certificate, type KeyObject } from "node:crypto";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { AuthorityError } from "./authority-error.ts";
import { createFile, isPresent, mayOthersRead, prepareFolder, readFileIfAny, replaceFile } from "./authority-files.ts";
import { distinguishedName, extensions, keyIdentifierOf, randomSerial, readCertificate, signCertificate, type SigningKey } from "./certificate.ts";
import { encodePkcs12 } from "./pkcs12.ts";

/** What is needed to sign leaves. Never leaves the host process. */
export interface Issuer extends SigningKey {
  readonly subject: Buffer;
  readonly keyIdentifier: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** PEM of the certificates a server sends after its leaf: empty for a root, which clients have already. */
  readonly chainPem: string;
}

/** Absolute paths. Those named `keyAnd…` hold the private key and have mode 0600. */
export interface AuthorityFiles {
  readonly keyAndCertPem: string;
  readonly keyAndCertP12: string;
  readonly certPem: string;
  readonly certDer: string;
  readonly certP12: string;
}

export interface Authority {
  /** Made by this call: clients do not trust it yet. */
  readonly isNew: boolean;
  /** Sentences for the operator's log; the authority works all the same. */
  readonly warnings: readonly string[];
  readonly files: AuthorityFiles;
  readonly certificatePem: string;
  readonly certificateDer: Buffer;
  readonly commonName: string;
  /** SHA-256, hexadecimal with colons, as browsers show it. */
  readonly fingerprint256: string;
  readonly notAfter: Date;
  readonly issuer: Issuer;
}

const dayMs = 86_400_000;
/** Clients whose clock is behind must accept a certificate that was made a moment ago. */
const backdatedMs = 2 * dayMs;
const lifetimeMs = 3652 * dayMs;
const expiryWarningMs = 30 * dayMs;

/**
 * Opens the authority in `confdir`, creating folder (0700), key and certificate (EC P-256, ten years) when there are none. Two processes that start at
 * once end with the same authority. A key and certificate of the operator's own (EC P-256 or P-384, or RSA) in `flowcell-ca.pem` are used as they are.
 * Throws AuthorityError for anything the operator has to mend. `now` is for tests.
 */
export async function openAuthority(confdir: string, options: { readonly now?: Date } = {}): Promise<Authority> {
  const now = options.now ?? new Date();
  const files = filesIn(resolve(confdir));
  const warnings = await prepareFolder(resolve(confdir));
  let pem = await readFileIfAny(files.keyAndCertPem);
  const isNew = pem === undefined;
  if (pem === undefined) {
    if ((await readFileIfAny(files.certPem)) !== undefined) {
      warnings.push(
        `${files.keyAndCertPem} was gone, so a new certificate authority was made: remove the old one from your clients and install ${files.certPem} again.`,
      );
    }
    await createFile(files.keyAndCertPem, await createAuthorityPem(now));
    // Read back, not kept: when another process was first, its authority is the one that counts.
    pem = (await readFileIfAny(files.keyAndCertPem)) ?? "";
  }
  const read = readAuthority(pem, files.keyAndCertPem, now);
  if (await mayOthersRead(files.keyAndCertPem)) {
    warnings.push(`${files.keyAndCertPem} holds a private key and can be read by other users: run "chmod 600 ${files.keyAndCertPem}".`);
  }
  if (read.issuer.notAfter.getTime() - now.getTime() < expiryWarningMs) {
    warnings.push(`The certificate authority in ${files.keyAndCertPem} expires on ${day(read.issuer.notAfter)}: ${renewalAdvice(files.keyAndCertPem)}`);
  }
  await writeCopies(files, read);
  return { isNew, warnings, files, ...read };
}

/** What the key file says, checked. */
type ReadAuthority = Pick<Authority, "certificatePem" | "certificateDer" | "commonName" | "fingerprint256" | "notAfter" | "issuer">;

function filesIn(confdir: string): AuthorityFiles {
  return {
    keyAndCertPem: join(confdir, "flowcell-ca.pem"),
    keyAndCertP12: join(confdir, "flowcell-ca.p12"),
    certPem: join(confdir, "flowcell-ca-cert.pem"),
    certDer: join(confdir, "flowcell-ca-cert.cer"),
    certP12: join(confdir, "flowcell-ca-cert.p12"),
  };
}

async function createAuthorityPem(now: Date): Promise<string> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)("ec", { namedCurve: "P-256" });
  const serial = randomSerial();
  // Part of the serial in the name tells two authorities apart in a list of trusted ones.
  const name = distinguishedName({ organization: "Flowcell", commonName: `Flowcell CA ${serial.toString("hex", 0, 4)}` });
  const keyIdentifier = keyIdentifierOf(publicKey);
  const certificate = signCertificate(
    {
      issuer: name,
      subject: name,
      publicKey: publicKey.export({ type: "spki", format: "der" }),
      notBefore: new Date(now.getTime() - backdatedMs),
      notAfter: new Date(now.getTime() + lifetimeMs),
      serial,
      extensions: [extensions.basicConstraintsCa(), extensions.keyUsageCa(), extensions.subjectKeyIdentifier(keyIdentifier)],
    },
    { privateKey, hash: "sha256", algorithm: { oid: "1.2.840.10045.4.3.2", hasNullParameters: false } },
  );
  return `${String(privateKey.export({ type: "pkcs8", format: "pem" }))}${new X509Certificate(certificate).toString()}`;
}

function readAuthority(pem: string, file: string, now: Date): ReadAuthority {
  const certificates = readCertificates(pem, file);
  const [certificate] = certificates;
  const facts = certificate === undefined ? undefined : readCertificate(certificate.raw);
  if (certificate === undefined || facts === undefined) {
    throw new AuthorityError("ERR_CA_CORRUPT", file, `${file} holds no readable certificate: ${replacementAdvice(file)}`);
  }
  const privateKey = readPrivateKey(pem, file);
  checkAuthority(certificate, privateKey, file, now);
  const isRoot = certificate.checkIssued(certificate);
  return {
    certificatePem: certificate.toString(),
    certificateDer: certificate.raw,
    commonName: facts.commonName ?? "",
    fingerprint256: certificate.fingerprint256,
    notAfter: certificate.validToDate,
    issuer: {
      ...signingKeyOf(privateKey, file),
      subject: facts.subject,
      keyIdentifier: facts.keyIdentifier ?? keyIdentifierOf(certificate.publicKey),
      notBefore: certificate.validFromDate,
      notAfter: certificate.validToDate,
      chainPem: isRoot ? "" : certificates.map(String).join(""),
    },
  };
}

function readCertificates(pem: string, file: string): readonly X509Certificate[] {
  try {
    const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    throw new AuthorityError("ERR_CA_CORRUPT", file, `A certificate in ${file} cannot be read: ${replacementAdvice(file)}`, error);
  }
}

function readPrivateKey(pem: string, file: string): KeyObject {
  const block = /-----BEGIN ([A-Z ]*)PRIVATE KEY-----[\s\S]*?-----END \1PRIVATE KEY-----/.exec(pem)?.[0];
  if (block === undefined) {
    throw new AuthorityError("ERR_CA_CORRUPT", file, `${file} holds no private key: ${replacementAdvice(file)}`);
  }
  if (block.includes("ENCRYPTED")) {
    throw new AuthorityError(
      "ERR_CA_KEY_ENCRYPTED",
      file,
      `The private key in ${file} is encrypted: store it without a passphrase ("openssl pkey -in ${file}" decrypts it) and keep the file at mode 0600.`,
    );
  }
  try {
    return createPrivateKey(block);
  } catch (error) {
    throw new AuthorityError("ERR_CA_CORRUPT", file, `The private key in ${file} cannot be read: ${replacementAdvice(file)}`, error);
  }
}

function checkAuthority(certificate: X509Certificate, privateKey: KeyObject, file: string, now: Date): void {
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new AuthorityError("ERR_CA_MISMATCH", file, `The private key and the first certificate in ${file} do not belong together: ${replacementAdvice(file)}`);
  }
  if (!certificate.ca) {
    throw new AuthorityError("ERR_CA_NOT_A_CA", file, `The first certificate in ${file} is not a certificate authority (CA:TRUE), so clients would refuse what it signs: ${replacementAdvice(file)}`);
  }
  if (certificate.validToDate <= now) {
    throw new AuthorityError("ERR_CA_EXPIRED", file, `The certificate authority in ${file} expired on ${day(certificate.validToDate)}: ${renewalAdvice(file)}`);
  }
  if (certificate.validFromDate > now) {
    throw new AuthorityError("ERR_CA_NOT_YET_VALID", file, `The certificate authority in ${file} is valid only from ${day(certificate.validFromDate)}: set this machine's clock right, or ${replacementAdvice(file)}`);
  }
}

function signingKeyOf(privateKey: KeyObject, file: string): SigningKey {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = privateKey;
  if (type === "ec" && details?.namedCurve === "prime256v1") {
    return { privateKey, hash: "sha256", algorithm: { oid: "1.2.840.10045.4.3.2", hasNullParameters: false } };
  }
  if (type === "ec" && details?.namedCurve === "secp384r1") {
    return { privateKey, hash: "sha384", algorithm: { oid: "1.2.840.10045.4.3.3", hasNullParameters: false } };
  }
  if (type === "rsa") return { privateKey, hash: "sha256", algorithm: { oid: "1.2.840.113549.1.1.11", hasNullParameters: true } };
  throw new AuthorityError("ERR_CA_KEY_UNSUPPORTED", file, `The key in ${file} is of a kind that browsers do not accept in certificates (${type}): use EC P-256, EC P-384 or RSA, or ${replacementAdvice(file)}`);
}

/** The PEM copy is written last: when it is right, the others are whole. */
async function writeCopies(files: AuthorityFiles, read: ReadAuthority): Promise<void> {
  const arePresent = await Promise.all([files.certDer, files.certP12, files.keyAndCertP12].map(isPresent));
  if (arePresent.every(Boolean) && (await readFileIfAny(files.certPem)) === read.certificatePem) return;
  const friendlyName = read.commonName;
  const certificate = read.certificateDer;
  await replaceFile(files.certDer, certificate, 0o644);
  await replaceFile(files.certP12, encodePkcs12({ certificate, friendlyName }), 0o644);
  await replaceFile(files.keyAndCertP12, encodePkcs12({ certificate, friendlyName, privateKey: read.issuer.privateKey }), 0o600);
  await replaceFile(files.certPem, read.certificatePem, 0o644);
}

function replacementAdvice(file: string): string {
  return `restore it from a backup, or move ${file} away and start again to have a new one made, then install the new certificate in your clients.`;
}

function renewalAdvice(file: string): string {
  return `move ${file} away and start again to have a new one made, then install the new certificate in your clients.`;
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
