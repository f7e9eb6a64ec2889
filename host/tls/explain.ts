/**
 * Turns what Node and OpenSSL say about a failed handshake into a code and a sentence: why it failed and what the operator can do. Pure, a table.
 * The sentence names the host and nothing secret; it may stand in a log and, for the server's side, on an error page (as text, to be escaped there).
 */
import { systemErrorCode } from "./authority-error.ts";

export type TlsFaultCode =
  | "server-certificate-self-signed"
  | "server-certificate-unknown-issuer"
  | "server-certificate-expired"
  | "server-certificate-not-yet-valid"
  | "server-certificate-wrong-name"
  | "server-certificate-revoked"
  | "server-certificate-weak"
  | "server-certificate-invalid"
  | "client-does-not-trust-authority"
  | "client-refuses-certificate"
  | "client-certificate-wanted"
  | "protocol-version"
  | "no-shared-cipher"
  | "no-application-protocol"
  | "unknown-server-name"
  | "handshake-refused"
  | "not-tls"
  | "closed"
  | "malformed"
  | "other";

export interface TlsFault {
  readonly code: TlsFaultCode;
  readonly message: string;
}

/** Whose handshake failed: the one in which the proxy is server to the client, or client to the upstream server; and with or for which host. */
export interface TlsFaultContext {
  readonly side: "client" | "upstream";
  readonly host: string;
}

type Sentence = (host: string, detail: string) => string;
type Row = readonly [TlsFaultCode, Sentence];

const insecure = "or start with --ssl-insecure to take any certificate";
const trustIt = `give its authority's certificate with --upstream-ca if you trust it, ${insecure}`;
const installIt = `install the proxy's certificate authority in that client ("flowcell ca install-help" says how), or leave the host alone with --ignore-hosts`;

const selfSigned: Row = ["server-certificate-self-signed", (host) => `The certificate of ${host} is signed by itself and nobody vouches for it: ${trustIt}.`];
const unknownIssuer: Row = [
  "server-certificate-unknown-issuer",
  (host) => `The certificate of ${host} comes from an authority that is not trusted here, or the server does not send the certificates between: ${trustIt}.`,
];
const weak: Row = ["server-certificate-weak", (host) => `The certificate of ${host} uses a key or a digest that is too weak to be trusted: it has to be replaced there, ${insecure}.`];
const revoked: Row = ["server-certificate-revoked", (host) => `The certificate of ${host} was revoked by its authority: it has to be replaced there, ${insecure}.`];

/** Verification of a server's certificate: Node passes OpenSSL's X509_V_ERR names on. */
const verificationRows: Readonly<Record<string, Row>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: selfSigned,
  SELF_SIGNED_CERT_IN_CHAIN: [
    "server-certificate-unknown-issuer",
    (host) => `The certificates of ${host} end in an authority that is not trusted here: ${trustIt}.`,
  ],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownIssuer,
  UNABLE_TO_GET_ISSUER_CERT: unknownIssuer,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownIssuer,
  CERT_UNTRUSTED: unknownIssuer,
  CERT_HAS_EXPIRED: ["server-certificate-expired", (host) => `The certificate of ${host}, or of its authority, has expired: it has to be renewed there (is this machine's clock right?), ${insecure}.`],
  CERT_NOT_YET_VALID: ["server-certificate-not-yet-valid", (host) => `The certificate of ${host} is not valid yet: check this machine's clock, ${insecure}.`],
  ERR_TLS_CERT_ALTNAME_INVALID: ["server-certificate-wrong-name", (host, detail) => `The server answered for ${host} with a certificate for other names (${detail}): check the address, ${insecure}.`],
  HOSTNAME_MISMATCH: ["server-certificate-wrong-name", (host) => `The server answered for ${host} with a certificate for other names: check the address, ${insecure}.`],
  CERT_REVOKED: revoked,
  CERT_CHAIN_TOO_LONG: unknownIssuer,
  CA_MD_TOO_WEAK: weak,
  CA_KEY_TOO_SMALL: weak,
  EE_KEY_TOO_SMALL: weak,
  ERR_SSL_CA_MD_TOO_WEAK: weak,
  ERR_SSL_EE_KEY_TOO_SMALL: weak,
  ERR_SSL_DH_KEY_TOO_SMALL: weak,
  CERT_SIGNATURE_FAILURE: ["server-certificate-invalid", (host) => `A certificate of ${host} is not signed by the authority it names: the server is set up wrongly, or somebody is in between.`],
  INVALID_PURPOSE: ["server-certificate-invalid", (host) => `The certificate of ${host} is not meant for servers: it has to be replaced there, ${insecure}.`],
  INVALID_CA: ["server-certificate-invalid", (host) => `The certificate of ${host} was signed by a certificate that is no authority: it has to be replaced there, ${insecure}.`],
};

const versionUpstream: Row = ["protocol-version", (host) => `${host} speaks no TLS version that the proxy accepts (1.2 and 1.3): it has to be updated there.`];
const notTlsUpstream: Row = ["not-tls", (host) => `${host} does not answer with TLS on this port: check scheme and port (http:// instead of https://?).`];
const refusedUpstream: Row = ["handshake-refused", (host) => `${host} refused the handshake: it may not know this name, want a client certificate (--client-certs), or share no cipher with the proxy.`];

const versionClient: Row = ["protocol-version", (host) => `The client, asking for ${host}, speaks only TLS versions older than 1.2: update the client.`];
const cipherClient: Row = ["no-shared-cipher", (host) => `The client, asking for ${host}, shares no cipher with the proxy, which shows ECDSA certificates: update the client, or leave the host alone with --ignore-hosts.`];
const refusesClient: Row = ["client-refuses-certificate", (host) => `The client refused the proxy's certificate for ${host}; it may accept only the real server's: ${installIt}.`];
const untrustedClient: Row = ["client-does-not-trust-authority", (host) => `The client does not trust the proxy's certificate for ${host}: ${installIt}.`];

/** OpenSSL's own verdicts, by Node's code, where the two sides differ. */
const codeRows: Readonly<Record<TlsFaultContext["side"], Readonly<Record<string, Row>>>> = {
  upstream: {
    ...verificationRows,
    ERR_SSL_UNSUPPORTED_PROTOCOL: versionUpstream,
    ERR_SSL_VERSION_TOO_LOW: versionUpstream,
    ERR_SSL_WRONG_SSL_VERSION: versionUpstream,
    ERR_SSL_WRONG_VERSION_NUMBER: notTlsUpstream,
    ERR_SSL_PACKET_LENGTH_TOO_LONG: notTlsUpstream,
    ERR_SSL_UNSAFE_LEGACY_RENEGOTIATION_DISABLED: ["handshake-refused", (host) => `${host} lacks secure renegotiation (RFC 5746), without which the proxy does not talk to it: it has to be updated there.`],
    ECONNRESET: ["closed", (host) => `${host} closed the connection during the handshake: it may not know this name, or not want TLS on this port.`],
  },
  client: {
    ERR_SSL_UNSUPPORTED_PROTOCOL: versionClient,
    ERR_SSL_VERSION_TOO_LOW: versionClient,
    ERR_SSL_NO_SHARED_CIPHER: cipherClient,
    ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM: cipherClient,
    ERR_SSL_NO_APPLICATION_PROTOCOL: ["no-application-protocol", (host) => `The client, asking for ${host}, offers no application protocol that the proxy speaks.`],
    ERR_SSL_HTTP_REQUEST: ["not-tls", (host) => `The client sent plain HTTP for ${host} where TLS was expected.`],
    ERR_SSL_WRONG_VERSION_NUMBER: ["not-tls", (host) => `The client sent something other than TLS for ${host}.`],
    ECONNRESET: ["closed", (host) => `The client closed the connection for ${host} during the handshake; clients that accept only the real server's certificate do so: ${installIt}.`],
  },
};

/** Alerts of the peer, by number (RFC 8446 §6); OpenSSL's words for them change between versions, the numbers do not. */
const alertRows: Readonly<Record<TlsFaultContext["side"], Readonly<Record<number, Row>>>> = {
  upstream: {
    40: refusedUpstream,
    70: versionUpstream,
    71: refusedUpstream,
    80: ["handshake-refused", (host) => `${host} reports an error of its own (TLS alert internal_error); it may not know this name.`],
    112: ["unknown-server-name", (host) => `The server does not know the name ${host}: check the address.`],
    116: ["client-certificate-wanted", (host) => `${host} wants a client certificate: give one with --client-certs.`],
    120: ["no-application-protocol", (host) => `${host} speaks none of the application protocols that were offered.`],
  },
  client: {
    40: cipherClient,
    42: refusesClient,
    43: refusesClient,
    44: refusesClient,
    45: ["client-refuses-certificate", (host) => `The client takes the proxy's certificate for ${host} for expired: check the clocks of both machines.`],
    46: untrustedClient,
    48: untrustedClient,
    49: refusesClient,
    70: versionClient,
    90: ["closed", (host) => `The client gave up the handshake for ${host} (TLS alert user_canceled).`],
  },
};

/**
 * Explains an error of a handshake, or the end of a connection before its handshake was over (then `error` is undefined). Never throws; what is in no
 * table comes back as `other` with OpenSSL's own words.
 */
export function explainTlsError(error: unknown, context: TlsFaultContext): TlsFault {
  const host = quotable(context.host);
  const text = error instanceof Error ? error.message : "";
  const code = error === undefined ? "ECONNRESET" : (systemErrorCode(error) ?? "");
  const alert = /SSL alert number (\d+)/.exec(text)?.[1];
  const row = alert === undefined ? codeRows[context.side][code] : alertRows[context.side][Number(alert)];
  if (row !== undefined) return { code: row[0], message: row[1](host, namesIn(text)) };
  const whose = context.side === "client" ? `with the client for ${host}` : `with ${host}`;
  const reason = reasonOf(text, code);
  return code.startsWith("ERR_SSL_") && alert === undefined
    ? { code: "malformed", message: `The TLS handshake ${whose} failed, as the other side broke the protocol (${reason}).` }
    : { code: alert === undefined ? "other" : "handshake-refused", message: `The TLS handshake ${whose} failed: ${reason}.` };
}

/** What an alert says that came after the handshake, as TLS 1.3 servers answer a missing certificate; null: the error is no alert. */
export function explainLateAlert(error: Error, host: string): TlsFault | null {
  return /SSL alert number \d/.test(error.message) ? explainTlsError(error, { side: "upstream", host }) : null;
}

/** OpenSSL's reason out of "…:error:0A000418:SSL routines:function:reason:file:line:…". */
function reasonOf(text: string, code: string): string {
  const reason = /:error:[0-9A-F]+:[^:]*:[^:]*:([^:]+):/.exec(text)?.[1] ?? text.split("\n")[0] ?? "";
  return quotable(reason === "" ? code || "unknown error" : reason);
}

/** The names in a certificate that did not match, from Node's message. */
function namesIn(text: string): string {
  const names = /altnames: (?:.*altnames: )?(.*)$/s.exec(text)?.[1] ?? /cert's CN: (.*)$/s.exec(text)?.[1] ?? "";
  return quotable(names === "" ? "none" : names.replaceAll(/\b(?:DNS|IP Address):/g, ""));
}

/** Peers choose these words: one line of printable ASCII, of a length that a log line bears. */
function quotable(text: string): string {
  const plain = text.replaceAll(/[^\x20-\x7e]/g, "?");
  return plain.length <= 200 ? plain : `${plain.slice(0, 200)}…`;
}
