// What `ctx.replay` asks of the host: the name of a flow, and nothing of what the addon made of it. The host knows the request, and
// checks again whether it may be sent.
import type { HostCalls } from "./host-calls.ts";
import { httpFlowState } from "./http-flow.ts";
import { RealError, RealTypeError } from "./intrinsics.ts";

const failure = (message: string): Error => new RealError(`ctx.replay: ${message}`);

/** Resolves when the host has begun to send the request again. Throws for what is no flow of an event. */
export function replayFlow(hostCalls: HostCalls, flow: unknown): Promise<void> {
  const state = httpFlowState(flow);
  if (state === null) throw new RealTypeError("ctx.replay: give it an HTTPFlow");
  const { key } = state.owner;
  if (key === 0) throw new RealTypeError("ctx.replay: a copy of a flow cannot be replayed; give it the flow of the event");
  return hostCalls.ask<void>(`{"call":"replay","key":${key}}`, null, () => undefined, failure);
}
