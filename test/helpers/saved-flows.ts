// Saved flows for tests: some by hand, and any that a file may hold, for property tests.
import fc from "fast-check";
import type { ClientView, ServerView } from "../../sandbox-api/schema/view.ts";
import { missingBodies, nothingLeftOut, type SavedBody, type SavedField, type SavedFlow, type SavedHttpFlow, type SavedTcpFlow } from "../../host/flows/saved/saved-flow.ts";

const noTls = { tls: false, sni: null, alpn: null, tlsVersion: null, cipher: null, timestampTlsSetup: null };

export const savedClient: ClientView = { id: "c1", address: { host: "127.0.0.1", port: 50_000 }, sockname: { host: "127.0.0.1", port: 8080 }, mode: "regular", timestampStart: 1_700_000_000.5, timestampEnd: null, ...noTls };
export const savedServer: ServerView = {
  id: "s1", address: { host: "example.com", port: 80 }, via: null, peername: { host: "192.0.2.1", port: 80 }, sockname: null, timestampStart: 1_700_000_001, timestampTcpSetup: 1_700_000_001.25,
  timestampEnd: null, error: null, ...noTls,
};

export const wholeBody = (text: string | Buffer): SavedBody => ({ kind: "whole", bytes: Buffer.from(text) });

interface Wishes {
  readonly url?: string;
  readonly method?: string;
  readonly requestHeaders?: readonly SavedField[];
  readonly body?: string | Buffer;
  readonly status?: number | null;
  readonly responseHeaders?: readonly SavedField[];
  readonly answer?: string | Buffer;
  readonly more?: Partial<SavedHttpFlow>;
}

/** A flow of that request and response; a GET of http://example.com/ that got "hello" unless told otherwise. `status` null: no response. */
export function savedHttp(wishes: Wishes = {}): SavedHttpFlow {
  const url = new URL(wishes.url ?? "http://example.com/");
  const scheme = url.protocol === "https:" ? "https" : "http";
  const times = { timestampStart: 1_700_000_001, timestampEnd: 1_700_000_002 };
  const { status = 200 } = wishes;
  return {
    kind: "http", id: "f1", timestampCreated: 1_700_000_001, marked: "", comment: "", error: status === null ? { msg: "no answer", timestamp: 1_700_000_003 } : null, isReplay: null, client: savedClient, server: savedServer,
    request: {
      method: wishes.method ?? "GET", scheme, host: url.hostname, port: Number(url.port || (scheme === "https" ? 443 : 80)), path: `${url.pathname}${url.search}`, authority: "", httpVersion: "HTTP/1.1",
      headers: wishes.requestHeaders ?? [["Host", url.host]], trailers: null, body: wholeBody(wishes.body ?? ""), ...times,
    },
    response: status === null ? null : {
      statusCode: status, reason: "OK", httpVersion: "HTTP/1.1", headers: wishes.responseHeaders ?? [["Content-Type", "text/plain"]], trailers: null, body: wholeBody(wishes.answer ?? "hello"),
      timestampStart: 1_700_000_003, timestampEnd: 1_700_000_004,
    },
    websocket: null, ...wishes.more,
  };
}

export const savedTcp = (...messages: readonly (readonly [fromClient: boolean, content: string])[]): SavedTcpFlow => ({
  kind: "tcp", id: "t1", timestampCreated: 1_700_000_001, marked: "", comment: "", error: null, client: savedClient, server: savedServer, leftOut: nothingLeftOut,
  messages: messages.map(([fromClient, content], at) => ({ fromClient, content: Buffer.from(content), timestamp: 1_700_000_001 + at })),
});

const latin1 = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
const time = fc.double({ min: 0, max: 2e9, noNaN: true });
const nullable = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary);
const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ minLength: 5_000, maxLength: 70_000, size: "max" })).map((value) => Buffer.from(value));
const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/);
const value = latin1.map((text) => text.replace(/[\0-\x08\x0a-\x1f\x7f]/g, "").trim());
const fields = fc.array(fc.tuple(token, value), { maxLength: 6 });
const body: fc.Arbitrary<SavedBody> = fc.oneof(
  bytes.map((content): SavedBody => ({ kind: "whole", bytes: content })),
  fc.record({ kind: fc.constant("missing" as const), why: fc.constantFrom(...missingBodies), size: nullable(fc.maxSafeNat()) }),
);
const address = fc.record({ host: fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6()), port: fc.integer({ min: 1, max: 65_535 }) });
const tls = { tls: fc.boolean(), sni: nullable(fc.domain()), alpn: nullable(fc.string()), tlsVersion: nullable(fc.string()), cipher: nullable(fc.string()), timestampTlsSetup: nullable(time) };
const client = fc.record({ id: fc.string(), address, sockname: address, mode: fc.string(), ...tls, timestampStart: time, timestampEnd: nullable(time) });
const server = fc.record({
  id: fc.string(), address: nullable(address), via: nullable(fc.record({ host: fc.domain(), port: fc.integer({ min: 1, max: 65_535 }), scheme: fc.constantFrom("http" as const, "https" as const) })),
  peername: nullable(address), sockname: nullable(address), ...tls, timestampStart: nullable(time), timestampTcpSetup: nullable(time), timestampEnd: nullable(time), error: nullable(fc.string()),
});
const parts = { id: fc.string(), timestampCreated: time, marked: fc.string(), comment: fc.string({ unit: "grapheme" }), error: nullable(fc.record({ msg: fc.string(), timestamp: time })), client, server };
const message = { httpVersion: fc.constantFrom("HTTP/1.0", "HTTP/1.1", "HTTP/2.0"), headers: fields, trailers: nullable(fields), body, timestampStart: time, timestampEnd: nullable(time) };
const leftOut = fc.record({ messages: fc.nat(), bytes: fc.maxSafeNat() });
const webSocketMessage = fc.record({ fromClient: fc.boolean(), type: fc.constantFrom("text" as const, "binary" as const), content: bytes, timestamp: time, injected: fc.boolean(), dropped: fc.boolean() });

/** Any flow that a file may hold. */
export const anySavedFlow: fc.Arbitrary<SavedFlow> = fc.oneof(
  fc.record({
    kind: fc.constant("http" as const), ...parts, isReplay: nullable(fc.constantFrom("request" as const, "response" as const)),
    request: fc.record({
      method: token, scheme: fc.constantFrom("http" as const, "https" as const), host: fc.domain(), port: fc.integer({ min: 1, max: 65_535 }), path: fc.webPath().map((path) => (path.startsWith("/") ? path : `/${path}`)),
      authority: value, ...message,
    }),
    response: nullable(fc.record({ statusCode: fc.integer({ min: 100, max: 599 }), reason: value, ...message })),
    websocket: nullable(fc.record({ messages: fc.array(webSocketMessage, { maxLength: 4 }), closeCode: nullable(fc.integer({ min: 1000, max: 4999 })), closeReason: nullable(fc.string()), closedByClient: nullable(fc.boolean()), timestampEnd: nullable(time), leftOut })),
  }),
  fc.record({ kind: fc.constant("tcp" as const), ...parts, messages: fc.array(fc.record({ fromClient: fc.boolean(), content: bytes, timestamp: time }), { maxLength: 5 }), leftOut }),
);
