// Responses as bytes and what the decoder must make of them: [name, bytes, transcript, options?]. Used by the table
// test, by the test that cuts them at every byte, and as seeds of the fuzz tests.
import type { TranscriptOptions } from "./h1-transcript.ts";

export type ResponseCase = readonly [name: string, bytes: string, transcript: string, options?: TranscriptOptions];

const L0 = "Content-Length: 0\r\n";
const res = (fields: string, line = "HTTP/1.1 200 OK"): string => `${line}\r\n${fields}\r\n`;
const empty = "200 OK 1.1 length=0 | end";
const head = { methods: ["HEAD"] } as const;
const connect = { methods: ["CONNECT"] } as const;
const upgrade = { mayUpgrade: true } as const;
const websocket = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

const statusLines: readonly ResponseCase[] = [
  ["plain", res(L0), empty],
  ["1.0", res(L0, "HTTP/1.0 200 OK"), "200 OK 1.0 length=0 | end"],
  ["no reason", res(L0, "HTTP/1.1 200"), "200  1.1 length=0 | end"],
  ["no reason but its space", res(L0, "HTTP/1.1 200 "), "200  1.1 length=0 | end"],
  ["long reason", res(L0, "HTTP/1.1 404 Not  Found\t\xe9"), "404 Not  Found\t\xe9 1.1 length=0 | end"],
  ["largest status", res(L0, "HTTP/1.1 999 No"), "999 No 1.1 length=0 | end"],
  ["status with two digits", res(L0, "HTTP/1.1 20 OK"), "! bad-status"],
  ["status with four digits", res(L0, "HTTP/1.1 2000 OK"), "! bad-status"],
  ["status with a leading zero", res(L0, "HTTP/1.1 099 OK"), "! bad-status"],
  ["status with a letter", res(L0, "HTTP/1.1 2x0 OK"), "! bad-status"],
  ["status with a sign", res(L0, "HTTP/1.1 -20 OK"), "! bad-status"],
  ["no status", res(L0, "HTTP/1.1 OK"), "! bad-status"],
  ["two spaces before the status", res(L0, "HTTP/1.1  200 OK"), "! bad-status"],
  ["tab before the status", res(L0, "HTTP/1.1\t200 OK"), "! bad-start-line"],
  ["tab after the status", res(L0, "HTTP/1.1 200\tOK"), "! bad-status"],
  ["NUL in the reason", res(L0, "HTTP/1.1 200 O\0K"), "! bad-reason"],
  ["control in the reason", res(L0, "HTTP/1.1 200 O\x01K"), "! bad-reason"],
  ["bare CR in the reason", res(L0, "HTTP/1.1 200 O\rK"), "! bare-cr"],
  ["bare LF after the reason", `HTTP/1.1 200 OK\n${L0}\n`, "! bare-lf"],
  ["bare LF after the status", `HTTP/1.1 200\n${L0}\n`, "! bare-lf"],
  ["HTTP/2.0", res(L0, "HTTP/2.0 200 OK"), "! unsupported-version"],
  ["HTTP/0.9", res(L0, "HTTP/0.9 200 OK"), "! unsupported-version"],
  ["HTTP/1.2", res(L0, "HTTP/1.2 200 OK"), "! unsupported-version"],
  ["HTTP/1", res(L0, "HTTP/1 200 OK"), "! bad-start-line"],
  ["ICY", res(L0, "ICY 200 OK"), "! bad-start-line"],
  ["lower case", res(L0, "http/1.1 200 OK"), "! bad-start-line"],
  ["an HTTP/0.9 body", "<html>", "! bad-start-line"],
  ["an empty line before", `\r\n${res(L0)}`, "! bad-start-line"],
  ["leading space", res(L0, " HTTP/1.1 200 OK"), "! bad-start-line"],
  ["cut in the version", "HTTP/1.", "! truncated-head"],
  ["cut in the head", "HTTP/1.1 200 OK\r\nX: 1\r\n", "! truncated-head"],
];

const fields: readonly ResponseCase[] = [
  ["duplicates", res(`${L0}Set-Cookie: a\r\nset-cookie: b\r\n`), empty],
  ["Host is nobody's business", res(`${L0}Host: a b\r\nHost: c\r\n`), empty],
  ["obs-fold", res(`${L0}X: 1\r\n 2\r\n`), "! obs-fold"],
  ["space before the colon", res("Content-Length : 0\r\n"), "! space-before-colon"],
  ["bare LF in a field", res(`${L0}X: 1\nY: 2\r\n`), "! bare-lf"],
  ["bare CR in a field", res(`${L0}X: 1\rY: 2\r\n`), "! bare-cr"],
  ["NUL in a value", res(`${L0}X: \0\r\n`), "! bad-field-value"],
  ["no colon", res(`${L0}X\r\n`), "! missing-colon"],
];

const bodies: readonly ResponseCase[] = [
  ["length", `${res("Content-Length: 3\r\n")}abc`, "200 OK 1.1 length=3 | data \"abc\" | end"],
  ["until close", `${res("X: 1\r\n")}abc`, "200 OK 1.1 close | data \"abc\" | end"],
  ["until close, nothing", res("X: 1\r\n"), "200 OK 1.1 close | end"],
  ["until close, without fields", `${res("")}abc`, "200 OK 1.1 close | data \"abc\" | end"],
  ["1.0 until close", `${res("Connection: keep-alive\r\n", "HTTP/1.0 200 OK")}abc`, "200 OK 1.0 close | data \"abc\" | end"],
  ["chunked", `${res("Transfer-Encoding: chunked\r\n")}3\r\nabc\r\n0\r\n\r\n`, "200 OK 1.1 chunked | data \"abc\" | end"],
  ["chunked with trailers", `${res("Transfer-Encoding: chunked\r\n")}0\r\nServer-Timing: a\r\n\r\n`, "200 OK 1.1 chunked | trailers \"Server-Timing: a\\r\\n\" | end"],
  ["short body", `${res("Content-Length: 4\r\n")}abc`, "200 OK 1.1 length=4 | data \"abc\" | ! truncated-body"],
  ["chunks cut off", `${res("Transfer-Encoding: chunked\r\n")}3\r\nabc\r\n`, "200 OK 1.1 chunked | data \"abc\" | ! truncated-body"],
  ["length and chunked", res("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), "! length-and-transfer-encoding"],
  ["two equal lengths", res(`${L0}${L0}`), "! repeated-content-length"],
  ["a list of lengths", res("Content-Length: 1, 1\r\n"), "! repeated-content-length"],
  ["bad length", res("Content-Length: a\r\n"), "! bad-content-length"],
  ["chunked in 1.0", res("Transfer-Encoding: chunked\r\n", "HTTP/1.0 200 OK"), "! transfer-encoding-in-1.0"],
  ["gzip until close", res("Transfer-Encoding: gzip\r\n"), "! bad-transfer-encoding"],
  ["gzip, chunked", res("Transfer-Encoding: gzip, chunked\r\n"), "! unsupported-transfer-coding"],
  ["identity", res("Transfer-Encoding: identity\r\n"), "! bad-transfer-encoding"],
  ["204", res("", "HTTP/1.1 204 No Content"), "204 No Content 1.1 none | end"],
  ["204 with a length and no body", res("Content-Length: 5\r\n", "HTTP/1.1 204 No Content"), "204 No Content 1.1 none | end"],
  ["304 with the length it would have", res("Content-Length: 500\r\n", "HTTP/1.1 304 Not Modified"), "304 Not Modified 1.1 none | end"],
  ["304 with chunked", `${res("Transfer-Encoding: chunked\r\n", "HTTP/1.1 304 Not Modified")}${res(L0)}`, `304 Not Modified 1.1 none | end | ${empty}`],
  ["304 with both", res("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "HTTP/1.1 304 Not Modified"), "! length-and-transfer-encoding"],
  ["205 with a body", `${res("Content-Length: 1\r\n", "HTTP/1.1 205 Reset")}a`, "205 Reset 1.1 length=1 | data \"a\" | end"],
  ["to HEAD", res("Content-Length: 500\r\n"), "200 OK 1.1 none | end", head],
  ["to HEAD without length", res(""), "200 OK 1.1 none | end", head],
  ["to HEAD with chunked", res("Transfer-Encoding: chunked\r\n"), "200 OK 1.1 none | end", head],
  ["to HEAD, then to GET", `${res("Content-Length: 1\r\n")}${res("Content-Length: 1\r\n")}a`, "200 OK 1.1 none | end | 200 OK 1.1 length=1 | data \"a\" | end", { methods: ["HEAD", "GET"] }],
  ["to CONNECT", `${res("Content-Length: 5\r\n")}hello`, "200 OK 1.1 none | end | rest \"hello\"", connect],
  ["to CONNECT, refused", `${res("Content-Length: 1\r\n", "HTTP/1.1 407 No")}a`, "407 No 1.1 length=1 | data \"a\" | end", connect],
];

const connections: readonly ResponseCase[] = [
  ["two responses", `${res(L0)}${res(L0)}`, `${empty} | ${empty}`],
  ["bytes after close", `${res(`${L0}Connection: close\r\n`)}x`, `${empty} | rest "x"`],
  ["100, then 200", `HTTP/1.1 100 Continue\r\n\r\n${res(L0)}`, `100 Continue 1.1 interim | ${empty}`],
  ["103 twice, then 200", `${res("Link: a\r\n", "HTTP/1.1 103 Early Hints").repeat(2)}${res(L0)}`, `103 Early Hints 1.1 interim | 103 Early Hints 1.1 interim | ${empty}`],
  ["as many interims as allowed", `${res("", "HTTP/1.1 102 P").repeat(16)}${res(L0)}`, `${"102 P 1.1 interim | ".repeat(16)}${empty}`],
  ["too many interims", `${res("", "HTTP/1.1 102 P").repeat(17)}${res(L0)}`, `${"102 P 1.1 interim | ".repeat(16)}! too-many-interim`],
  ["100, then nothing", "HTTP/1.1 100 Continue\r\n\r\n", "100 Continue 1.1 interim | ! closed-before-response"],
  ["100 with length zero", `${res(L0, "HTTP/1.1 100 C")}${res(L0)}`, `100 C 1.1 interim | ${empty}`],
  ["100 with a length", `${res("Content-Length: 3\r\n", "HTTP/1.1 100 C")}${res(L0)}`, "! interim-with-body"],
  ["104 with chunks", `${res("Transfer-Encoding: chunked\r\n", "HTTP/1.1 104 C")}${res(L0)}`, "! interim-with-body"],
  ["101 with a length", res("Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 3\r\n", "HTTP/1.1 101 C"), "! interim-with-body", upgrade],
  ["101", `${websocket}\x81\x01a`, "101 Switching Protocols 1.1 none | end | rest \"\x81\\u0001a\"", upgrade],
  ["100, then 101", `HTTP/1.1 100 Continue\r\n\r\n${websocket}`, "100 Continue 1.1 interim | 101 Switching Protocols 1.1 none | end", upgrade],
  ["101 unasked", websocket, "! unasked-upgrade"],
];

/** All response cases; names are unique. */
export const responseCases: readonly ResponseCase[] = [...statusLines, ...fields, ...bodies, ...connections];
