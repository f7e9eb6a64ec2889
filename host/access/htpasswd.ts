// Files of users and password hashes as Apache's htpasswd writes them, of which bcrypt ($2y$, made by `htpasswd -B`) is taken and every
// weaker form is refused. Pure: it reads text and computes no hash. No sentence of it repeats what a file says.

/** Hashes by user. */
export type PasswordHashes = ReadonlyMap<string, string>;

/** Why a file cannot be used: a sentence that goes on after the file's name. */
export interface HtpasswdProblem { readonly kind: "problem"; readonly message: string }

/** LIMIT: users of one file. */
const mostUsers = 100_000;
/** LIMIT: bcrypt's cost; each step doubles the time, and 14 takes a second or two. */
const mostCost = 14;

const bcryptForm = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const weakForms: readonly (readonly [RegExp, string])[] = [
  [/^\$apr1\$/, "Apache's MD5 ($apr1$)"], [/^\{SHA\}/i, "SHA-1 without salt ({SHA})"], [/^\$[56]\$/, "SHA-crypt"], [/^[./A-Za-z0-9]{13}$/, "DES crypt"],
];

/** Reads a file's text. Empty lines and lines that begin with "#" are passed over; of two lines for one user the first counts, as with Apache. */
export function readHtpasswd(text: string): PasswordHashes | HtpasswdProblem {
  const hashes = new Map<string, string>();
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.replace(/\r$/, "");
    if (line.trim() === "" || line.startsWith("#")) continue;
    const colon = line.indexOf(":");
    if (colon < 1) return problem(index, 'is no "user:hash"');
    const why = whyNot(line.slice(colon + 1));
    if (why !== null) return problem(index, why);
    const user = line.slice(0, colon);
    if (!hashes.has(user)) hashes.set(user, line.slice(colon + 1));
    if (hashes.size > mostUsers) return { kind: "problem", message: `has more than ${mostUsers} users: give fewer` };
  }
  return hashes.size > 0 ? hashes : { kind: "problem", message: 'has no users: add one with "htpasswd -B FILE USER"' };
}

const problem = (index: number, why: string): HtpasswdProblem => ({ kind: "problem", message: `has a line ${index + 1} that ${why}` });

function whyNot(hash: string): string | null {
  const cost = bcryptForm.exec(hash)?.[1];
  if (cost !== undefined) return Number(cost) <= mostCost && Number(cost) >= 4 ? null : `has a bcrypt cost outside 4 to ${mostCost}: make it anew with "htpasswd -B"`;
  const weak = weakForms.find(([form]) => form.test(hash))?.[1] ?? "a form that is not bcrypt";
  return `holds its password as ${weak}, which is not taken: make it anew with "htpasswd -B"`;
}
