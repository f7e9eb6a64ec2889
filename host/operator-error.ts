// An error that the operator can mend: a stable code and one sentence that says what is wrong and what to do. Anything else that
// is thrown is a mistake of ours and shows its stack.

export class OperatorError extends Error {
  readonly code: string;

  /** `code` is stable (`ERR_PORT_IN_USE`); `message` is one sentence for a person. */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "OperatorError";
    this.code = code;
  }
}

/** The sentence for the operator, if `error` is one that an operator can mend: it has a string `code` and a one-line message. */
export function operatorSentence(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return null;
  return error.message.split("\n")[0] ?? null;
}
