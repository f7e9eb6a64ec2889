// Branded ids, so that one kind is never taken for another. Numbers on the wire (u32), never reused within one host process
// until they wrap after four billion. Knows nothing of what they name.

declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** One load of one addon into one isolate; a reload gets a new one. */
export type InstanceId = Branded<number, "instance">;
/** One entry into isolates that the host asked for. */
export type CallId = Branded<number, "call">;
/** One flow, connection or other object that keeps its identity across events. */
export type ObjectKey = Branded<number, "object">;
/** One request of a guest to the host; chosen by the guest, unique within its isolate. */
export type HostCallId = Branded<number, "host-call">;

export const instanceId = (value: number): InstanceId => value as InstanceId;
export const callId = (value: number): CallId => value as CallId;
export const objectKey = (value: number): ObjectKey => value as ObjectKey;
export const hostCallId = (value: number): HostCallId => value as HostCallId;
