/**
 * Leaf certificates: what the proxy shows a client in place of a server. Names come from the client (SNI, CONNECT host) and from the server's own
 * certificate; everything else is ours. Pure but for randomness and the key: it keeps nothing and opens nothing (`leaf-cache.ts` does).
 */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import type { Issuer } from "./authority.ts";
import { distinguishedName, extensions, keyIdentifierOf, namesPerCertificateLimit, randomSerial, readCertificate, signCertificate } from "./certificate.ts";
import { readName, type CertificateName } from "./names.ts";

/** Whom a leaf stands for. Text may come from hostile peers: what is no name is left out. */
export interface LeafSubject {
  /** server_name of the ClientHello. */
  readonly sni?: string | undefined;
  /** CONNECT host or destination: a name or an address. */
  readonly host?: string | undefined;
  /** The server's own certificate, DER. */
  readonly upstreamCertificate?: Uint8Array | undefined;
}

export interface Leaf {
  readonly certificateDer: Buffer;
  /** Leaf, then what clients need to reach the root. */
  readonly certificatePem: string;
  readonly keyPem: string;
  /** subjectAltName as text, in order. */
  readonly names: readonly string[];
  readonly notAfter: Date;
}

/** The one key of all leaves of this process, with what is made from it once. It is never written to disk. */
export interface LeafKey {
  readonly keyPem: string;
  readonly publicKeyDer: Buffer;
  readonly keyIdentifier: Buffer;
}

const dayMs = 86_400_000;
/** Clients whose clock is behind, or who are in another opinion about today, must not refuse a fresh leaf. */
const backdatedMs = 2 * dayMs;
/** With the days before: 199, under the 200 of CA/Browser Forum ballot SC-081 and far under the 397 and 825 that browsers and Apple enforce. */
const lifetimeMs = 197 * dayMs;
/** RFC 5280 appendix A: ub-common-name. */
const commonNameLimit = 64;
/** Shown when the client named nobody and the destination is unknown; RFC 6761 keeps it from being anyone's. */
const nameOfNobody: CertificateName = { kind: "dns", value: "flowcell.invalid" };

/** Makes the key that all leaves share: EC P-256, some 0.1 ms. A key per leaf would protect nothing more, as all of them live in this process. */
export function createLeafKey(): LeafKey {
  const { privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    keyPem: String(privateKey.export({ type: "pkcs8", format: "pem" })),
    publicKeyDer: publicKey.export({ type: "spki", format: "der" }),
    keyIdentifier: keyIdentifierOf(publicKey),
  };
}

/**
 * Signs a leaf for the subject: serverAuth, at most 200 names, valid from two days ago for 199 days, but never outside its issuer's own time.
 * PERF: well under a millisecond of CPU (bench/leaf-minting.ts).
 */
export function mintLeaf(subject: LeafSubject, issuer: Issuer, key: LeafKey, now: Date): Leaf {
  const { names, commonName } = identityOf(subject);
  const notBefore = new Date(Math.max(now.getTime() - backdatedMs, issuer.notBefore.getTime()));
  const notAfter = new Date(Math.min(now.getTime() + lifetimeMs, issuer.notAfter.getTime()));
  const certificateDer = signCertificate(
    {
      issuer: issuer.subject,
      subject: distinguishedName(commonName === undefined ? {} : { commonName }),
      publicKey: key.publicKeyDer,
      notBefore,
      notAfter,
      serial: randomSerial(),
      extensions: [
        extensions.basicConstraintsEndEntity(),
        extensions.keyUsageServer(),
        extensions.extendedKeyUsageServer(),
        extensions.subjectKeyIdentifier(key.keyIdentifier),
        extensions.authorityKeyIdentifier(issuer.keyIdentifier),
        extensions.subjectAltName(names, commonName === undefined),
      ],
    },
    issuer,
  );
  return {
    certificateDer,
    certificatePem: pemOf(certificateDer) + issuer.chainPem,
    keyPem: key.keyPem,
    names: names.map(({ value }) => value),
    notAfter,
  };
}

/** The names a leaf carries, the client's own first so that no bound can cut them off, and its common name. */
function identityOf(subject: LeafSubject): { readonly names: readonly CertificateName[]; readonly commonName: string | undefined } {
  const upstream = subject.upstreamCertificate === undefined ? undefined : readCertificate(subject.upstreamCertificate);
  const wanted = [subject.sni, subject.host].map((text) => readName(text ?? ""));
  const upstreamCommonName = readName(upstream?.commonName ?? "");
  // A common name counts as a host name only where it plainly is one: "Server 7" and "localhost-proxy" do not.
  const legacy = upstreamCommonName?.kind === "dns" && !upstreamCommonName.value.includes(".") ? undefined : upstreamCommonName;
  const unique = new Map<string, CertificateName>();
  for (const name of [...wanted, legacy, ...(upstream?.names ?? [])]) {
    if (name !== undefined && unique.size < namesPerCertificateLimit) unique.set(name.value, name);
  }
  const names = unique.size === 0 ? [nameOfNobody] : [...unique.values()];
  const candidates = [upstream?.commonName, ...names.map(({ value }) => value)];
  return { names, commonName: candidates.find((text) => text !== undefined && isSensibleCommonName(text)) };
}

function isSensibleCommonName(text: string): boolean {
  return text.length <= commonNameLimit && /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text);
}

function pemOf(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
