// The list of leniencies: everything the HTTP/1 decoder accepts although RFC 9112 would allow or ask it to refuse, or
// Node's parser (llhttp, strict) refuses it; and what it refuses although llhttp accepts it. The differential test
// (test/fuzz/h1-differential.test.ts) fails for any difference that has no row here.
// Data only; nothing reads it to decide.

interface Row {
  readonly what: string;
  readonly why: string;
}

/** Accepted by us. `beyondLlhttp`: llhttp refuses it. */
export const leniencies = {
  "empty-lines": { what: "up to `emptyLines` CRLFs before a request-line", why: "RFC 9112 §2.2 asks for it" },
  "missing-reason": { what: "a status-line that ends after the status, with or without the space", why: "servers do it; nothing depends on the phrase" },
  "obs-text-in-value": { what: "bytes 0x80–0xff in field values and reasons", why: "RFC 9110 §5.5 allows it as opaque data" },
} as const satisfies Record<string, Row>;
