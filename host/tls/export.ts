/**
 * What `flowcell ca print` and `flowcell ca export` show: the authority's certificate in the forms that systems import. Pure, and never the private key.
 */
import type { Authority } from "./authority.ts";
import { encodePkcs12 } from "./pkcs12.ts";

/** `pem` and `der` are X.509 (RFC 7468, DER), `p12` is PKCS#12 with an empty password. */
export type CertificateFormat = "pem" | "der" | "p12";

/** The certificate's bytes in a format. */
export function exportCertificate(authority: Pick<Authority, "certificatePem" | "certificateDer" | "commonName">, format: CertificateFormat): Buffer {
  if (format === "pem") return Buffer.from(authority.certificatePem);
  if (format === "der") return Buffer.from(authority.certificateDer);
  return encodePkcs12({ certificate: authority.certificateDer, friendlyName: authority.commonName });
}

/** Some lines for a person who compares what is installed with what the proxy uses. */
export function describeAuthority(authority: Pick<Authority, "commonName" | "fingerprint256" | "notAfter" | "files">): string {
  const rows: readonly (readonly [string, string])[] = [
    ["Name", authority.commonName],
    ["SHA-256", authority.fingerprint256],
    ["Valid until", authority.notAfter.toISOString().slice(0, 10)],
    ["PEM", authority.files.certPem],
    ["DER", authority.files.certDer],
    ["PKCS#12", `${authority.files.certP12} (empty password)`],
  ];
  return rows.map(([label, value]) => `${`${label}:`.padEnd(13)}${value}\n`).join("");
}
