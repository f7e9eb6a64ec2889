// What a stream function returned for one chunk, as changes: a chunk, several, or nothing (events.md §4).
import { isBytes, bytesFrom } from "./body.ts";
import { streamChunks } from "./bounds.ts";
import { Changes } from "./draft.ts";
import type { Grants } from "./grants.ts";
import { eachOf } from "./iterate.ts";

/** Always a change, even for nothing: the host waits for it. Throws a refusal for anything that is no chunk. */
export function collectChunks(value: unknown, mostBytes: number, grants: Grants): Changes {
  const changes = new Changes(mostBytes, grants);
  let list = "";
  const add = (chunk: unknown): void => {
    const index = changes.attach(bytesFrom("stream.chunks", chunk, mostBytes, true));
    list += `${list === "" ? "" : ","}${index}`;
  };
  if (isBytes(value) || typeof value === "string") add(value);
  else if (value !== null && value !== undefined) eachOf("stream.chunks", value, add, streamChunks);
  changes.add("stream.chunks", `[${list}]`);
  return changes;
}
