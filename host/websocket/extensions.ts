// Negotiation of WebSocket extensions (RFC 6455 §9, RFC 7692 §7), pure: what may be offered to a server by a proxy that looks at
// messages, what the server took, and what the client is told. The one extension that is known is permessage-deflate: nobody can read
// frames through another, so others are not offered.
import { extension } from "ws";
import type { HeaderFields } from "../http/header-fields.ts";

/** What both ends of one connection agreed on. Window bits: null where nothing was said, which means 15. */
export interface DeflateTerms {
  readonly serverNoContextTakeover: boolean;
  readonly clientNoContextTakeover: boolean;
  readonly serverMaxWindowBits: number | null;
  readonly clientMaxWindowBits: number | null;
}

/** How a side's messages are compressed; null: not at all. */
export type Compression = DeflateTerms | null;

interface Offer {
  readonly terms: DeflateTerms;
  /** The client can be told to use a smaller window, without having named one. */
  readonly allowsClientBits: boolean;
}

const field = "sec-websocket-extensions";
const name = "permessage-deflate";

type Parameters = { readonly [parameter: string]: readonly (string | true)[] };

/** The fields to offer a server: the same object when all that the client offers is known, else a copy without the rest. */
export function knownOffers(headers: HeaderFields): HeaderFields {
  if (!headers.has(field)) return headers;
  const all = parse(headers);
  const offers = all === null ? [] : offersIn(all);
  if (all !== null && Object.keys(all).length === 1 && offers.length > 0 && offers.length === all[name]?.length) return headers;
  const kept = headers.clone();
  if (offers.length === 0) kept.delete(field);
  else kept.set(field, offers.map(offerText).join(", "));
  return kept;
}

/** What the server took of what it was offered; a string says how it broke the rules (RFC 6455 §4.1: the client must then fail the connection). */
export function takenByServer(response: HeaderFields, offered: HeaderFields): Compression | string {
  if (!response.has(field)) return null;
  const all = parse(response);
  if (all === null) return "The server's Sec-WebSocket-Extensions is malformed.";
  const taken = all[name];
  if (Object.keys(all).length !== 1 || taken === undefined) return `The server took a WebSocket extension that it was not offered (${printable(Object.keys(all))}).`;
  const [parameters] = taken;
  const terms = parameters === undefined || taken.length > 1 ? null : termsFrom(parameters, false);
  if (terms === null) return "The server took permessage-deflate with parameters that it does not have.";
  const offers = offersIn(parse(offered) ?? {});
  if (offers.length === 0) return "The server took permessage-deflate without being offered it.";
  if (terms.clientMaxWindowBits !== null && !offers.some(({ allowsClientBits }) => allowsClientBits)) return "The server named client_max_window_bits without being offered it.";
  return terms;
}

/** What the client is told, in answer to its own offer: the server's terms as far as they fit it. */
export function answerToClient(offered: HeaderFields, server: Compression): Compression {
  const [offer] = offersIn(parse(offered) ?? {});
  if (offer === undefined || server === null) return null;
  const { terms, allowsClientBits } = offer;
  return {
    serverNoContextTakeover: terms.serverNoContextTakeover || server.serverNoContextTakeover,
    clientNoContextTakeover: server.clientNoContextTakeover,
    serverMaxWindowBits: least(terms.serverMaxWindowBits, server.serverMaxWindowBits),
    clientMaxWindowBits: allowsClientBits && server.clientMaxWindowBits !== null ? least(terms.clientMaxWindowBits, server.clientMaxWindowBits) : null,
  };
}

/** The fields of a 101 that say this; the same object when they do already. */
export function withAnswer(headers: HeaderFields, answer: Compression): HeaderFields {
  if (answer === null && !headers.has(field)) return headers;
  const all = parse(headers);
  const said = all !== null && Object.keys(all).length === 1 && all[name]?.length === 1 ? termsFrom(all[name][0] ?? {}, false) : null;
  if (answer !== null && said !== null && termsText(said) === termsText(answer)) return headers;
  const changed = headers.clone();
  if (answer === null) changed.delete(field);
  else changed.set("Sec-WebSocket-Extensions", termsText(answer));
  return changed;
}

/** All extensions of these fields, or null when they are malformed. */
function parse(headers: HeaderFields): { readonly [name: string]: readonly Parameters[] } | null {
  const text = headers.getAll(field).join(", ");
  if (text === "") return {};
  try {
    return extension.parse(text);
  } catch {
    return null; // A SyntaxError: the caller says so.
  }
}

const offersIn = (all: { readonly [name: string]: readonly Parameters[] }): readonly Offer[] => (all[name] ?? []).flatMap((parameters) => {
  const terms = termsFrom(parameters, true);
  return terms === null ? [] : [{ terms, allowsClientBits: parameters["client_max_window_bits"] !== undefined }];
});

/** Null when there is a parameter that does not exist, stands twice or has no such value. */
function termsFrom(parameters: Parameters, isOffer: boolean): DeflateTerms | null {
  let serverNoContextTakeover = false;
  let clientNoContextTakeover = false;
  let serverMaxWindowBits: number | null = null;
  let clientMaxWindowBits: number | null = null;
  for (const [parameter, [value, ...more]] of Object.entries(parameters)) {
    if (value === undefined || more.length > 0) return null;
    const bits = typeof value === "string" && /^(?:8|9|1[0-5])$/.test(value) ? Number(value) : null;
    if (parameter === "server_no_context_takeover" && value === true) serverNoContextTakeover = true;
    else if (parameter === "client_no_context_takeover" && value === true) clientNoContextTakeover = true;
    else if (parameter === "server_max_window_bits" && bits !== null) serverMaxWindowBits = bits;
    else if (parameter === "client_max_window_bits" && (bits !== null || (isOffer && value === true))) clientMaxWindowBits = bits;
    else return null;
  }
  return { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits };
}

function termsText({ serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits }: DeflateTerms): string {
  let text: string = name;
  if (serverNoContextTakeover) text += "; server_no_context_takeover";
  if (clientNoContextTakeover) text += "; client_no_context_takeover";
  if (serverMaxWindowBits !== null) text += `; server_max_window_bits=${serverMaxWindowBits}`;
  if (clientMaxWindowBits !== null) text += `; client_max_window_bits=${clientMaxWindowBits}`;
  return text;
}

const offerText = ({ terms, allowsClientBits }: Offer): string => termsText(terms) + (allowsClientBits && terms.clientMaxWindowBits === null ? "; client_max_window_bits" : "");
const least = (one: number | null, other: number | null): number | null => (one === null || other === null ? one ?? other : Math.min(one, other));
const printable = (names: readonly string[]): string => names.join(", ").slice(0, 100);
