/**
 * TLS sessions with servers, kept so that the next connection to the same one costs a short handshake: no certificate is sent, checked and read again.
 * A session is used by one target only, a TLS 1.3 ticket once (RFC 8446 appendix C.4). Bounded in number, size and age; it opens no connections.
 */
import type { UpstreamTarget } from "./policy.ts";

export interface UpstreamSession {
  /** As node:tls gives and takes it; it holds the name that was verified. */
  readonly session: Buffer;
  /** DER of the server's certificate, which it does not show again. */
  readonly certificate: Buffer | null;
}

/** Who a session is with: only a connection that would be verified and offered just so may resume it. */
export interface SessionTarget extends UpstreamTarget {
  /** Host and port to which the connection really leads. */
  readonly place: string;
}

interface Entry {
  readonly sessions: (UpstreamSession & { readonly since: number })[];
}

/** LIMIT: targets, sessions of each, bytes of one session (with a long chain some 6 KiB). */
const mostTargets = 500;
const mostPerTarget = 4;
const mostBytes = 16_384;
/** LIMIT: a certificate that was revoked or has expired meanwhile is believed that much longer, in milliseconds. */
const mostAgeMs = 3_600_000;

export class UpstreamSessions {
  readonly #now: () => number;
  /** In order of use: the first is the one to go. */
  readonly #entries = new Map<string, Entry>();

  /** `now` in milliseconds. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The newest session with that target, which is nobody else's from now on; null when there is none. */
  take(target: SessionTarget): UpstreamSession | null {
    const key = keyOf(target);
    const entry = this.#entries.get(key);
    const session = entry?.sessions.pop();
    if (entry !== undefined && entry.sessions.length === 0) this.#entries.delete(key);
    if (session === undefined || this.#now() - session.since <= mostAgeMs) return session ?? null;
    // What is below the newest is older still.
    this.#entries.delete(key);
    return null;
  }

  /** Whether one more with that target would be kept. */
  wants(target: SessionTarget): boolean {
    return (this.#entries.get(keyOf(target))?.sessions.length ?? 0) < mostPerTarget;
  }

  /** Keeps a session of a connection whose server was verified as that target; one too many or too large is dropped. */
  keep(target: SessionTarget, { session, certificate }: UpstreamSession): void {
    if (session.length > mostBytes) return;
    const key = keyOf(target);
    const entry = this.#entries.get(key) ?? { sessions: [] };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (entry.sessions.length < mostPerTarget) entry.sessions.push({ session, certificate, since: this.#now() });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > mostTargets && oldest !== undefined) this.#entries.delete(oldest);
  }
}

/** Names hold no spaces; protocols may, and stand last. */
function keyOf({ host, place, sni, alpnProtocols }: SessionTarget): string {
  return `${host} ${place} ${sni ?? ""} ${JSON.stringify(alpnProtocols)}`;
}
