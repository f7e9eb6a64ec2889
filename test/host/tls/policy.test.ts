// Policy as tables: application protocols on both sides, names towards servers, and what the explanations say of every error they know.
import test from "ava";
import { explainTlsError, type TlsFaultCode, type TlsFaultContext } from "../../../host/tls/explain.ts";
import { alpnForClient, alpnForUpstream, clientSideOptions, upstreamOptions, type UpstreamAlpn } from "../../../host/tls/policy.ts";
import { createSecureContext } from "node:tls";

const secureContext = createSecureContext({ ca: [] });
const unconnected: UpstreamAlpn = { kind: "not-connected" };
const connected = (protocol?: string): UpstreamAlpn => ({ kind: "connected", protocol });

const offers: readonly (readonly [offer: readonly string[], http2: boolean, toServer: readonly string[]])[] = [
  [[], true, []],
  [["h2", "http/1.1"], false, ["http/1.1"]],
  [["h2", "http/1.1"], true, ["h2", "http/1.1"]],
  [["h2"], false, []],
  [["xmpp-client"], false, ["xmpp-client"]],
];
for (const [offer, http2, toServer] of offers) {
  test(`a client's [${offer.join()}] goes to the server as [${toServer.join()}]${http2 ? " with HTTP/2" : ""}`, (t) => {
    t.deepEqual(alpnForUpstream(offer, { http2 }), toServer);
  });
}

const answers: readonly (readonly [offer: readonly string[], upstream: UpstreamAlpn, http2: boolean, answer: string | undefined])[] = [
  [["h2", "http/1.1"], unconnected, false, "http/1.1"],
  [["h2", "http/1.1"], unconnected, true, "h2"],
  [["http/1.1", "h2"], unconnected, true, "http/1.1"],
  [["h2"], unconnected, false, undefined],
  [["acme-tls/1"], unconnected, true, undefined],
  [[], unconnected, true, undefined],
  [["h2", "http/1.1"], connected("http/1.1"), true, "http/1.1"],
  [["h2", "http/1.1"], connected("h2"), true, "h2"],
  [["h2", "http/1.1"], connected("h2"), false, undefined],
  [["h2", "http/1.1"], connected(), true, undefined],
  [["xmpp-client"], connected("xmpp-client"), false, "xmpp-client"],
  [["http/1.1"], connected("never-offered"), true, undefined],
];
for (const [offer, upstream, http2, answer] of answers) {
  test(`[${offer.join()}], server ${JSON.stringify(upstream)}, HTTP/2 ${http2}: ${answer}`, (t) => {
    t.is(alpnForClient(offer, upstream, { http2 }), answer);
    t.deepEqual(clientSideOptions({ secureContext }, answer).ALPNProtocols, answer === undefined ? undefined : [answer]);
  });
}

const targets: readonly (readonly [host: string, sni: string | undefined, servername: string | undefined, verified: string])[] = [
  ["example.com", undefined, "example.com", "example.com"],
  ["Bücher.example.", undefined, "xn--bcher-kva.example", "xn--bcher-kva.example"],
  ["192.0.2.1", undefined, undefined, "192.0.2.1"],
  ["[2001:db8::1]", undefined, undefined, "2001:db8::1"],
  ["192.0.2.1", "www.example.com", "www.example.com", "www.example.com"],
  ["a.example", "192.0.2.1", undefined, "192.0.2.1"],
  ["a.example", "bad\u0000name", "a.example", "a.example"],
];
for (const [host, sni, servername, verified] of targets) {
  test(`towards ${host} for ${JSON.stringify(sni)} the server name is ${servername}`, (t) => {
    const options = upstreamOptions({ host, sni, alpnProtocols: [] }, { secureContext, isVerified: true });
    t.is(options.servername, servername);
    t.is(options.host, verified);
    t.is(options.rejectUnauthorized, true);
    t.false("ALPNProtocols" in options);
  });
}

test("--ssl-insecure verifies nothing, and protocols are passed on", (t) => {
  const options = upstreamOptions({ host: "a.example", alpnProtocols: ["http/1.1"] }, { secureContext, isVerified: false });
  t.is(options.rejectUnauthorized, false);
  t.deepEqual(options.ALPNProtocols, ["http/1.1"]);
});

/** An error as Node makes them: a code, and OpenSSL's line with the alert's number where there was one. */
function tlsError(code: string, alert?: number): Error {
  const text = alert === undefined ? code : `40F7:error:0A000410:SSL routines:ssl3_read_bytes:some words:../deps/x.c:918:SSL alert number ${alert}\n`;
  return Object.assign(new Error(text), { code });
}

const explained: readonly (readonly [side: TlsFaultContext["side"], error: unknown, code: TlsFaultCode, words: RegExp])[] = [
  ["upstream", tlsError("DEPTH_ZERO_SELF_SIGNED_CERT"), "server-certificate-self-signed", /signed by itself.*--upstream-ca.*--ssl-insecure/],
  ["upstream", tlsError("SELF_SIGNED_CERT_IN_CHAIN"), "server-certificate-unknown-issuer", /not trusted here/],
  ["upstream", tlsError("UNABLE_TO_GET_ISSUER_CERT_LOCALLY"), "server-certificate-unknown-issuer", /certificates between/],
  ["upstream", tlsError("CERT_HAS_EXPIRED"), "server-certificate-expired", /expired.*clock/],
  ["upstream", tlsError("CERT_REVOKED"), "server-certificate-revoked", /revoked/],
  ["upstream", tlsError("CA_MD_TOO_WEAK"), "server-certificate-weak", /too weak/],
  ["upstream", tlsError("CERT_SIGNATURE_FAILURE"), "server-certificate-invalid", /somebody is in between/],
  ["upstream", tlsError("ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", 116), "client-certificate-wanted", /--client-certs/],
  ["upstream", tlsError("ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", 40), "handshake-refused", /refused/],
  ["upstream", tlsError("ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", 40), "handshake-refused", /refused/],
  ["upstream", tlsError("ERR_SSL_SOMETHING", 199), "handshake-refused", /failed: some words\./],
  ["upstream", tlsError("ERR_SSL_DECRYPTION_FAILED"), "malformed", /broke the protocol/],
  ["upstream", tlsError("EPIPE"), "other", /failed: EPIPE/],
  ["upstream", undefined, "closed", /closed the connection/],
  ["upstream", "thrown words", "other", /unknown error/],
  ["client", tlsError("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", 48), "client-does-not-trust-authority", /ca install-help/],
  ["client", tlsError("ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN", 46), "client-does-not-trust-authority", /ca install-help/],
  ["client", tlsError("ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE", 42), "client-refuses-certificate", /--ignore-hosts/],
  ["client", tlsError("ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED", 45), "client-refuses-certificate", /clocks/],
  ["client", tlsError("ERR_SSL_UNSUPPORTED_PROTOCOL"), "protocol-version", /older than 1\.2/],
  ["client", tlsError("ERR_SSL_HTTP_REQUEST"), "not-tls", /plain HTTP/],
  ["client", undefined, "closed", /closed/],
];
for (const [side, error, code, words] of explained) {
  test(`${side}: ${error instanceof Error && "code" in error ? String(error.code) : String(error)} is ${code}`, (t) => {
    const fault = explainTlsError(error, { side, host: "www.example.com" });
    t.is(fault.code, code);
    t.regex(fault.message, words);
    t.true(fault.message.includes("www.example.com"));
    t.regex(fault.message, /^[A-Zw].*[.]$/);
  });
}

test("hostile names do not get into the words unbounded or unprintable", (t) => {
  const error = Object.assign(new Error(`Hostname/IP does not match certificate's altnames: Host: h. is not in the cert's altnames: DNS:\u001b[31m${"x,".repeat(9000)}`), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  const { message } = explainTlsError(error, { side: "upstream", host: "\r\nX: <script>" });
  t.true(message.length < 600);
  t.notRegex(message, /[\u0000-\u001f]/);
});

test("the names of a wrong certificate are told", (t) => {
  const error = Object.assign(new Error("Hostname/IP does not match certificate's altnames: Host: b.example. is not in the cert's altnames: DNS:a.example, IP Address:192.0.2.1"), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  t.regex(explainTlsError(error, { side: "upstream", host: "b.example" }).message, /for other names \(a\.example, 192\.0\.2\.1\)/);
});
