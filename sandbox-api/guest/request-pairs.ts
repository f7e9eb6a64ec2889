// Where the live views of a request read and write: the query of its path, its Cookie fields, its urlencoded body. Each gives
// pairs and takes pairs; pairs nobody touched keep their bytes.
import { isFieldValue, isPath, withheldValue } from "../schema/http.ts";
import { decodeText, encodeText, latin1Bytes, latin1Text } from "./byte-string.ts";
import { assignedBody } from "./body.ts";
import { checkSize } from "./draft.ts";
import { Field, findField, withoutName, withValues, type Fields } from "./fields.ts";
import { bareArray, byteLengthOf, exec, indexOf, slice, trim } from "./intrinsics.ts";
import { parsePairs, pairsText, splitAt } from "./percent.ts";
import { PairSource, type Pair } from "./pairs.ts";
import type { RequestState } from "./request.ts";
import { refuse } from "./thrown.ts";

export class QuerySource extends PairSource {
  readonly #state: RequestState;
  constructor(state: RequestState) {
    super("request.query");
    this.#state = state;
  }
  read(): readonly Pair[] {
    const { path } = this.#state.head;
    const question = indexOf(path, "?");
    return question < 0 ? bareArray<Pair>() : parsePairs(slice(path, question + 1));
  }
  write(pairs: readonly Pair[]): void {
    const { path } = this.#state.head;
    const question = indexOf(path, "?");
    const query = pairsText(pairs);
    const changed = `${question < 0 ? path : slice(path, 0, question)}${query === "" ? "" : `?${query}`}`;
    if (!isPath(changed)) throw refuse(this.what, "request.query: the path would become too long or illegal");
    if (changed !== path) this.#state.write("request.path").path = changed;
  }
}

const cookieSyntax = /[;\s]/;

export class CookieSource extends PairSource {
  readonly #state: RequestState;
  constructor(state: RequestState) {
    super("request.cookies");
    this.#state = state;
  }
  read(): readonly Pair[] {
    const { fields } = this.#state;
    const pairs = bareArray<Pair>();
    for (let at = findField(fields, "cookie"); at >= 0; at = findField(fields, "cookie", at + 1)) {
      if (fields[at]!.value === withheldValue) continue;
      const pieces = splitAt(fields[at]!.value, 59);
      for (let index = 0; index < pieces.length; index++) pairs[pairs.length] = cookiePair(trim(pieces[index]!));
    }
    return pairs;
  }
  write(pairs: readonly Pair[]): void {
    const { fields } = this.#state;
    let value = "";
    for (let index = 0; index < pairs.length; index++) value += `${index > 0 ? "; " : ""}${this.#pairText(pairs[index]!)}`;
    this.#state.writeFields("request.headers", value === "" ? withoutName(this.what, fields, "cookie") : withValues(this.what, fields, "cookie", listOf(new Field("Cookie", value))));
  }
  #pairText({ name, value, raw }: Pair): string {
    if (raw !== null) return raw;
    const text = encodeText(`${name}=${value}`);
    if (exec(cookieSyntax, text) !== null || indexOf(name, "=") >= 0 || !isFieldValue(text)) throw refuse(this.what, `request.cookies: a name or value has characters that no cookie may have`);
    return text;
  }
}

function cookiePair(raw: string): Pair {
  const equals = indexOf(raw, "=");
  return { name: decodeText(equals < 0 ? "" : slice(raw, 0, equals)), value: decodeText(slice(raw, equals + 1)), raw };
}

function listOf(field: Field): Fields {
  const list = bareArray<Field>();
  list[0] = field;
  return list;
}

const formType = /^[ \t]*application\/x-www-form-urlencoded[ \t]*(?:;|$)/i;

export class FormSource extends PairSource {
  readonly #state: RequestState;
  constructor(state: RequestState) {
    super("request.urlencodedForm");
    this.#state = state;
  }
  get #isForm(): boolean {
    const { fields } = this.#state;
    const at = findField(fields, "content-type");
    return at >= 0 && exec(formType, fields[at]!.value) !== null;
  }
  read(): readonly Pair[] {
    const { content } = this.#state.body;
    return content === null || !this.#isForm ? bareArray<Pair>() : parsePairs(latin1Text(content));
  }
  write(pairs: readonly Pair[]): void {
    const bytes = latin1Bytes(pairsText(pairs));
    if (bytes === null) throw refuse(this.what, "request.urlencodedForm: not writable as bytes");
    if (!this.#isForm) {
      const { fields } = this.#state;
      this.#state.writeFields("request.headers", withValues(this.what, fields, "content-type", listOf(new Field("Content-Type", "application/x-www-form-urlencoded"))));
    }
    this.#state.writeBody(this.what, (mostBytes) => {
      checkSize(byteLengthOf(bytes), mostBytes);
      return assignedBody(bytes, "content", this.#state.hasEncoding);
    });
  }
}
