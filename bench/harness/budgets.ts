// The budgets of the project as data: what must hold and what is aimed at. Benches name the row that a figure answers. Pure.

export interface Budget {
  readonly what: string;
  readonly must: number;
  readonly goal: number;
  readonly unit: string;
  /** Larger is better. */
  readonly isFloor?: true;
}

const perThousand = "CPU s per 1,000";

export const budgets = {
  "plain": { what: "plain HTTP, no addon", must: 0.075, goal: 0.045, unit: perThousand },
  "plain-header": { what: "plain HTTP, header addon in its isolate", must: 0.12, goal: 0.06, unit: perThousand },
  "https": { what: "HTTPS intercepted, no addon", must: 0.12, goal: 0.07, unit: perThousand },
  "https-header": { what: "HTTPS intercepted, header addon", must: 0.17, goal: 0.1, unit: perThousand },
  "http2-header": { what: "HTTP/2, 8 × 8 streams, header addon", must: 0.3, goal: 0.15, unit: perThousand },
  "event": { what: "one sandboxed event, both processes, depth 64", must: 28, goal: 12, unit: "µs CPU" },
  "latency-p50": { what: "latency added by one sandboxed event, p50, depth 1", must: 0.15, goal: 0.06, unit: "ms" },
  "latency-p99": { what: "latency added by one sandboxed event, p99, depth 1", must: 1, goal: 0.3, unit: "ms" },
  "https-20": { what: "HTTPS intercepted, 20 header addons", must: 0.3, goal: 0.15, unit: perThousand },
  "new-connection": { what: "new intercepted connection, full handshake, known host", must: 0.95, goal: 0.65, unit: perThousand },
  "first-visit": { what: "first visit to a new host (mints a leaf)", must: 4, goal: 1.5, unit: "ms CPU" },
  "bodies-1": { what: "10 MB bodies through, 1 at once, no addon interested", must: 2.6, goal: 1.8, unit: "CPU s per GB" },
  "bodies-16": { what: "10 MB bodies through, 16 at once, no addon interested", must: 2.6, goal: 1.8, unit: "CPU s per GB" },
  "bodies-memory": { what: "memory after 64 × 10 MB at once, no addon interested", must: 260, goal: 180, unit: "MiB" },
  "rewrite": { what: "100 KB HTML rewritten in the isolate, HTTPS", must: 1.2, goal: 0.6, unit: perThousand },
  "hostile-throughput": { what: "others' throughput beside the worst hostile addon", must: 90, goal: 98, unit: "%", isFloor: true },
  "hostile-p99": { what: "others' p99 beside the worst hostile addon, more than beside an idle one", must: 5, goal: 1, unit: "ms" },
  "memory-idle": { what: "memory idle: host, one cell, two standby", must: 220, goal: 150, unit: "MB" },
  "memory-addon": { what: "memory of each addon more", must: 4, goal: 2.5, unit: "MB" },
  "memory-connection": { what: "memory of each idle connection", must: 40, goal: 20, unit: "KB" },
  "start-up": { what: "start to first proxied request (CA exists), one addon", must: 600, goal: 300, unit: "ms" },
  "reload": { what: "an edited addon takes effect", must: 150, goal: 50, unit: "ms" },
  "thousand-addons": { what: "1,000 addons loaded", must: 5_000, goal: 2_500, unit: "MB" },
} as const satisfies Record<string, Budget>;

/**
 * What peers/bare.ts does cost where the budgets were set: a forward proxy of raw sockets took 0.026 to 0.034 CPU s per 1,000 requests there. What it
 * costs while a claim is measured, divided by this, says how much dearer the same work is on this machine just then (harness/pace.ts).
 */
export const floorWhereSet = 0.03;

/** Whether a figure of that unit is CPU time, which a slower or busier machine makes dearer. */
export const isCpuTime = (unit: string): boolean => unit.includes("CPU");

export type BudgetName = keyof typeof budgets;

export const budgetRows: readonly (readonly [string, Budget])[] = Object.entries(budgets);

export type BudgetState = "goal" | "must" | "missed";

export function judge(budget: Budget, value: number): BudgetState {
  const isWithin = (bound: number): boolean => (budget.isFloor === true ? value >= bound : value <= bound);
  return isWithin(budget.goal) ? "goal" : isWithin(budget.must) ? "must" : "missed";
}
