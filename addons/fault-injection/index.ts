// Makes a share of the matching flows go wrong: later than they would, cut off without an answer, or answered with an error. For tests of
// how clients bear it. Each fault has its own share; they exclude each other.
// `flowcell run addons/fault-injection --set 'fault=~d api.example.com' --set fault_error_share=0.2 --set fault_status=503`
import { flowfilter, Response, type FlowFilter, type HTTPFlow, type Manifest, type OptionsOf } from "flowcell";

export const manifest = {
  description: "delays, drops and fails a share of requests",
  permissions: { read: ["request"], act: ["respond", "kill"] },
  options: {
    fault: { type: "string", default: "~all", help: "flows that may go wrong" },
    fault_delay_share: { type: "number", default: 0, help: "0 to 1: share that is delayed" },
    fault_delay_ms: { type: "number", default: 1_000, help: "by how much, at most 4000" },
    fault_drop_share: { type: "number", default: 0, help: "0 to 1: share that is cut without an answer" },
    fault_error_share: { type: "number", default: 0, help: "0 to 1: share that gets an error" },
    fault_status: { type: "number", default: 503, help: "status of the error, 400 to 599" },
  },
} satisfies Manifest;

const longestDelayMs = 4_000;
let filter: FlowFilter | null = null;
let settings: OptionsOf<typeof manifest>;

export function configure(options: OptionsOf<typeof manifest>): void {
  const { fault_delay_share: late, fault_drop_share: dropped, fault_error_share: failed, fault_status: status, fault_delay_ms: delay } = options;
  if ([late, dropped, failed].some((share) => share < 0 || share > 1) || late + dropped + failed > 1) throw new Error("fault_delay_share, fault_drop_share and fault_error_share: from 0 to 1, and no more than 1 together");
  if (!Number.isInteger(status) || status < 400 || status > 599) throw new Error("fault_status: from 400 to 599");
  if (delay < 0 || delay > longestDelayMs) throw new Error(`fault_delay_ms: from 0 to ${longestDelayMs}`);
  filter = options.fault === "" ? null : flowfilter.parse(options.fault);
  settings = options;
}

export async function requestheaders(flow: HTTPFlow): Promise<void> {
  if (flow.response !== null || filter === null || !filter.matches(flow)) return;
  const { fault_delay_share: late, fault_drop_share: dropped, fault_error_share: failed } = settings;
  const lot = Math.random();
  if (lot < dropped) flow.kill();
  else if (lot < dropped + failed) flow.response = Response.make(settings.fault_status, "fault-injection: this error is made up\n", { "content-type": "text/plain", "retry-after": "1" });
  else if (lot < dropped + failed + late) await new Promise((resolve) => { setTimeout(resolve, settings.fault_delay_ms); });
}
