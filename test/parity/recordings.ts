// Runs the script through a proxy that records, scenario by scenario, and gives what it recorded, with ports by their names.
import { readFile } from "node:fs/promises";
import { scenarios, type Places, type Proxied } from "./script.ts";

export interface Recorded { readonly event: string; readonly [attribute: string]: unknown }

/** What a recorder has said so far, in order. */
export type Heard = () => readonly Recorded[] | Promise<readonly Recorded[]>;

export type Recording = ReadonlyMap<string, readonly Recorded[]>;

const deadlineMs = 60_000;

/** Every scenario's events; those of the next begin when all its connections have ended. */
export async function record(proxy: Proxied, places: Places, heard: Heard): Promise<Recording> {
  const recording = new Map<string, readonly Recorded[]>();
  let from = (await heard()).length;
  for (const [name, run] of Object.entries(scenarios)) {
    await run(proxy, places);
    const events = await settled(name, heard, from);
    from += events.length;
    recording.set(name, events.map((event) => named(event, { ...places })));
  }
  return recording;
}

/** The client has left, and so has every server that was there. */
async function settled(name: string, heard: Heard, from: number): Promise<readonly Recorded[]> {
  for (const deadline = Date.now() + deadlineMs; Date.now() < deadline;) {
    const events = (await heard()).slice(from);
    const count = (event: string): number => events.filter((each) => each.event === event).length;
    const connects = count("serverconnect") - count("error");
    if (count("clientdisconnect") > 0 && count("serverdisconnect") >= Math.min(connects, 1)) return events;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${name} did not end: ${JSON.stringify((await heard()).slice(from))}`);
}

function named(event: Recorded, places: { readonly [name: string]: number }): Recorded {
  let text = JSON.stringify(event);
  for (const [name, port] of Object.entries(places)) text = text.replaceAll(new RegExp(`\\b${port}\\b(")?`, "g"), (_, quote: string | undefined) => (quote === undefined ? `:${name}:` : `:${name}:"`));
  // A bare number became a word.
  return JSON.parse(text.replaceAll(/([[,:])(:\w+:)(?=[,\]}])/g, '$1"$2"')) as Recorded;
}

/** The lines of a file that grows; what is not yet whole is not there. */
export async function linesOf(file: string): Promise<readonly Recorded[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line) as Recorded);
}
