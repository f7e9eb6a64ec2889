// One script of flows through Debian's mitmdump and through Flowcell, each with an addon that records every event with what it shows: the
// recordings are the same, but for the differences of differences.ts, each of which is intended, needed and explained in docs/parity.md.
import test, { type ExecutionContext } from "ava";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { freePort, startDaemon } from "../helpers/daemon.ts";
import { projectRoot, startFlowcell, type RunningFlowcell } from "../helpers/flowcell.ts";
import { requireProgram } from "../helpers/programs.ts";
import { differences } from "./differences.ts";
import { linesOf, record, type Recorded, type Recording } from "./recordings.ts";
import { openPlaces, scenarios, type Places } from "./script.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const fixtures = path.join(import.meta.dirname, "fixtures");

function saidBy({ lines }: RunningFlowcell): readonly Recorded[] {
  return lines.flatMap(({ msg }) => {
    const at = msg.indexOf("REC {");
    return at < 0 ? [] : [JSON.parse(msg.slice(at + 4)) as Recorded];
  });
}

async function throughFlowcell(t: ExecutionContext, places: Places): Promise<Recording> {
  const flowcell = await startFlowcell([path.join(fixtures, "flowcell-recorder.ts")], ["--ssl-insecure"]);
  t.teardown(async () => { await flowcell.stop(); });
  return record({ port: flowcell.port, ca: await readFile(flowcell.caFile, "utf8") }, places, () => saidBy(flowcell));
}

async function throughMitmdump(t: ExecutionContext, mitmdump: string, places: Places): Promise<Recording> {
  const folder = temporaryFolder("parity");
  const port = await freePort();
  const out = path.join(folder, "recorded");
  await startDaemon(t, mitmdump, ["-q", "--listen-host", "127.0.0.1", "-p", String(port), "--set", `confdir=${folder}`, "--ssl-insecure", "-s", path.join(fixtures, "mitmproxy-recorder.py"), "--set", `parity_out=${out}`], port);
  // Whoever waited for the port was a client, too.
  while (!(await linesOf(out)).some(({ event }) => event === "clientdisconnect")) await new Promise((resolve) => setTimeout(resolve, 50));
  return record({ port, ca: await readFile(path.join(folder, "mitmproxy-ca-cert.pem"), "utf8") }, places, () => linesOf(out));
}

test("mitmdump and Flowcell tell their addons the same, but for what is meant to differ", async (t) => {
  t.timeout(110_000);
  const mitmdump = requireProgram(t, "mitmdump", "mitmproxy");
  if (mitmdump === undefined) return;
  const places = await openPlaces(t);
  const [ours, theirs] = await Promise.all([throughFlowcell(t, places), throughMitmdump(t, mitmdump, places)]);
  const used = new Set<string>();
  for (const name of Object.keys(scenarios)) {
    let expected = theirs.get(name) ?? [];
    for (const [difference, { apply }] of Object.entries(differences)) {
      const changed = apply(expected);
      if (JSON.stringify(changed) !== JSON.stringify(expected)) used.add(difference);
      expected = changed;
    }
    t.deepEqual(ours.get(name)?.map(({ event }) => event), expected.map(({ event }) => event), name);
    t.deepEqual(ours.get(name), expected, name);
  }
  t.deepEqual(Object.keys(differences).filter((difference) => !used.has(difference)), [], "differences that are none any more");
});

test("every difference is explained in docs/parity.md", async (t) => {
  const page = await readFile(path.join(projectRoot, "docs", "parity.md"), "utf8");
  for (const [name, { why }] of Object.entries(differences)) t.true(page.includes(`| ${name} | ${why} |`), name);
});
