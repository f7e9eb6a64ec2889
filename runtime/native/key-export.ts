// Keys out (Web Crypto §14.3.10). WALL 2: the one place where the material of a key becomes bytes that leave the table, and it looks at
// `extractable` itself.
import { jwkAlg } from "./key-import.ts";
import { bytesOf, type KeyRow } from "./key-table.ts";
import type { KeyFormat } from "../../sandbox-api/schema/crypto.ts";
import { Refusal } from "./refusal.ts";
import { rowOf } from "./settings.ts";

/** The key in that format; a JWK as JSON. Throws an InvalidAccessError for a key that is not extractable. */
export function exportRow(format: KeyFormat, row: KeyRow): Buffer {
  const { kind } = rowOf(row.algorithm);
  if (kind === "kdf") throw new Refusal("NotSupportedError", "such a key cannot be exported");
  if (!row.extractable) throw new Refusal("InvalidAccessError", "the key is not extractable");
  if (format === "jwk") return Buffer.from(JSON.stringify(jwkOf(row)));
  if (row.material.kind === "bytes") {
    if (format !== "raw") throw new Refusal("NotSupportedError", `such a key is not exported as ${format}`);
    return Buffer.from(row.material.bytes);
  }
  const { key } = row.material;
  if (format !== "raw") {
    if ((format === "spki") !== (row.type === "public")) throw wrong(format);
    return key.export({ format: "der", type: format });
  }
  if (row.type !== "public" || kind === "rsa") throw wrong(format);
  const { x = "", y = "" } = key.export({ format: "jwk" });
  return kind === "okp" ? Buffer.from(x, "base64url") : Buffer.concat([Uint8Array.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
}

const wrong = (format: KeyFormat): Refusal => new Refusal("InvalidAccessError", `such a key is not exported as ${format}`);

function jwkOf(row: KeyRow): object {
  const members = row.material.kind === "bytes" ? { kty: "oct", k: bytesOf(row).toString("base64url") } : row.material.key.export({ format: "jwk" });
  const alg = jwkAlg(row);
  return { ...members, ...(alg !== undefined && { alg }), key_ops: row.usages, ext: row.extractable };
}
