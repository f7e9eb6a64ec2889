/**
 * Certificates of the operator's own, as files: one PEM with the key, the certificate and what it needs to reach its root. Checks at start everything
 * that would otherwise fail in the middle of a handshake. It decides nothing about where they are shown.
 */
import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { AuthorityError, systemErrorCode } from "./authority-error.ts";

export interface CertificateFile {
  /** The certificate, then its chain. */
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly certificate: X509Certificate;
}

/** Reads and checks it. `option` is named in what it throws: an AuthorityError with a sentence for the operator. */
export async function readCertificateFile(file: string, option: string, now = new Date()): Promise<CertificateFile> {
  let pem: string;
  try {
    pem = await readFile(file, "utf8");
  } catch (error) {
    const reason = systemErrorCode(error) ?? String(error);
    throw new AuthorityError("ERR_CERTIFICATE_UNREADABLE", file, `${file} cannot be read (${reason}): give ${option} a PEM file that this user can read.`, error);
  }
  const key = readKey(pem, file, option);
  const certificates = readChain(pem, file, option);
  const [first] = certificates;
  if (first === undefined) throw new AuthorityError("ERR_CERTIFICATE_CORRUPT", file, `${file} holds no certificate in PEM form: give ${option} a file with the key and the certificate.`);
  checkPair(first, key, { certificates, file, option });
  if (now > first.validToDate) throw new AuthorityError("ERR_CERTIFICATE_EXPIRED", file, `The certificate in ${file} expired on ${first.validToDate.toISOString().slice(0, 10)}: give ${option} a new one.`);
  if (now < first.validFromDate) throw new AuthorityError("ERR_CERTIFICATE_EXPIRED", file, `The certificate in ${file} is not valid before ${first.validFromDate.toISOString()}: check this machine's clock.`);
  return { certificatePem: certificates.map(String).join(""), keyPem: key.export({ type: "pkcs8", format: "pem" }).toString(), certificate: first };
}

function readKey(pem: string, file: string, option: string): KeyObject {
  const block = /-----BEGIN ([A-Z ]*)PRIVATE KEY-----[\s\S]*?-----END \1PRIVATE KEY-----/.exec(pem)?.[0];
  if (block === undefined) throw new AuthorityError("ERR_CERTIFICATE_CORRUPT", file, `${file} holds no private key: ${option} needs key and certificate in one file (cat key.pem cert.pem > both.pem).`);
  if (/ENCRYPTED/.test(block)) throw new AuthorityError("ERR_CERTIFICATE_CORRUPT", file, `The key in ${file} is encrypted: take its password off first (openssl pkey -in ${file} -out key.pem).`);
  try {
    return createPrivateKey(block);
  } catch (error) {
    throw new AuthorityError("ERR_CERTIFICATE_CORRUPT", file, `The private key in ${file} cannot be read: put a good copy in for ${option}.`, error);
  }
}

function readChain(pem: string, file: string, option: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw new AuthorityError("ERR_CERTIFICATE_CORRUPT", file, `Certificate ${index + 1} in ${file} cannot be read: put a good copy in for ${option}.`, error);
    }
  });
}

function checkPair(first: X509Certificate, key: KeyObject, { certificates, file, option }: { readonly certificates: readonly X509Certificate[]; readonly file: string; readonly option: string }): void {
  if (first.checkPrivateKey(key)) return;
  const isElsewhere = certificates.some((certificate) => certificate.checkPrivateKey(key));
  const advice = isElsewhere ? "put the certificate of the key before the others of its chain" : `give ${option} a key and a certificate that belong together`;
  throw new AuthorityError("ERR_CERTIFICATE_MISMATCH", file, `The key in ${file} is not that of its first certificate: ${advice}.`);
}
