// `npm run bench`: every claim one after the other, then the budget table. Quick by default (about six minutes on two quiet cores), `--full` (under twenty) for figures
// worth writing down, `--only NAME,NAME` for some. Keeps everything in bench/results/quick.json or full.json. Compares with nobody: bench/peers does.
import { bodies } from "./bodies.ts";
import { chain } from "./chain.ts";
import { event } from "./event.ts";
import { firstVisit } from "./first-visit.ts";
import { effortFrom } from "./harness/effort.ts";
import { budgetTable, keep, runClaims, say } from "./harness/report.ts";
import { hostileNeighbour } from "./hostile-neighbour.ts";
import { http2 } from "./http2.ts";
import { https } from "./https.ts";
import { largeBody } from "./large-body.ts";
import { latency } from "./latency.ts";
import { manyAddons } from "./many-addons.ts";
import { memory } from "./memory.ts";
import { plainHttp } from "./plain-http.ts";
import { reload } from "./reload.ts";
import { rewrite } from "./rewrite.ts";
import { startUp } from "./start-up.ts";
import { tcp } from "./tcp.ts";
import { websocket } from "./websocket.ts";
import { workers } from "./workers.ts";

const claims = [plainHttp, https, http2, websocket, event, latency, chain, manyAddons, bodies, largeBody, rewrite, firstVisit, startUp, reload, hostileNeighbour, memory, tcp, workers];

const words = process.argv.slice(2);
const only = words[words.indexOf("--only") + 1]?.split(",") ?? [];
const chosen = words.includes("--only") ? claims.filter(({ name }) => only.includes(name)) : claims;
const { machine, results } = await runClaims(chosen, words);
say(`\n${budgetTable(results)}`);
keep(words.includes("--only") ? `${effortFrom(words).name}-part` : effortFrom(words).name, { machine, results });
