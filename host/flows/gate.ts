// The only door between traffic and addons. Layers and exchanges know addons as this interface and nothing else. A gate call
// returns when every interested addon has answered and its changes are merged into the object; the caller then reads the object.
import type { EventName, EventsWith, HeldEvent, ToldEvent } from "../../sandbox-api/schema/events.ts";
import type { HttpFlow, LayerProposal, RootLayer, ServerConnection, TcpFlow } from "./flow.ts";

/** The object each traffic event carries. */
export type SubjectOf<E extends EventName> =
  E extends EventsWith<"http-flow"> ? HttpFlow :
  E extends EventsWith<"tcp-flow"> ? TcpFlow :
  E extends EventsWith<"root-layer"> ? RootLayer :
  E extends EventsWith<"layer"> ? LayerProposal :
  E extends EventsWith<"server-connection"> ? ServerConnection : never;

export type GateSubject = HttpFlow | TcpFlow | RootLayer | LayerProposal | ServerConnection;

export interface Gate {
  /**
   * Whether some addon has a handler that takes `event` for traffic to `host` (null: not known yet). Cheap and synchronous; layers ask it to decide
   * whether a body must be collected, and skip the event altogether when it says no.
   */
  wants(event: EventName, host: string | null): boolean;
  /**
   * Runs a held event through every interested addon, in order. Null when nobody is interested (no promise is made).
   * Never rejects: failures end up in the object (`refusal`, `killedBy`, `killed`) by the addon's failure policy. After an
   * intercept it resolves when the flow was resumed. Content set by addons is already re-encoded.
   */
  held<E extends HeldEvent>(event: E, subject: SubjectOf<E>): Promise<void> | null;
  /** Notices: queued in order for each addon, never waited for. */
  tell<E extends ToldEvent>(event: E, subject: SubjectOf<E>): void;
  /** The object has ended: guests forget it. Call once for each flow, layer, root layer and server connection, after its last event. */
  release(subject: GateSubject): void;
}

/** A proxy without addons. */
export const openGate: Gate = { wants: () => false, held: () => null, tell: () => {}, release: () => {} };
