// Part "fetch": Headers, Request, Response, and what the global `fetch` does with them. It asks by the guest's own `fetchFrom`; what may
// be fetched, the host decides.
import { withBytes } from "./body.ts";
import { headerFields } from "./headers.ts";
import { RealPromise, bareArray, byteLengthOf } from "./intrinsics.ts";
import { Request, requestState } from "./request.ts";
import { fetchedResponse, type Response } from "./response.ts";

export { Headers } from "./headers.ts";
export { Request } from "./request.ts";
export { Response } from "./response.ts";

interface Events { readonly isAborted: (signal: unknown) => boolean; readonly abortReason: (signal: unknown) => unknown; readonly whenAborted: (signal: unknown, run: () => void) => void }

/** WHATWG Fetch §5.6. An abort rejects at once; the host ends what it began within its own limits. */
export async function performFetch(input: unknown, init: unknown): Promise<Response> {
  const state = requestState(new Request(input, init))!;
  const { signal, method, url, headers, fixed } = state;
  const events = signal === null ? null : ($kernel.part("events") as object as Events);
  if (events?.isAborted(signal) === true) throw events.abortReason(signal);
  const fields = bareArray<readonly [string, string]>();
  const list = headerFields(headers);
  for (let index = 0; index < list.length; index++) fields[index] = [list[index]!.lower, list[index]!.value];
  const answer = withBytes(state.body, (bytes) => $kernel.services.ask({ url, method, fields, redirect: fixed["redirect"] as "follow", body: byteLengthOf(bytes) === 0 ? null : bytes }));
  const { head, body } = await (events === null ? answer : untilAborted(events, signal, answer));
  return fetchedResponse(head, body as Uint8Array<ArrayBuffer> | null, method);
}

function untilAborted<T>(events: Events, signal: unknown, answer: Promise<T>): Promise<T> {
  return new RealPromise<T>((resolve, reject) => {
    events.whenAborted(signal, () => reject(events.abortReason(signal)));
    void settle(answer, resolve, reject);
  });
}

async function settle<T>(answer: Promise<T>, resolve: (value: T) => void, reject: (reason: unknown) => void): Promise<void> {
  try {
    resolve(await answer);
  } catch (thrown) {
    reject(thrown);
  }
}
