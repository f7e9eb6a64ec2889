// Who may use the proxy: one pair, an htpasswd file, or anybody who gives a name. Answers whether credentials are right, in time that
// does not depend on how wrong they are; how they came (HTTP, SOCKS) and what a refusal looks like is with the layers. It never
// prints, keeps or gives out a user's name or password.
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { OperatorError } from "../operator-error.ts";
import { BcryptThread } from "./bcrypt-thread.ts";
import { readHtpasswd, type PasswordHashes } from "./htpasswd.ts";

export interface Credentials { readonly user: string; readonly password: string }

/** busy: too many are being looked at; nothing is said about these. */
export type Verdict = "right" | "wrong" | "busy";

export interface ProxyAuth {
  /** At once where nothing has to be computed. Never rejects. */
  verify(credentials: Credentials): Verdict | Promise<Verdict>;
  /** Ends what it has started. */
  close(): Promise<void>;
}

/** --proxy-auth, read. */
export type ProxyAuthChoice = { readonly kind: "any" } | { readonly kind: "pair"; readonly pair: Credentials } | { readonly kind: "file"; readonly file: string };

/** LIMIT: credentials that were found right and are not hashed again; the least recently used go first. */
const mostRemembered = 1_000;

/** Opens what was chosen. Throws OperatorError when the file cannot be used. */
export async function openProxyAuth(choice: ProxyAuthChoice): Promise<ProxyAuth> {
  switch (choice.kind) {
    case "any": return { verify: ({ user }) => (user === "" ? "wrong" : "right"), close: () => Promise.resolve() };
    case "pair": return onePair(choice.pair);
    case "file": return new HashedUsers(await readUsers(choice.file));
  }
}

/** A digest under a key of its own: equal for equal texts, and comparing two says nothing of where they differ. */
type Digest = (texts: readonly string[]) => Buffer;

function newDigest(): Digest {
  const key = randomBytes(32);
  return (texts) => {
    const hmac = createHmac("sha256", key);
    // With their lengths, so that "a","bc" is not "ab","c".
    for (const text of texts) hmac.update(`${Buffer.byteLength(text)}:`).update(text);
    return hmac.digest();
  };
}

function onePair(pair: Credentials): ProxyAuth {
  const digest = newDigest();
  const right = digest([pair.user, pair.password]);
  return { verify: ({ user, password }) => (timingSafeEqual(digest([user, password]), right) ? "right" : "wrong"), close: () => Promise.resolve() };
}

async function readUsers(file: string): Promise<PasswordHashes> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new OperatorError("ERR_PROXY_AUTH_FILE", `${file} cannot be read (${reason}): give --proxy-auth @FILE an htpasswd file that this user can read.`);
  }
  const hashes = readHtpasswd(text);
  if ("message" in hashes) throw new OperatorError("ERR_PROXY_AUTH_FILE", `${file} ${hashes.message}.`);
  return hashes;
}

class HashedUsers implements ProxyAuth {
  readonly #hashes: PasswordHashes;
  readonly #thread = new BcryptThread();
  readonly #digest = newDigest();
  /** Digests of credentials that were right, in order of use. */
  readonly #right = new Set<string>();
  /** Those being computed: who asks for the same meanwhile waits for the same answer. */
  readonly #running = new Map<string, Promise<Verdict>>();

  constructor(hashes: PasswordHashes) {
    this.#hashes = hashes;
  }

  verify({ user, password }: Credentials): Verdict | Promise<Verdict> {
    const key = this.#digest([user, password]).toString("base64");
    if (this.#right.delete(key)) {
      this.#right.add(key);
      return "right";
    }
    let running = this.#running.get(key);
    if (running === undefined) {
      running = this.#compute(user, password, key).finally(() => this.#running.delete(key));
      this.#running.set(key, running);
    }
    return running;
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  async #compute(user: string, password: string, key: string): Promise<Verdict> {
    // WALL: a name that does not exist takes as long as one that does.
    const [anybody = ""] = this.#hashes.values();
    const hash = this.#hashes.get(user);
    const isRight = await this.#thread.compare(password, hash ?? anybody);
    if (isRight === null) return "busy";
    if (!isRight || hash === undefined) return "wrong";
    this.#right.add(key);
    const [oldest] = this.#right;
    if (this.#right.size > mostRemembered && oldest !== undefined) this.#right.delete(oldest);
    return "right";
  }
}

/** The credentials of `Proxy-Authorization: Basic …` (RFC 7617), read as UTF-8; null when it is missing, repeated or anything else. */
export function readBasic(values: readonly string[]): Credentials | null {
  const token = values.length === 1 ? /^basic +([A-Za-z0-9+/]{1,4096}={0,2})$/i.exec(values[0] ?? "")?.[1] : undefined;
  if (token === undefined) return null;
  const text = Buffer.from(token, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? null : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
