// Every number that bounds what the HTTP/1 codec reads, with unit and reason, and the list of everything
// that the codec accepts although RFC 9112 or Node's parser (llhttp, strict) does not ask for it.
// It does not bound bodies: how much of a body is kept is decided above.

interface LimitRow {
  readonly value: number;
  readonly unit: "bytes" | "fields" | "lines" | "responses" | "digits";
  readonly reason: string;
}

export const h1LimitTable = {
  headBytes: { value: 65_536, unit: "bytes", reason: "LIMIT: four times Node's head; room for large cookies and tickets, and what one slow connection can hold" },
  lineBytes: { value: 32_768, unit: "bytes", reason: "LIMIT: one field line; servers refuse longer ones at 8 to 32 KiB" },
  methodBytes: { value: 64, unit: "bytes", reason: "LIMIT: the longest registered method has 17" },
  targetBytes: { value: 16_384, unit: "bytes", reason: "LIMIT: RFC 9112 §3 asks for 8,000 at least" },
  fields: { value: 1_000, unit: "fields", reason: "LIMIT: bounds what a look-up costs; browsers send about 20" },
  emptyLines: { value: 4, unit: "lines", reason: "LIMIT: RFC 9112 §2.2 asks for one; old clients end a body with an extra CRLF" },
  interimResponses: { value: 16, unit: "responses", reason: "LIMIT: a server that sends 1xx for ever would never end a flow" },
  chunkSizeDigits: { value: 16, unit: "digits", reason: "LIMIT: leading zeros; a 64-bit size has 16" },
  chunkExtensionBytes: { value: 16_384, unit: "bytes", reason: "LIMIT: all extensions of one body; they are dropped, so they are free bytes for an attacker" },
  trailerBytes: { value: 16_384, unit: "bytes", reason: "LIMIT: trailers are checksums, timings and statuses" },
} as const satisfies Record<string, LimitRow>;

export type H1Limits = { readonly [Name in keyof typeof h1LimitTable]: number };

/** The limits of the table as plain numbers; spread it to change some for a test. */
export const h1Limits: H1Limits = {
  headBytes: h1LimitTable.headBytes.value,
  lineBytes: h1LimitTable.lineBytes.value,
  methodBytes: h1LimitTable.methodBytes.value,
  targetBytes: h1LimitTable.targetBytes.value,
  fields: h1LimitTable.fields.value,
  emptyLines: h1LimitTable.emptyLines.value,
  interimResponses: h1LimitTable.interimResponses.value,
  chunkSizeDigits: h1LimitTable.chunkSizeDigits.value,
  chunkExtensionBytes: h1LimitTable.chunkExtensionBytes.value,
  trailerBytes: h1LimitTable.trailerBytes.value,
};
