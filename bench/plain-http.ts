// Claim: plain HTTP through the proxy costs at most 0.075 CPU s per 1,000 requests without an addon and 0.12 with a header addon in its isolate;
// an event that nobody takes costs nothing. 1 KB responses, keep-alive, 64 connections. Beside them, by turns, the bare floor of peers/bare.ts.
// Run: node bench/plain-http.ts [--full]
import { declaredHeaderAddon, headerAddon, headerAddonWithBodies, headerField, idleAddon, readerAddon } from "./harness/addons.ts";
import { figure, type Claim } from "./harness/figures.ts";
import { runAlone } from "./harness/report.ts";
import { alternate, perThousand, requestFigures, type Contestant } from "./harness/rounds.ts";
import { Stage, type LoadWishes } from "./harness/stage.ts";
import { startBare } from "./peers/start-peer.ts";

export const plainHttp: Claim = {
  name: "plain-http",
  title: "plain HTTP, 1 KB, keep-alive, 64 connections",
  async run(effort) {
    await using stage = await Stage.open();
    const contestant = async (what: string, addons: readonly string[], budget?: "plain" | "plain-header", wishes: LoadWishes = {}): Promise<Contestant> => {
      const subject = await stage.flowcell(what, addons);
      return { what, pid: subject.pid, load: await stage.load(subject, "http", wishes), ...(budget !== undefined && { budget }) };
    };
    const marked = { expectedField: headerField() };
    const none = await contestant("no addon", [], "plain");
    const idle = await contestant("addon with two empty handlers", [await idleAddon()]);
    const reader = await contestant("addon that reads one header twice", [await readerAddon()]);
    const header = await contestant("header addon", [await headerAddon()], "plain-header", marked);
    const declared = await contestant("header addon, declared edits", [await declaredHeaderAddon()], undefined, marked);
    const bodies = await contestant("header addon that is given bodies", [await headerAddonWithBodies()], undefined, marked);
    const floor = stage.use(await startBare(stage.origin));
    const bare: Contestant = { what: "bare node, raw sockets, no features", pid: floor.pid, load: await stage.load(floor, "http") };
    const samples = await alternate([bare, none, idle, reader, header, declared, bodies], effort);
    const without = samples.get(none) ?? [];
    // Two events for each request, round by round.
    const event = (samples.get(header) ?? []).map((one, round) => {
      const other = without[round];
      return other === undefined ? Number.NaN : ((perThousand(one) - perThousand(other)) / 2) * 1_000;
    });
    return [...requestFigures(samples, bare), figure(event, { what: "one event that changes a header", unit: "µs CPU", budget: "event" })];
  },
};

if (import.meta.main) await runAlone(plainHttp);
