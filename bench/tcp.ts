// Claim: raw TCP through a tunnel costs less than intercepted HTTP, with and without an addon that is given each chunk. 10 MB bodies of a TLS
// origin: relayed as they are (--ignore-hosts), and as TCP flows under our own TLS (--tcp-hosts).
// Run: node bench/tcp.ts [--full]
import { tcpAddon } from "./harness/addons.ts";
import { figure, median, type Claim } from "./harness/figures.ts";
import { runAlone } from "./harness/report.ts";
import { alternate, type Contestant } from "./harness/rounds.ts";
import { Stage } from "./harness/stage.ts";

export const tcp: Claim = {
  name: "tcp",
  title: "bytes of raw TCP, 4 connections, 10 MB each way back",
  async run(effort) {
    await using stage = await Stage.open();
    const contestant = async (what: string, addons: readonly string[], args: readonly string[], caFile?: string): Promise<Contestant> => {
      const subject = await stage.flowcell(what, addons, args);
      return { what, pid: subject.pid, load: await stage.load(subject, "https", { path: "/10m", connections: 4, ...(caFile !== undefined && { caFile }) }) };
    };
    const samples = await alternate([
      await contestant("relayed, TLS left alone", [], ["--ignore-hosts", "localhost"], stage.origin.caFile),
      await contestant("TCP flow under our TLS, no addon", [], ["--tcp-hosts", "localhost"]),
      await contestant("TCP flow under our TLS, addon sees each chunk", [await tcpAddon()], ["--tcp-hosts", "localhost"]),
    ], effort);
    return [...samples].map(([{ what }, list]) => figure(list.map(({ cpuSeconds, report }) => cpuSeconds / (report.bodyBytes / 1e9)), {
      what, unit: "CPU s per GB", beside: { "MB/s": median(list.map(({ report }) => report.bodyBytes / 1e6 / report.seconds)) },
    }));
  },
};

if (import.meta.main) await runAlone(tcp);
