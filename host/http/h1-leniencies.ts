// Two lists of decisions. Leniencies: what the HTTP/1 decoder accepts although RFC 9112 allows or asks to refuse it, or
// although Node's parser (llhttp, strict) refuses it; `beyondLlhttp` marks the latter, and the differential tests fail for
// any other message that we accept and llhttp refuses. Strictnesses: what it refuses although peers in the wild send it
// or a parser may repair it. Data only: nothing reads it to decide; each row has an example in its test.

interface Row {
  readonly what: string;
  readonly why: string;
  /** llhttp refuses it. */
  readonly beyondLlhttp: boolean;
}

export const leniencies = {
  "any-method": { what: "any token as a method", why: "RFC 9110 §9.1 leaves methods open; llhttp knows a fixed list", beyondLlhttp: true },
  "obs-text-in-target": { what: "bytes 0x80–0xff in a request-target after its authority", why: "clients send raw UTF-8 paths; no parser splits there", beyondLlhttp: true },
  "unescaped-target": { what: "\" < > \\ ^ ` { | } in a request-target", why: "browsers and tools send them; no parser splits there", beyondLlhttp: false },
  "connect-without-host": { what: "CONNECT without Host", why: "its target names the server; mitmproxy and old clients send it so", beyondLlhttp: false },
  "empty-lines": { what: "up to `emptyLines` CRLFs before a request-line", why: "RFC 9112 §2.2 asks for it", beyondLlhttp: false },
  "missing-reason": { what: "a status-line without reason, with or without its space", why: "servers do it; nothing depends on the phrase", beyondLlhttp: false },
  "large-status": { what: "status 600–999", why: "servers do it; a client takes it for a 5xx (RFC 9110 §15)", beyondLlhttp: false },
  "upgrade-in-1.0": { what: "Upgrade in an HTTP/1.0 request, which is ignored: another request may follow", why: "RFC 9110 §7.8 says so; llhttp takes what follows for another protocol", beyondLlhttp: true },
  "close-in-interim": { what: "Connection: close in a 1xx, where it means nothing", why: "the final response says whether the connection lives on", beyondLlhttp: true },
  "obs-text-in-value": { what: "bytes 0x80–0xff in field values, reasons and quoted chunk extensions", why: "RFC 9110 §5.5 calls it opaque data", beyondLlhttp: false },
  "framing-of-bodiless": { what: "Content-Length or Transfer-Encoding, but not both, in 204, 304, to HEAD and to CONNECT", why: "RFC 9112 §6.3 says how such a response ends; servers send them", beyondLlhttp: false },
  "body-with-any-method": { what: "a body with GET, HEAD, DELETE, TRACE", why: "RFC 9110 §9.3 gives it no meaning but framing is clear", beyondLlhttp: false },
  "foreign-trailers": { what: "any trailer field that neither frames nor routes", why: "passed on as a trailer, merged by nobody here", beyondLlhttp: false },
  "dropped-extensions": { what: "well-formed chunk extensions, which are dropped", why: "RFC 9112 §7.1.1 allows it", beyondLlhttp: false },
} as const satisfies Record<string, Row>;

export type Leniency = keyof typeof leniencies;

export const strictnesses = {
  "equal-lengths": { what: "several Content-Lengths, even equal ones", why: "RFC 9112 §6.3 allows to collapse them; the line would go on as it came, and parsers take the first, the last or none" },
  "spaced-framing": { what: "tabs, several or trailing spaces around the value of Content-Length and Transfer-Encoding", why: "parsers differ on what they trim; no sender writes it in good faith" },
  "stacked-codings": { what: "transfer codings other than one chunked", why: "nobody sends them, and a proxy that frames anew would have to decode them" },
  "coding-in-1.0": { what: "Transfer-Encoding in HTTP/1.0, from servers too", why: "RFC 9112 §6.1: its framing is to be taken as faulty" },
  "interim-body": { what: "a length or coding in a 1xx", why: "llhttp reads a body after a 1xx that it does not know" },
  "folded-response": { what: "obs-fold in responses", why: "RFC 9112 §5.2 lets a proxy unfold them; a 502 is as right and cannot be misread" },
  "fragment": { what: "# in a request-target", why: "no form has one; origins differ on whether it cuts the path" },
  "spaced-extension": { what: "whitespace in chunk extensions and after chunk sizes", why: "RFC 9112 §7.1.1 calls it bad; llhttp refuses it" },
  "framing-trailers": { what: "trailer fields that frame, route or keep the connection", why: "a recipient that merges them would read another message" },
  "minor-versions": { what: "HTTP/1.2 and later minors", why: "none exists; RFC 9110 §6.2 would have them read as 1.1" },
} as const satisfies Record<string, { readonly what: string; readonly why: string }>;

export type Strictness = keyof typeof strictnesses;
