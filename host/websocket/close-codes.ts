// Close codes (RFC 6455 §7.4) that the proxy itself gives, and what each way of breaking the protocol is called. Pure tables.

export const closeCodes = { normal: 1000, protocolError: 1002, noStatus: 1005, abnormal: 1006, invalidData: 1007, policyViolation: 1008, tooBig: 1009, internalError: 1011 } as const;

/** A code that ends both sides when one of them breaks the rules. */
export type FailureCode = 1002 | 1007 | 1008 | 1009 | 1011;

/** ws's own names of what can be wrong with a frame; anything else comes from zlib. */
const codes: Readonly<Record<string, FailureCode>> = {
  WS_ERR_EXPECTED_FIN: 1002, WS_ERR_EXPECTED_MASK: 1002, WS_ERR_INVALID_CLOSE_CODE: 1002, WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH: 1002, WS_ERR_INVALID_OPCODE: 1002,
  WS_ERR_UNEXPECTED_MASK: 1002, WS_ERR_UNEXPECTED_RSV_1: 1002, WS_ERR_UNEXPECTED_RSV_2_3: 1002, WS_ERR_INVALID_UTF8: 1007,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 1009, WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009, WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
};

/** The code for an error of ws's Receiver. RFC 7692 §7.2.3: data that cannot be inflated is invalid data. */
export function failureCode(error: Error): FailureCode {
  const code = "code" in error && typeof error.code === "string" ? codes[error.code] : undefined;
  return code ?? closeCodes.invalidData;
}

/** What is sent with a failure, for people. */
export const failureReasons: Readonly<Record<FailureCode, string>> = {
  1002: "protocol error", 1007: "invalid data", 1008: "too many pieces", 1009: "message too big", 1011: "refused by the proxy",
};
