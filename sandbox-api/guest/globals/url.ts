// `URL` and `URLSearchParams` of addons, over url-parse.ts. What is left out of the standard is listed in schema/globals.ts.
import { encodeText } from "../byte-string.ts";
import { RealTypeError, bareArray, expose, indexOf, isEnumerable, isInteger, isObject, ownKeys, slice } from "../intrinsics.ts";
import { eachOf, isIterable, readMember } from "../iterate.ts";
import { pairsText, parsePairs } from "../percent.ts";
import { Pairs, PairSource, type Pair } from "../pairs.ts";
import { encodeFor, isSpecial, normalPath, parseHost, parseUrl, type UrlRecord } from "./url-parse.ts";

/** Pairs of their own, or those of a URL, which hears of changes. */
class SearchSource extends PairSource {
  pairs: readonly Pair[];
  #changed: ((text: string) => void) | null;
  constructor(pairs: readonly Pair[], changed: ((text: string) => void) | null) {
    super("URLSearchParams");
    this.pairs = pairs;
    this.#changed = changed;
  }
  read(): readonly Pair[] {
    return this.pairs;
  }
  write(pairs: readonly Pair[]): void {
    // The standard writes all pairs anew.
    const list = bareArray<Pair>();
    for (let index = 0; index < pairs.length; index++) list[index] = { name: pairs[index]!.name, value: pairs[index]!.value, raw: null };
    this.pairs = list;
    this.#changed?.(pairsText(list));
  }
}

const queryPairs = (query: string): readonly Pair[] => parsePairs(encodeText(query[0] === "?" ? slice(query, 1) : query));

function pairsFrom(init: unknown): readonly Pair[] {
  if (init === undefined || !isObject(init)) return init === undefined ? bareArray<Pair>() : queryPairs(`${init as string}`);
  const list = bareArray<Pair>();
  const add = (name: unknown, value: unknown): void => { list[list.length] = { name: `${name as string}`, value: `${value as string}`, raw: null }; };
  if (isIterable(init)) {
    eachOf("URLSearchParams", init, (pair) => {
      const both = bareArray<unknown>();
      eachOf("URLSearchParams", pair, (value, index) => { both[index] = value; }, 2);
      if (both.length !== 2) throw new RealTypeError("URLSearchParams: each pair must be [name, value]");
      add(both[0], both[1]);
    });
    return list;
  }
  const keys = ownKeys(init);
  for (let index = 0; index < keys.length; index++) if (typeof keys[index] === "string" && isEnumerable(init, keys[index]!)) add(keys[index], readMember(init, keys[index]!));
  return list;
}

export class URLSearchParams extends Pairs {
  readonly #source: SearchSource;
  constructor(init?: unknown) {
    const source = init instanceof SearchSource ? init : new SearchSource(pairsFrom(init), null);
    super(source);
    this.#source = source;
  }
  sort(): void {
    const sorted = bareArray<Pair>();
    const { pairs } = this.#source;
    for (let index = 0; index < pairs.length; index++) {
      let at = index;
      for (; at > 0 && sorted[at - 1]!.name > pairs[index]!.name; at--) sorted[at] = sorted[at - 1]!;
      sorted[at] = pairs[index]!;
    }
    this.#source.write(sorted);
  }
  override toString(): string {
    const list = bareArray<Pair>();
    const { pairs } = this.#source;
    for (let index = 0; index < pairs.length; index++) list[index] = { name: pairs[index]!.name, value: pairs[index]!.value, raw: null };
    return pairsText(list);
  }
}
expose(URLSearchParams, "URLSearchParams");

export class URL {
  #record: UrlRecord;
  #source: SearchSource | null = null;
  #params: URLSearchParams | null = null;

  constructor(url: unknown, base?: unknown) {
    const baseRecord = base === undefined ? null : parseUrl(`${base as string}`, null);
    const record = base !== undefined && baseRecord === null ? null : parseUrl(`${url as string}`, baseRecord);
    if (record === null) throw new RealTypeError("Invalid URL");
    this.#record = record;
  }
  static canParse(url: unknown, base?: unknown): boolean {
    return URL.parse(url, base) !== null;
  }
  static parse(url: unknown, base?: unknown): URL | null {
    try {
      return new URL(url, base);
    } catch {
      // `null` is how `parse` says that it is no URL.
      return null;
    }
  }

  get href(): string {
    const { scheme, username, password, host, path, search, hash } = this.#record;
    const user = username === "" && password === "" ? "" : `${username}${password === "" ? "" : `:${password}`}@`;
    return `${scheme}:${host === null ? "" : `//${user}${this.#hostPort()}`}${path}${search}${hash}`;
  }
  set href(url: string) {
    const record = parseUrl(`${url}`, null);
    if (record === null) throw new RealTypeError("Invalid URL");
    this.#record = record;
    this.#refresh();
  }
  get origin(): string {
    return isSpecial(this.#record.scheme) ? `${this.#record.scheme}://${this.#hostPort()}` : "null";
  }
  get protocol(): string { return `${this.#record.scheme}:`; }
  set protocol(value: string) {
    const colon = indexOf(`${value}`, ":");
    const scheme = parseUrl(`${colon < 0 ? value : slice(value, 0, colon)}://h`, null)?.scheme;
    if (scheme === undefined || isSpecial(scheme) !== isSpecial(this.#record.scheme)) return;
    this.#record.scheme = scheme;
    this.port = this.#record.port;
  }
  get username(): string { return this.#record.username; }
  set username(value: string) { if (this.#record.host !== null) this.#record.username = encodeFor(`${value}`, "user"); }
  get password(): string { return this.#record.password; }
  set password(value: string) { if (this.#record.host !== null) this.#record.password = encodeFor(`${value}`, "user"); }
  get host(): string { return this.#hostPort(); }
  set host(value: string) {
    const parsed = this.#record.host === null ? null : parseUrl(`${this.#record.scheme}://${value}`, null);
    if (parsed === null) return;
    this.#record.host = parsed.host;
    if (indexOf(`${value}`, ":") >= 0) this.#record.port = parsed.port;
  }
  get hostname(): string { return this.#record.host ?? ""; }
  set hostname(value: string) {
    const host = this.#record.host === null ? null : parseHost(`${value}`, isSpecial(this.#record.scheme));
    if (host !== null) this.#record.host = host;
  }
  get port(): string { return this.#record.port; }
  set port(value: string) {
    const port = `${value}` === "" ? "" : +value;
    if (this.#record.host === null || (port !== "" && !(isInteger(port) && port >= 0 && port <= 65_535))) return;
    this.#record.port = port === "" ? "" : parseUrl(`${this.#record.scheme}://h:${port}`, null)?.port ?? "";
  }
  get pathname(): string { return this.#record.path; }
  set pathname(value: string) { if (this.#record.host !== null) this.#record.path = normalPath(`${value}`, this.#record.scheme); }
  get search(): string { return this.#record.search; }
  set search(value: string) {
    const text = `${value}`;
    const query = text[0] === "?" ? slice(text, 1) : text;
    this.#record.search = query === "" ? "" : `?${encodeFor(query, isSpecial(this.#record.scheme) ? "specialQuery" : "query")}`;
    this.#refresh();
  }
  get hash(): string { return this.#record.hash; }
  set hash(value: string) {
    const text = `${value}`;
    const fragment = text[0] === "#" ? slice(text, 1) : text;
    this.#record.hash = fragment === "" ? "" : `#${encodeFor(fragment, "fragment")}`;
  }
  get searchParams(): URLSearchParams {
    if (this.#params !== null) return this.#params;
    this.#source = new SearchSource(queryPairs(this.#record.search), (text) => { this.#record.search = text === "" ? "" : `?${text}`; });
    return (this.#params = new URLSearchParams(this.#source));
  }
  toString(): string { return this.href; }
  toJSON(): string { return this.href; }

  #hostPort(): string {
    return `${this.#record.host ?? ""}${this.#record.port === "" ? "" : `:${this.#record.port}`}`;
  }
  #refresh(): void {
    if (this.#source !== null) this.#source.pairs = queryPairs(this.#record.search);
  }
}
expose(URL, "URL");
