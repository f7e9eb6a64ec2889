// The third kind of failure: we are wrong. A broken invariant throws, and whoever owns the connection lets it
// die; the process goes on. Never used for what a peer, an addon or the operator can cause.

/** Thrown by `invariant`: a bug in Flowcell itself. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** Throws an InvariantError with that sentence unless the condition holds. */
export function invariant(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new InvariantError(sentence);
}
