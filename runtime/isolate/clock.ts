// What an entry into an isolate may use of the clock and of the heap, and the faults of one that used more. Pure; measuring is meter.ts's.
import type { Fault } from "../../sandbox-api/schema/faults.ts";
import { type Answer, faultAnswer } from "./result.ts";

/** The kernel counts a thread's CPU time in ticks of 4 ms and charges it what interrupts cost: an entry that returned gets this much more. */
const toleratedShare = 1.5;
/** A timer that fires before an entry has had this share of its CPU time says more about the machine than about the addon. */
const starvedShare = 0.5;

/** What an entry may use. */
export interface Clock { readonly limit: "cpuMs" | "startupMs"; readonly valueMs: number; readonly leftMs: number }

/** The fault of an entry that returned, but too late; null: it was in time. */
export function lateFault(clock: Clock, cpuMicros: number): Fault | null {
  return cpuMicros > clock.leftMs * 1_000 * toleratedShare ? timeFault(clock, clock.valueMs - clock.leftMs + cpuMicros / 1_000) : null;
}

/** The clock on the wall ended it: what it had used by then says whether that was its own doing. */
export function timedOut(clock: Clock, cpuMicros: number): Answer {
  const usedMs = cpuMicros / 1_000;
  if (clock.limit === "cpuMs" && usedMs < clock.leftMs * starvedShare) return starvedAnswer(clock, cpuMicros);
  return faultAnswer(timeFault(clock, clock.valueMs - clock.leftMs + Math.max(clock.leftMs, usedMs)));
}

/** Nobody's fault: the timer is a clock on the wall, and this thread did not run while it went. The host asks again. */
function starvedAnswer({ valueMs }: Clock, cpuMicros: number): Answer {
  const used = Math.round(cpuMicros / 1_000);
  const limit = { name: "cpuMs", value: valueMs, used, unit: "ms" };
  return faultAnswer({ code: "starved", message: `ran for ${used} of its ${valueMs} ms of CPU time before the clock ended it`, limit });
}

export function timeFault({ limit, valueMs }: Clock, usedMs: number): Fault {
  const used = Math.round(usedMs);
  return limit === "cpuMs"
    ? { code: "cpu-limit", message: `ran for ${used} ms, ${valueMs} ms of CPU time are allowed`, limit: { name: limit, value: valueMs, used, unit: "ms" } }
    : { code: "startup-limit", message: `took ${used} ms to start, ${valueMs} ms of CPU time are allowed`, limit: { name: limit, value: valueMs, used, unit: "ms" } };
}

export function memoryFault(memoryMiB: number): Fault {
  return { code: "memory-limit", message: `its heap outgrew ${memoryMiB} MiB`, limit: { name: "memoryMiB", value: memoryMiB, used: memoryMiB, unit: "MiB" } };
}
