// What a listener is for, read from the operator's words: NAME[+tls][:WHERE][@[HOST:]PORT]. Pure: it opens nothing and resolves nothing;
// what the modes do is in the layers.
import type { Address, Via } from "../flows/connection.ts";
import { defaultPort, parseAuthority } from "../http/request-target.ts";

export type Mode =
  /** Clients know that it is a proxy. */
  | { readonly kind: "regular" }
  /** Likewise, and every connection to a server goes through the next proxy. */
  | { readonly kind: "upstream"; readonly proxy: Via }
  /** Clients take it for the server; `target` is where it leads. */
  | { readonly kind: "reverse"; readonly scheme: "http" | "https"; readonly target: Address }
  /** RFC 1928. */
  | { readonly kind: "socks5" }
  /** Raw bytes to one place. */
  | { readonly kind: "tcp"; readonly target: Address }
  /** Connections that the kernel turned to us; their local address is where they were going (docs/modes.md). */
  | { readonly kind: "transparent" };

export interface ListenerMode {
  /** The operator's words without the part after "@": what addons, the log and the ready line show. */
  readonly text: string;
  readonly mode: Mode;
  /** "+tls": the listener takes nothing but TLS, and takes it off first. */
  readonly needsTls: boolean;
}

export interface ModeWords {
  readonly listener: ListenerMode;
  /** Where to listen, where the words say so. */
  readonly host: string | null;
  readonly port: number | null;
}

/** Why words are no mode: a sentence that says what to write instead. */
export interface ModeProblem { readonly kind: "problem"; readonly message: string }

const kinds = "regular, reverse:http(s)://HOST[:PORT], upstream:http(s)://HOST:PORT, socks5, tcp:HOST:PORT or transparent";

/** Reads one --mode. Never throws. */
export function readMode(words: string): ModeWords | ModeProblem {
  const { text, host, port } = splitPlace(words);
  if (host === "") return problem(words, "write @PORT or @HOST:PORT at the end");
  const [, name = "", tls, where = ""] = /^([a-z0-9]*)(\+tls)?(?::(.*))?$/is.exec(text) ?? [];
  const mode = modeOf(name.toLowerCase(), where, text.includes(":"));
  if (typeof mode === "string") return problem(words, mode);
  if (mode.kind === "transparent" && tls !== undefined) return problem(words, "transparent connections are not addressed to the proxy, so +tls has no meaning there");
  return { listener: { text, mode, needsTls: tls !== undefined }, host, port };
}

const problem = (words: string, why: string): ModeProblem => ({ kind: "problem", message: `--mode ${withoutUser(words)}: ${why}` });

/** An "@" that is followed by anything but a place to listen belongs to what comes before. */
function splitPlace(words: string): { readonly text: string; readonly host: string | null; readonly port: number | null } {
  const match = /^(.*)@(?:(\[[^\][@]*\]|[^:@[\]/]*):)?(\d{1,5})$/s.exec(words);
  if (match === null) return { text: words, host: null, port: null };
  return { text: match[1] ?? "", host: match[2]?.replace(/^\[(.*)\]$/, "$1") ?? null, port: Number(match[3]) };
}

function modeOf(name: string, where: string, hasWhere: boolean): Mode | string {
  switch (name) {
    case "regular": case "socks5": case "transparent": return hasWhere ? `"${name}" takes nothing behind a colon; end it with @[HOST:]PORT to say where to listen` : { kind: name };
    case "tcp": {
      const target = parseAuthority(where, null);
      return target === null ? "write tcp:HOST:PORT, the server that it leads to" : { kind: "tcp", target };
    }
    case "reverse": {
      const url = readUrl(where, true);
      return typeof url === "string" ? url : { kind: "reverse", scheme: url.scheme, target: { host: url.host, port: url.port } };
    }
    case "upstream": {
      const url = readUrl(where, false);
      return typeof url === "string" ? url : { kind: "upstream", proxy: url };
    }
    default: return `there is no such mode; write ${kinds}`;
  }
}

/** A reverse proxy's server has the port of its scheme where none is given; a proxy has no usual one. */
function readUrl(where: string, mayOmitPort: boolean): Via | string {
  const match = /^(https?):\/\/([^/?#]*)(.*)$/is.exec(where);
  if (match === null) return "write the address as http://HOST:PORT or https://HOST:PORT";
  const scheme = match[1]?.toLowerCase() === "https" ? "https" : "http";
  const authority = match[2] ?? "";
  if (authority.includes("@")) return "leave user and password out of the address; give them with --upstream-auth";
  if (match[3] !== "" && match[3] !== "/") return "the address is that of a server, without a path";
  const place = parseAuthority(authority, mayOmitPort ? defaultPort(scheme) : null);
  return place === null ? `what follows "//" is no host${mayOmitPort ? "" : " with a port"} (user and password belong to --upstream-auth)` : { scheme, ...place };
}

/** A password that was given in the wrong place is not printed. */
const withoutUser = (words: string): string => words.replace(/\/\/[^/@]*@/, "//…@");

/** Where every connection of that mode leads before a byte is read; null: the client says. */
export function fixedTarget(mode: Mode): Address | null {
  return mode.kind === "reverse" || mode.kind === "tcp" ? mode.target : null;
}

