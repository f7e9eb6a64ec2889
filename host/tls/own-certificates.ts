/**
 * The operator's own certificates, shown to clients in place of minted leaves: by the name that the client asks for, or on a listener. It mints nothing.
 */
import { createSecureContext } from "node:tls";
import { readCertificateFile } from "./certificate-file.ts";
import { pickByHost, type OwnCertificate } from "./host-names.ts";
import type { LeafContext } from "./leaf-cache.ts";
import type { LeafSubject } from "./leaf.ts";
import { clientSideSecureOptions, minimumTlsVersion } from "./policy.ts";

interface LeafSource { contextFor(subject: LeafSubject): Promise<LeafContext> }

/** One file as a context for handshakes. Throws AuthorityError, as `readCertificateFile` does. */
export async function openOwnCertificate(file: string, option: string): Promise<LeafContext> {
  const { certificatePem, keyPem, certificate } = await readCertificateFile(file, option);
  return {
    secureContext: createSecureContext({ cert: certificatePem, key: keyPem, ca: [], minVersion: minimumTlsVersion, secureOptions: clientSideSecureOptions }),
    certificatePem, names: (certificate.subjectAltName ?? "").split(", ").map((name) => name.replace(/^(DNS|IP Address):/, "")), notAfter: certificate.validToDate,
  };
}

/** A source that gives the operator's certificates where there is one for the name, and asks `minted` for all others. */
export async function openOwnCertificates(own: readonly OwnCertificate[], minted: LeafSource): Promise<LeafSource> {
  if (own.length === 0) return minted;
  const byPattern = new Map<string, LeafContext>();
  for (const { pattern, file } of own) byPattern.set(pattern, await openOwnCertificate(file, "--certs"));
  return { contextFor: (subject) => {
    const found = pickByHost(byPattern, subject.sni ?? subject.host ?? "");
    return found === undefined ? minted.contextFor(subject) : Promise.resolve(found);
  } };
}
