// Which request may be sent again, and why another may not. Pure; which flow an addon means, and how often it may, is decided before
// (pipeline.ts, services/replay.ts), and the sending is not of this room.
import type { Limits } from "../../sandbox-api/schema/limits.ts";
import type { HttpFlow } from "../flows/flow.ts";

/** Sends a flow's request again as a new flow, until `signal` says otherwise. Resolves at its end, never rejects; null: it cannot be sent any more. */
export type SendAgain = (flow: HttpFlow, signal: AbortSignal) => Promise<void> | null;

/** The reason, for the addon's author; null: it may. */
export function refusalToReplay({ request, isWebSocket, replayDepth }: HttpFlow, { replayDepth: mostDeep }: Limits): string | null {
  if (replayDepth >= mostDeep) return replayDepth === 0 ? "nothing may be replayed here (limit replayDepth)" : `this flow is a replay itself; look at flow.isReplay first (limit replayDepth, ${mostDeep})`;
  if (request.method === "CONNECT") return "a CONNECT cannot be replayed";
  if (isWebSocket || request.headers.has("upgrade")) return "a request that asks for another protocol cannot be replayed";
  switch (request.body.state) {
    case "unread": return "the body of the request has not been received, or nobody asked for it; handle `request`, and replay there or later";
    case "streamed": return "the body of the request was streamed and is not here any more";
    case "truncated": return "the body of the request is larger than what is kept (limit bodyBytes)";
    case "whole": return request.body.raw === null ? "the body of the request is being encoded again; replay it in a later event" : null;
  }
}
