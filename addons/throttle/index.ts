// Slows responses down to so many KiB a second, each connection by itself, and can delay their first byte: how does a page feel on a
// bad line? Bodies stream through; nothing is held back longer than its time.
// `flowcell run addons/throttle --set throttle_kib=50 --set throttle_latency_ms=300 --set 'throttle=~d example.com'`
import { flowfilter, type FlowFilter, type HTTPFlow, type Manifest, type OptionsOf } from "flowcell";

export const manifest = {
  description: "slows responses down",
  permissions: { read: ["request", "response", "response.body"], write: ["response.body"] },
  options: {
    throttle: { type: "string", default: "~all", help: "flows that are slowed down" },
    throttle_kib: { type: "number", default: 64, help: "KiB a second; 0: as fast as it comes" },
    throttle_latency_ms: { type: "number", default: 0, help: "wait before each response, at most 4000" },
  },
} satisfies Manifest;

/** One piece waits less than a call may take (limit wallMs). */
const longestWaitMs = 4_000;
let filter: FlowFilter | null = null;
let settings: OptionsOf<typeof manifest>;

export function configure(options: OptionsOf<typeof manifest>): void {
  if (options.throttle_kib < 0 || options.throttle_latency_ms < 0 || options.throttle_latency_ms > longestWaitMs) throw new Error(`throttle_kib and throttle_latency_ms: not below 0, the latency at most ${longestWaitMs}`);
  filter = options.throttle === "" ? null : flowfilter.parse(options.throttle);
  settings = options;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });

export async function responseheaders(flow: HTTPFlow): Promise<void> {
  if (flow.response === null || filter === null || !filter.matches(flow)) return;
  const bytesPerMs = settings.throttle_kib * 1_024 / 1_000;
  if (bytesPerMs > 0) {
    let dueAt = Date.now();
    flow.response.stream = async (chunk) => {
      // What was slow by itself is not slowed down more.
      dueAt = Math.max(dueAt, Date.now()) + chunk.length / bytesPerMs;
      await sleep(Math.min(longestWaitMs, dueAt - Date.now()));
      return chunk;
    };
  }
  if (settings.throttle_latency_ms > 0) await sleep(settings.throttle_latency_ms);
}
