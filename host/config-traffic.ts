// The part of the configuration that is about traffic: where it comes in, who may send it, which hosts are left alone, and certificates.
// Checks what can be checked without touching the machine, as config.ts does for the rest.
import { homedir } from "node:os";
import path from "node:path";
import type { ProxyAuthChoice } from "./access/proxy-auth.ts";
import { readMode } from "./layers/mode.ts";
import { readPlacePattern, type PlacePattern } from "./layers/place-pattern.ts";
import { OperatorError } from "./operator-error.ts";
import { readOwnCertificate, type OwnCertificate } from "./tls/host-names.ts";

/** `mode`: the operator's words without "@[HOST:]PORT", known to be a mode. Plain data. */
export interface ListenerConfig { readonly mode: string; readonly host: string; readonly port: number }

export interface TrafficConfig {
  readonly listeners: readonly ListenerConfig[];
  readonly ignoreHosts: readonly PlacePattern[];
  readonly allowHosts: readonly PlacePattern[];
  readonly tcpHosts: readonly PlacePattern[];
  readonly http2: boolean;
  readonly proxyAuth: ProxyAuthChoice | null;
  readonly keepHostHeader: boolean;
  /** "user:password". */
  readonly upstreamAuth: string | null;
  readonly sslInsecure: boolean;
  readonly upstreamCa: string | null;
  readonly clientCerts: string | null;
  /** Own certificates for clients, by host pattern. */
  readonly certs: readonly OwnCertificate[];
  /** Own certificate of the listeners. */
  readonly listenerCert: string | null;
}

/** As the command line gives it; absent means default. */
export interface TrafficInput {
  readonly host?: string;
  readonly port?: number;
  readonly mode?: readonly string[];
  readonly ignoreHosts?: readonly string[];
  readonly allowHosts?: readonly string[];
  readonly tcpHosts?: readonly string[];
  readonly http2?: boolean;
  /** user:pass, @FILE or any. */
  readonly proxyAuth?: string | undefined;
  readonly keepHostHeader?: boolean;
  readonly upstreamAuth?: string | undefined;
  readonly sslInsecure?: boolean;
  readonly upstreamCa?: string | undefined;
  readonly clientCerts?: string | undefined;
  /** [HOST=]FILE */
  readonly certs?: readonly string[];
  readonly listenerCert?: string | undefined;
}

export const defaultPort = 8080;
export const defaultHost = "127.0.0.1";

export function trafficConfig(input: TrafficInput): TrafficConfig {
  const ignoreHosts = patterns("--ignore-hosts", input.ignoreHosts);
  const allowHosts = patterns("--allow-hosts", input.allowHosts);
  if (ignoreHosts.length > 0 && allowHosts.length > 0) throw usage("--ignore-hosts and --allow-hosts exclude each other; give one of them");
  const modes = listeners(input);
  return {
    listeners: modes, ignoreHosts, allowHosts,
    tcpHosts: patterns("--tcp-hosts", input.tcpHosts),
    http2: input.http2 ?? true,
    proxyAuth: readProxyAuth(input.proxyAuth, modes),
    keepHostHeader: input.keepHostHeader ?? false,
    upstreamAuth: readUpstreamAuth(input.upstreamAuth, modes),
    sslInsecure: input.sslInsecure ?? false,
    upstreamCa: filePath(input.upstreamCa),
    clientCerts: filePath(input.clientCerts),
    certs: Object.freeze((input.certs ?? []).map(readOwnCertificate).map(({ pattern, file }) => ({ pattern, file: path.resolve(expandHome(file)) }))),
    listenerCert: filePath(input.listenerCert),
  };
}

const usage = (sentence: string): OperatorError => new OperatorError("ERR_USAGE", sentence);

function listeners(input: TrafficInput): readonly ListenerConfig[] {
  const host = input.host ?? defaultHost;
  // Listening at no address means at all of them.
  if (host.trim() === "") throw usage(`--host: give an address to listen on (${defaultHost}: this machine only; 0.0.0.0: every network)`);
  const port = portNumber("--port", input.port ?? defaultPort);
  const modes = input.mode === undefined || input.mode.length === 0 ? ["regular"] : input.mode;
  const places = new Map<string, string>();
  return Object.freeze(modes.map((mode) => {
    const one = listener(mode, host, port);
    const former = places.get(`${one.host}:${one.port}`);
    if (former !== undefined && one.port !== 0) throw usage(`--mode ${mode}: "${former}" listens on ${one.host}:${one.port} already; end one of them with @[HOST:]PORT`);
    places.set(`${one.host}:${one.port}`, mode);
    return one;
  }));
}

function listener(words: string, host: string, port: number): ListenerConfig {
  const read = readMode(words);
  if ("message" in read) throw usage(read.message);
  if (read.host?.trim() === "") throw usage(`--mode ${words}: give an address before the port, or the port alone`);
  return Object.freeze({ mode: read.listener.text, host: read.host ?? host, port: portNumber(`--mode ${words}`, read.port ?? port) });
}

/** A listener that cannot ask for credentials would let everybody in who was meant to stay out. */
function readProxyAuth(words: string | undefined, listeners: readonly ListenerConfig[]): ProxyAuthChoice | null {
  if (words === undefined) return null;
  const open = listeners.find(({ mode }) => !/^(regular|upstream|socks5)\b/i.test(mode));
  if (open !== undefined) throw usage(`--proxy-auth: clients of "${open.mode}" know of no proxy and cannot be asked for a password; run it as a proxy of its own`);
  if (words === "any") return { kind: "any" };
  if (words.startsWith("@")) return words === "@" ? fail("--proxy-auth @FILE: the name of the file is missing") : { kind: "file", file: path.resolve(expandHome(words.slice(1))) };
  const colon = words.indexOf(":");
  if (colon < 1) throw usage('--proxy-auth: write user:password, @FILE (made by "htpasswd -B") or any');
  return { kind: "pair", pair: { user: words.slice(0, colon), password: words.slice(colon + 1) } };
}

function readUpstreamAuth(words: string | undefined, listeners: readonly ListenerConfig[]): string | null {
  if (words === undefined) return null;
  if (words.indexOf(":") < 1) throw usage("--upstream-auth: write user:password");
  if (!listeners.some(({ mode }) => /^upstream\b/i.test(mode))) throw usage("--upstream-auth is for the proxy of --mode upstream:http(s)://HOST:PORT, and there is none");
  return words;
}

const fail = (sentence: string): never => { throw usage(sentence); };

function portNumber(option: string, port: number): number {
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw usage(`${option}: a port is a whole number from 0 to 65535 (0 takes any free one)`);
  return port;
}

function patterns(option: string, sources: readonly string[] | undefined): readonly PlacePattern[] {
  return Object.freeze((sources ?? []).map((source) => {
    const pattern = readPlacePattern(source);
    return typeof pattern === "string" ? fail(`${option} ${source}: ${pattern}`) : pattern;
  }));
}

const filePath = (file: string | undefined): string | null => (file === undefined ? null : path.resolve(expandHome(file)));

/** A path with "~" for the home folder. */
export function expandHome(file: string): string {
  return file === "~" || file.startsWith("~/") ? path.join(homedir(), file.slice(1)) : file;
}
