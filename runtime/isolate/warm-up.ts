// What the guest is run with before its code cache is made, so that the cache holds the functions that ordinary addons use and not
// only the outermost one: a small addon of our own and the events of one flow. Data only; no addon of anybody else comes near it.
import { partSeparator, type FlowView, type RequestView, type ResponseView } from "../../sandbox-api/schema/view.ts";
import type { GuestPart } from "../../sandbox-api/schema/own-builds.ts";
import type { LoadText } from "../../sandbox-api/wire/messages.ts";

export const warmUpLimits = { cpuMs: 1_000, startupMs: 1_000, memoryMiB: 64, hostCalls: 64, mutationBytes: 64 * 1024, logLineBytes: 1_024, cryptoKeys: 16, cryptoKeyBytes: 4_096, rsaKeysAtOnce: 0 };
const settings: LoadText = { name: "warm-up", file: "warm-up.js", limits: warmUpLimits, permissions: ["read:request", "read:response", "write:request", "write:response"] };

/** For the guest's `prepare`. */
export const warmUpSettings = JSON.stringify(settings);

/** Reads and changes what most addons do; throws nothing. */
export const warmUpAddon = `$module(function (exports) {
  const touch = (message) => {
    const { headers } = message;
    if (headers.has("x-absent") || headers.get("x-field") === null) return;
    headers.set("x-added", "1");
    headers.set("x-field", "2");
    headers.delete("x-gone");
  };
  exports.request = (flow) => { touch(flow.request); return [flow.request.url, flow.request.method, flow.request.path, flow.request.host].length > 9 ? null : undefined; };
  exports.response = async (flow) => { touch(flow.response); if (flow.response.statusCode === 0) flow.kill(); };
});
0`;

const flow: FlowView = { id: "1", type: "http", live: true, error: null, intercepted: false, marked: "", comment: "", isReplay: null, timestampCreated: 1, websocket: false };
const request: RequestView = { method: "GET", scheme: "https", host: "example.com", port: 443, path: "/?q=1", authority: "", httpVersion: "HTTP/1.1", timestampStart: 1, timestampEnd: 2 };
const response: ResponseView = { statusCode: 200, reason: "OK", httpVersion: "HTTP/1.1", timestampStart: 3, timestampEnd: 4 };
const fields = "\n3\nHost: example.com\r\nx-field: 1\r\nx-gone: 1\r\n";
const patch = JSON.stringify([["request.headers", [0, 1, ["x-other", "1"]]]]);

/** Texts of events of one flow, in order; the call's number is the place in the list. */
export const warmUpEvents: readonly string[] = [
  [JSON.stringify({ event: "request", key: 1, parts: ["flow", "request", "patch"] }), JSON.stringify(flow), JSON.stringify(request) + fields, patch].join(partSeparator),
  [JSON.stringify({ event: "response", key: 1, parts: ["request", "response"] }), JSON.stringify(request) + fields, JSON.stringify(response) + fields].join(partSeparator),
];

/** For each part of the guest, what most who touch it do with it. */
export const warmUpParts: { readonly [P in GuestPart]: string } = {
  url: "{ const url = new URL('../b?c=d&e=%20f#g', 'https://user:pass@www.example.com:8443/a/x'); url.searchParams.append('h', 'i j'); url.pathname = '/k'; url.href + url.host + url.origin; URL.canParse('http://[::1]/'); new URL('http://127.0.0.1/'); [...new URLSearchParams({ a: '1' })]; }",
  idna: "new URL('https://b\u00fccher.example/');",
  encoding: "new TextDecoder().decode(new TextEncoder().encode('gr\u00fc\u00df'));",
  events: "{ const c = new AbortController(); let n = 0; c.signal.addEventListener('abort', () => n++, { once: true }); AbortSignal.any([c.signal]); c.abort(); new EventTarget().dispatchEvent(new Event('x', { cancelable: true })); }",
  clone: "structuredClone({ a: [1, new Map([[1, new Date(0)]]), new Set([1])], b: new Uint8Array(2) });",
  blob: "{ const blob = new Blob(['a', new Uint8Array(2)], { type: 'text/plain' }); blob.slice(1); void blob.text(); const form = new FormData(); form.append('a', 'b'); form.append('f', new File([blob], 'n')); [...form]; }",
  fetch: "{ const headers = new Headers({ a: 'b' }); headers.append('c', 'd'); [...headers]; void new Request('https://example.com/', { method: 'POST', headers, body: 'x' }).text(); void new Response('{}').json(); Response.json({}).clone(); }",
  compression: "{ const { readable, writable } = new CompressionStream('gzip'); const writer = writable.getWriter(); void writer.write(new Uint8Array(3)); void writer.close(); void readable.getReader().read(); }",
  crypto: "crypto.randomUUID(); crypto.getRandomValues(new Uint8Array(4)); void crypto.subtle.digest('SHA-256', new Uint8Array(4)); void crypto.subtle.importKey('raw', new Uint8Array(16), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']).then((key) => crypto.subtle.sign('HMAC', key, new Uint8Array(4)));",
  inspect: "console.log('%s %d', 'a', 1, { a: [1, new Map([[1, { b: new Set([2]) }]])], e: new Error('x'), f() {} });",
  urlpattern: "new URLPattern({ pathname: '/a/:b' }).exec('https://example.com/a/c');",
  streams: "{ const { readable, writable } = new TransformStream(); const writer = writable.getWriter(); void writer.write(1); void writer.close(); void readable.getReader().read(); const body = new ReadableStream({ start(c) { c.enqueue(new Uint8Array(1)); c.close(); } }); void body.pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream({ write() {} })); }",
  multibyte: "new TextDecoder('shift_jis').decode(new Uint8Array([0x82, 0xa0]));",
};
