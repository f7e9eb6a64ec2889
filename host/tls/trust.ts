/**
 * Which certificate authorities the proxy believes when it is the client: those Node brings, those of the system, and the operator's `--upstream-ca`.
 * One TLS context with all of them is made when first needed and shared by all connections; what else a connection needs is `policy.ts`.
 */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import { AuthorityError, systemErrorCode } from "./authority-error.ts";
import type { CertificateFile } from "./certificate-file.ts";
import { ClientCertificates, readClientCertificates } from "./client-certificates.ts";
import { minimumTlsVersion, type UpstreamTrust } from "./policy.ts";

export interface TrustOptions {
  /** --ssl-insecure: verify nothing. */
  readonly sslInsecure: boolean;
  /** --upstream-ca: a PEM file of certificates to believe besides the usual ones. */
  readonly upstreamCaFile?: string | undefined;
  /** --client-certs: certificates for servers that ask for one (`readClientCertificates`). */
  readonly clientCertsPath?: string | undefined;
}

/** Where Linux distributions and the BSDs keep all roots in one file, likeliest first. */
const bundleFiles = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"];

/**
 * Reads the operator's file; throws AuthorityError when it cannot be used. The roots themselves are loaded when `secureContext` is first asked for,
 * some 20 ms of CPU, once. PERF: the start does not wait for them (bench/start-up.ts).
 */
export async function openUpstreamTrust(options: TrustOptions): Promise<UpstreamTrust> {
  const extra = options.upstreamCaFile === undefined ? [] : await readExtraRoots(options.upstreamCaFile);
  const bundle = options.sslInsecure ? null : await systemBundle();
  const files = options.clientCertsPath === undefined ? null : await readClientCertificates(options.clientCertsPath);
  const roots = (): readonly string[] => (options.sslInsecure ? extra : [...usualRoots(bundle), ...extra]);
  const own = files === null ? null : new ClientCertificates(files, (file) => contextFor(roots(), file));
  let secureContext: SecureContext | null = null;
  return {
    get secureContext() {
      return secureContext ??= contextFor(roots(), null);
    },
    isVerified: !options.sslInsecure,
    ...(own !== null && { clientContextFor: (host: string) => own.contextFor(host) }),
  };
}

function contextFor(roots: readonly string[], own: CertificateFile | null): SecureContext {
  // The same certificate comes from two places, with lines of different lengths.
  const unique = new Map(roots.map((pem) => [pem.replaceAll(/\s/g, ""), pem]));
  return createSecureContext({ ca: [...unique.values()], minVersion: minimumTlsVersion, ...(own !== null && { cert: own.certificatePem, key: own.keyPem }) });
}

function usualRoots(bundle: readonly string[] | null): readonly string[] {
  return [...getCACertificates("bundled"), ...getCACertificates("extra"), ...(bundle ?? getCACertificates("system"))];
}

/** The system's roots where they are in one file, else null. PERF: Node's own way reads each certificate of the folder beside it too, five times as many, without a pause. */
async function systemBundle(): Promise<readonly string[] | null> {
  const isChosenByOperator = process.env["SSL_CERT_FILE"] !== undefined || process.env["SSL_CERT_DIR"] !== undefined;
  if (process.platform !== "darwin" && process.platform !== "win32" && !isChosenByOperator) {
    for (const file of bundleFiles) {
      const pem = await readFile(file, "utf8").catch((error: unknown) => {
        if (systemErrorCode(error) === undefined) throw error;
        return "";
      });
      const certificates = splitPem(pem);
      if (certificates.length > 0) return certificates;
    }
  }
  return null;
}

async function readExtraRoots(file: string): Promise<readonly string[]> {
  let pem: string;
  try {
    pem = await readFile(file, "utf8");
  } catch (error) {
    const reason = systemErrorCode(error) ?? String(error);
    throw new AuthorityError("ERR_UPSTREAM_CA_UNREADABLE", file, `${file} cannot be read (${reason}): give --upstream-ca a PEM file that this user can read.`, error);
  }
  const certificates = splitPem(pem);
  if (certificates.length === 0) {
    throw new AuthorityError("ERR_UPSTREAM_CA_CORRUPT", file, `${file} holds no certificate in PEM form: give --upstream-ca a file with "-----BEGIN CERTIFICATE-----" blocks.`);
  }
  for (const [index, certificate] of certificates.entries()) {
    try {
      new X509Certificate(certificate);
    } catch (error) {
      throw new AuthorityError("ERR_UPSTREAM_CA_CORRUPT", file, `Certificate ${index + 1} in ${file} cannot be read: take it out of the file, or put a good copy in.`, error);
    }
  }
  return certificates;
}

function splitPem(pem: string): readonly string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
}
