// Claim: with a sandboxed addon Flowcell costs less CPU than proxies that run addons with no sandbox at all. The same load through each by turns:
// 1 KB responses, keep-alive, 64 connections; plain and intercepted, without an addon and with one that adds a header to requests and responses.
// Ratios are to the bare floor of the same run. Run: npm run bench:peers [-- --full] [--only flowcell,bare,…]
import { headerAddon, headerField } from "../harness/addons.ts";
import { effortFrom } from "../harness/effort.ts";
import type { Claim, Figure } from "../harness/figures.ts";
import { keep, runClaims, say } from "../harness/report.ts";
import { measureRequests, type Contestant } from "../harness/rounds.ts";
import { Stage } from "../harness/stage.ts";
import { startBare, startHaproxy, startMitmproxy, startNginx, startNpmPeer, type MaybeSubject } from "./start-peer.ts";

type Addon = "header" | "none";

const words = process.argv.slice(2);
const only = words.includes("--only") ? words[words.indexOf("--only") + 1]?.split(",") ?? [] : null;

/** What each can do. The bare floor runs no addons; haproxy and nginx have a line of configuration for the headers, and take no CONNECT. */
const peers: Readonly<Record<string, (stage: Stage, scheme: "http" | "https", addon: Addon) => Promise<MaybeSubject | null>>> = {
  bare: async (stage, _scheme, addon) => (addon === "none" ? startBare(stage.origin) : null),
  haproxy: async (stage, scheme, addon) => startHaproxy(stage.origin, { scheme, addsHeaders: addon === "header" }),
  nginx: async (stage, scheme, addon) => startNginx(stage.origin, { scheme, addsHeaders: addon === "header" }),
  flowcell: async (stage, _scheme, addon) => stage.flowcell("flowcell", addon === "header" ? [await headerAddon()] : []),
  "http-mitm-proxy": async (_stage, _scheme, addon) => startNpmPeer("http-mitm-proxy", addon),
  mockttp: async (_stage, _scheme, addon) => startNpmPeer("mockttp", addon),
  mitmproxy: async (_stage, _scheme, addon) => startMitmproxy(addon),
};

/** Those in C. */
const floors: ReadonlySet<string> = new Set(["haproxy", "nginx"]);

function claimFor(scheme: "http" | "https"): Claim {
  return {
    name: `peers-${scheme}`,
    title: `${scheme === "http" ? "plain HTTP" : "HTTPS intercepted"}, 1 KB, keep-alive, 64 connections`,
    async run(effort) {
      await using stage = await Stage.open();
      const contestants: Contestant[] = [];
      for (const addon of ["none", "header"] as const) {
        for (const [name, start] of Object.entries(peers)) {
          if (only !== null && !only.includes(name)) continue;
          const subject = await start(stage, scheme, addon);
          if (subject === null) continue;
          if ("missing" in subject) say(`  left out: ${subject.missing}\n`);
          else {
            const wishes = { isStraight: scheme === "https" && floors.has(name), ...(addon === "header" && { expectedField: name === "flowcell" ? headerField() : "x-bench-response" }) };
            contestants.push({ what: `${name}, ${addon === "none" ? "no addon" : "header addon"}`, pid: subject.pid, load: await stage.load(name === "flowcell" ? subject : stage.use(subject), scheme, wishes) });
          }
        }
      }
      return withRatios(await measureRequests(contestants, effort));
    },
  };
}

/** Beside each figure, how many times the floor it is. */
function withRatios(figures: readonly Figure[]): readonly Figure[] {
  const floor = figures.find(({ what }) => what.startsWith("bare"))?.value;
  return floor === undefined ? figures : figures.map((one) => ({ ...one, beside: { ...one.beside, "× bare": one.value / floor } }));
}

const { machine, results } = await runClaims([claimFor("http"), claimFor("https")], words);
if (only === null) keep(`peers-${effortFrom(words).name}`, { machine, results });
