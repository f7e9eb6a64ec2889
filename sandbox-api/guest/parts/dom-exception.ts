// DOMException (Web IDL §4.3): the errors of Web APIs, with their legacy codes. Lives in the part "events"; other parts make theirs by
// `domException`, so that there is one class in an isolate.
import { constants, describe, text } from "./idl.ts";
import { RealError, define, getOwnPropertyDescriptor, setPrototypeOf } from "./intrinsics.ts";

const codes: { readonly [name: string]: number } = {
  __proto__: null as never,
  IndexSizeError: 1, HierarchyRequestError: 3, WrongDocumentError: 4, InvalidCharacterError: 5, NoModificationAllowedError: 7, NotFoundError: 8, NotSupportedError: 9, InUseAttributeError: 10,
  InvalidStateError: 11, SyntaxError: 12, InvalidModificationError: 13, NamespaceError: 14, InvalidAccessError: 15, TypeMismatchError: 17, SecurityError: 18, NetworkError: 19, AbortError: 20,
  URLMismatchError: 21, QuotaExceededError: 22, TimeoutError: 23, InvalidNodeTypeError: 24, DataCloneError: 25,
};

const captureStackTrace: unknown = getOwnPropertyDescriptor(RealError, "captureStackTrace")?.value;

const door: { is: (value: unknown) => value is DOMException } = { is: (_value): _value is DOMException => false };
/** Whether that is a DOMException; cannot be forged. */
export const isDomException = (value: unknown): value is DOMException => door.is(value);

export class DOMException {
  readonly #message: string;
  readonly #name: string;

  constructor(message: unknown = "", name: unknown = "Error") {
    this.#message = text(message);
    this.#name = text(name);
    if (typeof captureStackTrace === "function") $kernel.intrinsics.apply(captureStackTrace as (...args: unknown[]) => unknown, RealError, [this]);
  }
  get name(): string { return this.#name; }
  get message(): string { return this.#message; }
  get code(): number { return codes[this.#name] ?? 0; }

  static {
    door.is = (value): value is DOMException => $kernel.intrinsics.isObject(value) && #name in value;
  }
}

setPrototypeOf(DOMException.prototype, RealError.prototype);
describe(DOMException, "DOMException", (value) => {
  if (!isDomException(value)) return undefined;
  const copy = new DOMException(value.message, value.name);
  define(copy, "stack", $kernel.readMember(value, "stack"), false);
  return copy;
});
constants(DOMException, {
  INDEX_SIZE_ERR: 1, DOMSTRING_SIZE_ERR: 2, HIERARCHY_REQUEST_ERR: 3, WRONG_DOCUMENT_ERR: 4, INVALID_CHARACTER_ERR: 5, NO_DATA_ALLOWED_ERR: 6, NO_MODIFICATION_ALLOWED_ERR: 7, NOT_FOUND_ERR: 8,
  NOT_SUPPORTED_ERR: 9, INUSE_ATTRIBUTE_ERR: 10, INVALID_STATE_ERR: 11, SYNTAX_ERR: 12, INVALID_MODIFICATION_ERR: 13, NAMESPACE_ERR: 14, INVALID_ACCESS_ERR: 15, VALIDATION_ERR: 16,
  TYPE_MISMATCH_ERR: 17, SECURITY_ERR: 18, NETWORK_ERR: 19, ABORT_ERR: 20, URL_MISMATCH_ERR: 21, QUOTA_EXCEEDED_ERR: 22, TIMEOUT_ERR: 23, INVALID_NODE_TYPE_ERR: 24, DATA_CLONE_ERR: 25,
});
define(DOMException, "length", 0, false);
