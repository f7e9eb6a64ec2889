// Node's own HTTP parser (llhttp, strict), which node:http uses, called directly so that thousands of inputs can be
// compared. It is internal to Node: reached through `_http_common`, with every part checked before use.
import { METHODS } from "node:http";
import { createRequire } from "node:module";

/** One message as llhttp saw it. */
export interface ParsedMessage {
  readonly version: string;
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly reason: string;
  readonly keepAlive: boolean;
  readonly upgrade: boolean;
  /** Names and values in turn; trailers come after. */
  readonly fields: string[];
  readonly trailers: string[];
  body: string;
  isComplete: boolean;
}

export interface Parsed {
  readonly messages: readonly ParsedMessage[];
  /** llhttp's error code, or null. An input that ends inside a message is an error too. */
  readonly error: string | null;
}

interface NodeParser {
  [key: number]: unknown;
  initialize(type: number, resource: object, maxHeaderBytes: number, lenient: number): void;
  execute(bytes: Buffer): unknown;
  finish(): unknown;
}

interface NodeParserClass {
  new (): NodeParser;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

function isParserClass(value: unknown): value is NodeParserClass {
  const numbers = ["REQUEST", "RESPONSE", "kOnHeaders", "kOnHeadersComplete", "kOnBody", "kOnMessageComplete"];
  return typeof value === "function" && numbers.every((name) => typeof Reflect.get(value, name) === "number");
}

const common: unknown = createRequire(import.meta.url)("_http_common");
const found: unknown = typeof common === "object" && common !== null ? Reflect.get(common, "HTTPParser") : undefined;
if (!isParserClass(found)) throw new Error("this Node has no HTTPParser in _http_common");
const HTTPParser = found;

/** llhttp's numbers of methods and their names, learnt by parsing one request of each that node:http lists. */
const methodNames = new Map<unknown, string>(METHODS.map((name) => [methodNumber(name), name]));

function methodNumber(name: string): unknown {
  const parser = new HTTPParser();
  let number: unknown;
  parser.initialize(HTTPParser.REQUEST, {}, 1 << 20, 0);
  parser[HTTPParser.kOnHeadersComplete] = (_major: unknown, _minor: unknown, _fields: unknown, method: unknown): number => {
    number = method;
    return 0;
  };
  parser.execute(Buffer.from(`${name} ${name === "CONNECT" ? "a:1" : "/"} HTTP/1.1\r\nHost: a\r\n\r\n`));
  return number;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function listOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(textOf) : [];
}

function errorCode(result: unknown): string | null {
  return result instanceof Error ? textOf(Reflect.get(result, "code")) : null;
}

/** What Node does with a response that has no body whatever its head says. */
export type Skip = "none" | "body" | "tunnel";
const SKIP_RESULT = { none: 0, body: 1, tunnel: 2 } as const;

/** Parses one connection's bytes, then its end. `skip` says for response number n how its body is treated. */
export function parseWithNode(kind: "request" | "response", bytes: Buffer, skip: (status: number) => Skip = () => "none"): Parsed {
  const parser = new HTTPParser();
  const messages: ParsedMessage[] = [];
  let early: string[] = [];
  let earlyTarget = "";
  parser.initialize(kind === "request" ? HTTPParser.REQUEST : HTTPParser.RESPONSE, {}, 1 << 20, 0);
  parser[HTTPParser.kOnHeaders] = (fields: unknown, url: unknown): void => {
    const current = messages.at(-1);
    if (current !== undefined && !current.isComplete) {
      current.trailers.push(...listOf(fields));
    } else {
      early.push(...listOf(fields));
      earlyTarget += textOf(url);
    }
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    major: unknown, minor: unknown, fields: unknown, method: unknown, url: unknown, status: unknown, reason: unknown, upgrade: unknown, keepAlive: unknown,
  ): number => {
    messages.push({
      version: `${major}.${minor}`, method: methodNames.get(method) ?? "", target: earlyTarget + textOf(url),
      status: typeof status === "number" ? status : 0, reason: textOf(reason), keepAlive: keepAlive === true, upgrade: upgrade === true,
      fields: [...early, ...listOf(fields)], trailers: [], body: "", isComplete: false,
    });
    early = [];
    earlyTarget = "";
    return SKIP_RESULT[skip(typeof status === "number" ? status : 0)];
  };
  parser[HTTPParser.kOnBody] = (data: unknown): void => {
    const current = messages.at(-1);
    if (current !== undefined && Buffer.isBuffer(data)) current.body += data.toString("latin1");
  };
  parser[HTTPParser.kOnMessageComplete] = (): void => {
    const current = messages.at(-1);
    if (current !== undefined) current.isComplete = true;
  };
  const error = errorCode(parser.execute(bytes)) ?? errorCode(parser.finish());
  return { messages, error };
}
