/**
 * The certificates that the proxy shows to servers which ask for one: one for all, or one for each host out of a folder. Checked at start; a context of a
 * host is made when its server is met. Which roots are believed is the same for all (`trust.ts`).
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { SecureContext } from "node:tls";
import { AuthorityError, systemErrorCode } from "./authority-error.ts";
import { readCertificateFile, type CertificateFile } from "./certificate-file.ts";
import { pickByHost, readHostPattern } from "./host-names.ts";

/** LIMIT: contexts kept, each with all roots (some hundred KB); the least recently used goes first. */
const mostContexts = 50;

const option = "--client-certs";

export class ClientCertificates {
  readonly #files: ReadonlyMap<string, CertificateFile>;
  readonly #makeContext: (file: CertificateFile) => SecureContext;
  /** In order of use. */
  readonly #contexts = new Map<CertificateFile, SecureContext>();

  /** By pattern (`pickByHost`). */
  constructor(files: ReadonlyMap<string, CertificateFile>, makeContext: (file: CertificateFile) => SecureContext) {
    this.#files = files;
    this.#makeContext = makeContext;
  }

  /** The context for a server; null where there is no certificate for it. */
  contextFor(host: string): SecureContext | null {
    const file = pickByHost(this.#files, host);
    if (file === undefined) return null;
    const context = this.#contexts.get(file) ?? this.#makeContext(file);
    this.#contexts.delete(file);
    this.#contexts.set(file, context);
    const [oldest] = this.#contexts.keys();
    if (this.#contexts.size > mostContexts && oldest !== undefined) this.#contexts.delete(oldest);
    return context;
  }
}

/** A PEM file with key and certificate for every server, or a folder of them named HOST.pem. Throws AuthorityError. */
export async function readClientCertificates(path: string): Promise<ReadonlyMap<string, CertificateFile>> {
  const names = await filesIn(path);
  if (names === null) return new Map([["*", await readCertificateFile(path, option)]]);
  const files = new Map<string, CertificateFile>();
  for (const name of names) {
    const pattern = readHostPattern(name.slice(0, -4));
    if (pattern === undefined) throw new AuthorityError("ERR_CERTIFICATE_CORRUPT", join(path, name), `${join(path, name)} is not named after a host: call it HOST.pem, with HOST as the server is addressed.`);
    files.set(pattern, await readCertificateFile(join(path, name), option));
  }
  if (files.size === 0) throw new AuthorityError("ERR_CERTIFICATE_UNREADABLE", path, `${path} has no files HOST.pem: give ${option} a folder with them, or one PEM file for every server.`);
  return files;
}

/** The .pem files of a folder; null: it is a file. */
async function filesIn(path: string): Promise<readonly string[] | null> {
  try {
    return (await stat(path)).isDirectory() ? (await readdir(path)).filter((name) => name.endsWith(".pem")).sort() : null;
  } catch (error) {
    throw new AuthorityError("ERR_CERTIFICATE_UNREADABLE", path, `${path} cannot be read (${systemErrorCode(error) ?? String(error)}): give ${option} a PEM file, or a folder with files HOST.pem.`, error);
  }
}
