// Where the live view of a response's cookies reads and writes: one Set-Cookie field each, value with attributes. Fields nobody
// touched stay as they are.
import { isFieldValue, withheldValue } from "../schema/http.ts";
import { decodeText, encodeText } from "./byte-string.ts";
import { Field, findField, withoutName, withValues } from "./fields.ts";
import { bareArray, indexOf, slice } from "./intrinsics.ts";
import { PairSource, type Pair } from "./pairs.ts";
import type { ResponseState } from "./response.ts";
import { refuse } from "./thrown.ts";

export class SetCookieSource extends PairSource {
  readonly #state: ResponseState;
  constructor(state: ResponseState) {
    super("response.cookies");
    this.#state = state;
  }
  read(): readonly Pair[] {
    const { fields } = this.#state;
    const pairs = bareArray<Pair>();
    for (let at = findField(fields, "set-cookie"); at >= 0; at = findField(fields, "set-cookie", at + 1)) {
      const raw = fields[at]!.value;
      if (raw === withheldValue) continue;
      const equals = indexOf(raw, "=");
      pairs[pairs.length] = { name: decodeText(equals < 0 ? "" : slice(raw, 0, equals)), value: decodeText(slice(raw, equals + 1)), raw };
    }
    return pairs;
  }
  write(pairs: readonly Pair[]): void {
    const { fields } = this.#state;
    const list = bareArray<Field>();
    for (let index = 0; index < pairs.length; index++) {
      const { name, value, raw } = pairs[index]!;
      const text = raw ?? encodeText(`${name}=${value}`);
      if (!isFieldValue(text) || indexOf(name, "=") >= 0 || indexOf(name, ";") >= 0) throw refuse(this.what, "response.cookies: a name or value has characters that no Set-Cookie may have");
      list[index] = new Field("Set-Cookie", text);
    }
    this.#state.writeFields("response.headers", list.length === 0 ? withoutName(this.what, fields, "set-cookie") : withValues(this.what, fields, "set-cookie", list));
  }
}
