// More changes that two parsers would read differently, or that would take a host's field out of the host's hands; and what a grant that
// is missing must keep an addon from. Everything here is asked for through the ordinary API.
import { onRequest, probe, type AttackCase } from "../attack-case.ts";

const illegal = ["threw", "illegal-change"] as const;

function smuggle(name: string, body: string, ends: AttackCase["ends"] = illegal): AttackCase {
  const source = /^(export|import)/.test(body) ? body : onRequest(body);
  return { name, category: "smuggling", wants: "bytes that two parsers read differently", wall: "guest lockdown", source, ends };
}

function spy(name: string, wants: string, permissions: string, body: string, ends: AttackCase["ends"] = "harmless"): AttackCase {
  return { name, category: "information", wants, wall: "host checks", source: /^(export|import)/.test(body) ? body : probe(body), ends, permissions };
}

export const moreSmugglingCases: readonly AttackCase[] = [
  smuggle("obs-fold", `flow.request.headers.set("x-a", "1\\r\\n x-smuggled: 2");`),
  smuggle("bare-cr", `flow.request.headers.set("x-a", "1\\rx-smuggled: 2");`),
  smuggle("vertical-tab", `flow.request.headers.set("x-a", "1\\u000bx");`),
  smuggle("wide-crlf", `flow.request.headers.set("x-a", "1\\u010d\\u010ax-smuggled: 2");`, "survived"),
  smuggle("wide-name", `flow.request.headers.set("x\\u013a", "2");`),
  smuggle("leading-space-value", `flow.request.headers.set("x-a", "\\t chunked");`, "survived"),
  smuggle("host-field-path", `flow.request.headers.set("host", "x-smuggled/a");`),
  smuggle("second-host-field", `flow.request.headers.append("Host", "x-smuggled");`),
  smuggle("te-lookalike", `flow.request.headers.append("transfer_encoding", "chunked"); flow.request.headers.append("Transfer-Encoding\\u212a", "chunked");`),
  smuggle("keep-alive", `flow.request.headers.append("Keep-Alive", "timeout=9");`),
  smuggle("proxy-connection", `flow.request.headers.append("Proxy-Connection", "close");`),
  smuggle("te-field", `flow.request.headers.append("TE", "trailers, x-smuggled");`),
  smuggle("trailer-field", `flow.request.headers.append("Trailer", "content-length");`, "survived"),
  smuggle("set-all-mixed", `flow.request.headers.setAll("x-a", ["1", "2\\r\\nx-smuggled: 1"]);`),
  smuggle("insert-many", `for (let i = 0; i < 3000; i += 1) flow.request.headers.insert(0, "x-" + i, "1");`, "survived"),
  smuggle("method-connect", `flow.request.method = "CONNECT";`),
  smuggle("method-lower", `flow.request.method = "get\\t";`),
  smuggle("path-absolute", `flow.request.path = "http://x-smuggled/";`),
  smuggle("path-nul", `flow.request.path = "/a\\u0000b";`),
  smuggle("path-tab", `flow.request.path = "/\\tx-smuggled";`),
  smuggle("url-with-user", `flow.request.url = "http://user:x-smuggled@localhost/";`, "survived"),
  smuggle("url-other-scheme", `flow.request.url = "ftp://x-smuggled/";`),
  smuggle("query-crlf", `flow.request.query.set("a\\r\\nx-smuggled: 1", "b\\r\\n");`, "survived"),
  smuggle("cookie-crlf", `flow.request.cookies.set("a", "b\\r\\nx-smuggled: 1");`, "survived"),
  smuggle("made-204-body", `import { Response } from "flowcell";\nexport function request(flow: any) { const made = Response.make(204, "x-smuggled"); flow.response = made; }\n`, "survived"),
  smuggle("made-interim", `import { Response } from "flowcell";\nexport function request(flow: any) { flow.response = Response.make(103, ""); }\n`),
  smuggle("status-fraction", `export function response(flow: any) { flow.response.statusCode = 200.5; }\n`),
  smuggle("reason-nul", `export function response(flow: any) { flow.response.reason = "a\\u0000b"; }\n`),
  smuggle("trailers-framing", `export function response(flow: any) { flow.response.trailers.set("content-length", "1"); }\n`),
];

const requestOnly = `{ read: ["request"], write: ["request"] }`;
const responseOnly = `{ read: ["response"], write: ["response"] }`;

export const moreInformationCases: readonly AttackCase[] = [
  spy("withheld-cookie", "a cookie it was not granted", `{ read: ["request", "response"], write: ["response"] }`, `for (const [name, value] of flow.request.headers) if (/secret/.test(value)) found(name);`),
  spy("withheld-authorization", "credentials it was not granted", `{ read: ["request", "response"], write: ["response"] }`, `if (/secret/.test(String(flow.request.headers.get("authorization")))) found("authorization");`),
  spy("withheld-set-cookie", "a session it was not granted", responseOnly, `if (flow.response.headers.getSetCookie().some((v: string) => /secret/.test(v)) || /secret/.test(String(flow.response.cookies))) found("set-cookie");`),
  spy("withheld-by-copy", "a withheld header in a copy of the flow", `{ read: ["request", "response"], write: ["response"] }`, `const copy = flow.copy(); for (const part of [copy.request, copy.response]) for (const [name, value] of part.headers) if (/secret/.test(value)) found(name);`, "survived"),
  spy("withheld-overwritten", "to replace a cookie that it may not see", requestOnly, `export function request(flow: any) { flow.request.headers.set("cookie", "session=mine"); }\n`, ["permission", "illegal-change", "threw"]),
  spy("withheld-removed", "to remove credentials that it may not see", requestOnly, `export function request(flow: any) { flow.request.headers.delete("authorization"); }\n`, ["permission", "illegal-change", "threw"]),
  spy("request-unread", "the request, without the permission to read it", responseOnly, `try { if (flow.request && /client-secret|localhost/.test(JSON.stringify([...flow.request.headers]) + flow.request.host)) found("request"); } catch { /* not there */ }`, "survived"),
  spy("body-unread", "a body, without the permission to read it", `{ read: ["request", "response"], write: ["response"] }`, `try { if (flow.response.body !== null || flow.request.body !== null || flow.response.text) found("body"); } catch { /* not there */ }`, "survived"),
  spy("connection-unread", "who is connected, without the permission to read it", `{ read: ["request", "response"], write: ["response"] }`, `try { if (/127\\.0\\.0\\.1/.test(JSON.stringify([flow.clientConn?.address, flow.clientConn?.sockname, flow.serverConn?.address]))) found("connection"); } catch { /* not there */ }`, "survived"),
  spy("write-unasked", "to change what it may only read", `{ read: ["request"] }`, `export function request(flow: any) { flow.request.headers.set("x-smuggled", "1"); }\n`, ["permission", "threw"]),
  spy("body-write-unasked", "to change a body without the permission", `{ read: ["response"], write: ["response"] }`, `export function response(flow: any) { flow.response.body = new Uint8Array(3); }\n`, ["permission", "threw", "illegal-change"]),
  spy("respond-unasked", "to answer in the place of the server", requestOnly, `import { Response } from "flowcell";\nexport function request(flow: any) { flow.response = Response.make(200, "mine", { "x-escaped": "1" }); }\n`, ["permission", "threw"]),
  spy("redirect-unasked", "to send the request elsewhere", requestOnly, `export function request(flow: any) { flow.request.host = "x-smuggled.example"; }\n`, ["permission", "threw"]),
  spy("kill-unasked", "to end flows", requestOnly, `export function request(flow: any) { flow.kill(); }\n`, ["permission", "threw"]),
  spy("regexp-statics", "what the bridge matched last", `{ read: ["request", "request.body", "response", "response.body"], write: ["response"] }`, `"a".match(/a/); void flow.request.url; void flow.response.headers.getSetCookie(); void flow.request.cookies; for (const key of ["input", "lastMatch", "leftContext", "rightContext", "$1", "$2"]) if (/secret/.test(String((RegExp as any)[key]))) found(key);`),
  spy("other-hosts", "flows to hosts it did not name", `{ read: ["request", "response", "response.body"], write: ["response"] }`, `if (flow.request.host !== "localhost" || /innocent/.test(String(flow.response.text))) found(flow.request.host);`),
  spy("error-texts", "paths and addresses of the host in errors", `{ read: ["response"], write: ["response"] }`, `for (const use of [() => flow.response.headers.set("a b", ""), () => { flow.response.statusCode = -1; }, () => new URL(""), () => structuredClone(() => {})]) { try { use(); } catch (error: any) { if (/\\/(?:work|home|root|tmp|usr)\\/|node:internal/.test(error.stack + error.message)) found(error.stack); } }`),
  spy("locale-and-zone", "the operator's locale and time zone", `{ read: ["response"], write: ["response"] }`, `if ("Intl" in globalThis) found("Intl");`),
  spy("clock-by-counting", "a clock made of a thread that counts", `{ read: ["response"], write: ["response"] }`, `for (const n of ["SharedArrayBuffer", "Worker", "MessageChannel", "BroadcastChannel", "Atomics"]) if (n in globalThis) found(n);`),
];
