/**
 * One TLS context per host, kept: minting and loading a certificate costs about a millisecond, a look-up nothing. Bounded, least recently used out first.
 * It decides when to mint and how long to keep; what a leaf contains is `leaf.ts`, how a connection uses it `policy.ts`.
 */
import { hash, hkdfSync, randomBytes } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Authority, Issuer } from "./authority.ts";
import { createLeafKey, mintLeaf, type LeafKey, type LeafSubject } from "./leaf.ts";
import { readName } from "./names.ts";
import { clientSideSecureOptions, minimumTlsVersion } from "./policy.ts";

/** A leaf ready for use. `names` is its subjectAltName. */
export interface LeafContext {
  readonly secureContext: SecureContext;
  readonly certificatePem: string;
  readonly names: readonly string[];
  readonly notAfter: Date;
}

export interface LeafCacheOptions {
  /** LIMIT: contexts kept, 1,000 by default, some 25 KB each outside the JavaScript heap. */
  readonly maxEntries?: number;
  /** Milliseconds since 1970; for tests. */
  readonly now?: () => number;
  /** 32 random bytes. Caches of several processes that share it resume each other's sessions. */
  readonly ticketSecret?: Buffer;
}

const dayMs = 86_400_000;
/** A context leaves this long before its certificate expires, so that no handshake meets the last second. */
const renewalMarginMs = dayMs;
const defaultMaxEntries = 1000;

/**
 * Contexts by subject. All contexts of one cache share a key; tickets for session resumption are sealed per subject, so that a session with one host
 * resumes after its context was dropped and made again, and never with another host.
 */
export class LeafCache {
  readonly #issuer: Issuer;
  readonly #maxEntries: number;
  readonly #now: () => number;
  readonly #key: LeafKey = createLeafKey();
  readonly #ticketSecret: Buffer;
  /** In order of use: the first is the one to go. */
  readonly #entries = new Map<string, LeafContext>();
  readonly #pending = new Map<string, Promise<LeafContext>>();
  /** When the last mint that was asked for may run. */
  #lastTurn: Promise<void> = Promise.resolve();

  constructor(authority: Pick<Authority, "issuer">, options: LeafCacheOptions = {}) {
    this.#issuer = authority.issuer;
    this.#maxEntries = options.maxEntries ?? defaultMaxEntries;
    this.#now = options.now ?? Date.now;
    this.#ticketSecret = options.ticketSecret ?? randomBytes(32);
  }

  /** Contexts kept now. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * The context for a subject, minted when there is none. Those who ask for the same one at once share a mint; each mint has a turn of the event loop to
   * itself, so that a burst of new hosts does not stop the others. Hostile names do not make it fail.
   */
  async contextFor(subject: LeafSubject): Promise<LeafContext> {
    const key = keyOf(subject);
    const kept = this.#entries.get(key);
    if (kept !== undefined && kept.notAfter.getTime() - renewalMarginMs > this.#now()) {
      this.#entries.delete(key);
      this.#entries.set(key, kept);
      return kept;
    }
    let pending = this.#pending.get(key);
    if (pending === undefined) {
      pending = this.#mintInTurn(key, subject).finally(() => this.#pending.delete(key));
      this.#pending.set(key, pending);
    }
    return pending;
  }

  async #mintInTurn(key: string, subject: LeafSubject): Promise<LeafContext> {
    this.#lastTurn = this.#lastTurn.then(() => nextTurn());
    await this.#lastTurn;
    const context = this.#mint(key, subject);
    this.#entries.delete(key);
    this.#entries.set(key, context);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#maxEntries) break;
      this.#entries.delete(oldest);
    }
    return context;
  }

  #mint(key: string, subject: LeafSubject): LeafContext {
    const leaf = mintLeaf(subject, this.#issuer, this.#key, new Date(this.#now()));
    const secureContext = createSecureContext({
      cert: leaf.certificatePem,
      key: leaf.keyPem,
      // PERF: no roots. Clients show no certificates here, and loading Node's own list would be paid for each context.
      ca: [],
      minVersion: minimumTlsVersion,
      secureOptions: clientSideSecureOptions,
      ticketKeys: Buffer.from(hkdfSync("sha256", this.#ticketSecret, "", key, 48)),
    });
    return { secureContext, certificatePem: leaf.certificatePem, names: leaf.names, notAfter: leaf.notAfter };
  }
}

/** The cache for an authority's leaves; one for the whole process is meant. */
export function createLeafCache(authority: Pick<Authority, "issuer">, options: LeafCacheOptions = {}): LeafCache {
  return new LeafCache(authority, options);
}

/** Names that differ only in spelling share a context; what is no name counts as none. */
function keyOf({ sni, host, upstreamCertificate }: LeafSubject): string {
  const names = [sni, host].map((text) => readName(text ?? "")?.value ?? "");
  return [...names, upstreamCertificate === undefined ? "" : hash("sha256", upstreamCertificate)].join(" ");
}
