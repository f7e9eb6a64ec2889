/**
 * What can be wrong with the operator's certificate files: one error with a stable code, the file, and a sentence that says what to do.
 * For operators only; faults of peers are values (`explain.ts`).
 */

import { OperatorError } from "../operator-error.ts";

/** Stable codes; the command line prints the message and exits 1. */
export type AuthorityErrorCode =
  | "ERR_CA_CONFDIR"
  | "ERR_CA_UNREADABLE"
  | "ERR_CA_CORRUPT"
  | "ERR_CA_KEY_ENCRYPTED"
  | "ERR_CA_KEY_UNSUPPORTED"
  | "ERR_CA_MISMATCH"
  | "ERR_CA_NOT_A_CA"
  | "ERR_CA_NOT_YET_VALID"
  | "ERR_CA_EXPIRED"
  | "ERR_CERTIFICATE_UNREADABLE"
  | "ERR_CERTIFICATE_CORRUPT"
  | "ERR_CERTIFICATE_MISMATCH"
  | "ERR_CERTIFICATE_EXPIRED"
  | "ERR_UPSTREAM_CA_UNREADABLE"
  | "ERR_UPSTREAM_CA_CORRUPT";

/** The operator's files do not allow a start. `message` names the file and says what to do. */
export class AuthorityError extends OperatorError {
  declare readonly code: AuthorityErrorCode;
  readonly file: string;

  constructor(code: AuthorityErrorCode, file: string, message: string, cause?: unknown) {
    super(code, message, cause === undefined ? undefined : { cause });
    this.file = file;
  }
}

/** The code of a system error (`ENOENT`, `EACCES`, …), or undefined for anything else. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
