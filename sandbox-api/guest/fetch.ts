// `fetch` of an addon, seen from the bridge: turns a request into one question to the host and its answer into head and body. What may be
// fetched, and how, the host decides (host/services/fetch.ts); here is only what the author should be told at once. Request and
// Response are a part (parts/fetch.ts).
import { longestFetchUrl, mostFetchFieldChars, mostFetchFields, type FetchedText, type RedirectMode, type ServiceGrants } from "../schema/services.ts";
import { attachedBytes } from "./body.ts";
import { copyOf } from "./draft.ts";
import type { HostCalls } from "./host-calls.ts";
import { RealTypeError, bufferOf, byteLengthOf, slice } from "./intrinsics.ts";
import { quoteAscii } from "./json-text.ts";

type Bounds = NonNullable<ServiceGrants["fetch"]>;
const failure = (message: string): Error => new RealTypeError(`fetch: ${message}`);

export interface FetchQuestion {
  readonly url: string;
  readonly method: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly redirect: RedirectMode;
  readonly body: Uint8Array | null;
}

export interface FetchAnswer { readonly head: FetchedText; readonly body: Uint8Array | null }

/** Asks the host. Throws for what cannot be asked. */
export function fetchFrom(hostCalls: HostCalls, { requestBytes }: Bounds, { url, method, fields, redirect, body }: FetchQuestion): Promise<FetchAnswer> {
  if (url.length > longestFetchUrl) throw failure(`the first argument must be a URL of at most ${longestFetchUrl} characters`);
  if (body !== null && byteLengthOf(body) > requestBytes) throw failure(`a body of ${byteLengthOf(body)} bytes; ${requestBytes} are the most (limit fetchRequestBytes)`);
  const text = `{"call":"fetch","url":${quoteAscii(url)},"method":${quoteAscii(slice(method, 0, 40))},"headers":${headersText(fields)},"redirect":"${redirect}"}`;
  return hostCalls.ask(text, body === null ? null : bufferOf(copyOf(body)), (value, attachments) => ({ head: value as FetchedText, body: attachedBytes(attachments, 0) }), failure);
}

function headersText(fields: FetchQuestion["fields"]): string {
  if (fields.length >= mostFetchFields) throw failure(`more than ${mostFetchFields} headers`);
  let text = "";
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index]!;
    text += `${text === "" ? "" : ","}[${quoteAscii(field[0])},${quoteAscii(field[1])}]`;
    if (text.length > mostFetchFieldChars) throw failure(`headers of more than ${mostFetchFieldChars} characters`);
  }
  return `[${text}]`;
}
