// The module "flowcell" and "flowcell/testing": every public class, interface, function and member says what it means. Reads the sources as
// text; whether what is said is true, nobody can test.
import test from "ava";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Public names by the file that has them. */
function publicNames(index: string): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, readonly string[]>();
  for (const [, list = "", file = ""] of readFileSync(join(root, index), "utf8").matchAll(/^export (?:type )?\{([^}]*)\} from "([^"]+)"/gm)) {
    names.set(join(dirname(index), file), list.split(",").map((each) => each.trim().replace(/^type /, "").replace(/ as .*$/, "")));
  }
  return names;
}

const declaration = /^export (?:declare )?(?:abstract )?(?:async )?(?:class|interface|function|const|type) (\w+)/;
const member = /^ {2}(?:readonly )?(?:static )?(?:get |async |\*)?(\w+|\[Symbol\.\w+\])[(<:?]/;
const ignored = /^ {2}(?:set |constructor|static \{|return|if|for|protected|private)/;

/** What of these names has no comment right above it. Names that mean themselves are given. */
function undocumented(file: string, names: readonly string[]): readonly string[] {
  const lines = readFileSync(join(root, file), "utf8").split("\n");
  const missing: string[] = [];
  let open: string | null = null;
  for (const [index, line] of lines.entries()) {
    const isDocumented = lines[index - 1]?.trim().endsWith("*/") === true;
    const name = declaration.exec(line)?.[1];
    if (name !== undefined) open = names.includes(name) ? name : null;
    if (name !== undefined && open !== null && !isDocumented && !/^export type/.test(line)) missing.push(name);
    if (/^export (?:declare )?(?:async )?(?:type|const|function) /.test(line) || /^(?:class|abstract|export abstract)/.test(line)) open = null;
    const part = ignored.test(line) ? undefined : member.exec(line)?.[1];
    if (part !== undefined && open !== null && !isDocumented) missing.push(`${open}.${part}`);
    if (line.startsWith("}") || (name !== undefined && line.endsWith("}"))) open = null;
  }
  return missing;
}

/** Told by their names and by the members around them. */
const plain = new Set(["Address", "Via", "ClientHelloView", "LogEntryView", "MessageInit", "RequestInit", "ResponseInit", "FlowError", "LoggedLine", "OptionsOf", "Pairs"]);

for (const index of ["sandbox-api/index.ts", "host/testing/index.ts"]) {
  test(`what ${index} exports is documented`, (t) => {
    const names = publicNames(index);
    t.true(names.size > 2);
    const missing = [...names].flatMap(([file, list]) => undocumented(file, list).filter((name) => !plain.has(name.split(".")[0] ?? "")).map((name) => `${file}: ${name}`));
    t.deepEqual(missing, []);
  });
}
