// What is offered to servers, what they may take, and what clients are told (RFC 7692 §7): tables.
import test from "ava";
import { HeaderFields } from "../../../host/http/header-fields.ts";
import { answerToClient, knownOffers, takenByServer, withAnswer } from "../../../host/websocket/extensions.ts";
import { acceptFor, newKey } from "../../../host/websocket/handshake.ts";

const fields = (...values: readonly string[]): HeaderFields => HeaderFields.from(values.map((value) => ["Sec-WebSocket-Extensions", value] as const));
const text = (headers: HeaderFields): string | null => headers.get("sec-websocket-extensions") ?? null;
const deflate = "permessage-deflate";

const offers: readonly (readonly [string, readonly string[], string | null])[] = [
  ["nothing", [], null],
  ["known alone", [deflate], deflate],
  ["what browsers say", [`${deflate}; client_max_window_bits`], `${deflate}; client_max_window_bits`],
  ["unknown alone", ["x-private; a=1"], null],
  ["unknown beside known", [`x-private, ${deflate}; client_max_window_bits=10`], `${deflate}; client_max_window_bits=10`],
  ["unknown in a field of its own", ["x-private", `${deflate}; server_no_context_takeover`], `${deflate}; server_no_context_takeover`],
  ["a choice of two", [`${deflate}; server_max_window_bits=10, ${deflate}`], `${deflate}; server_max_window_bits=10, ${deflate}`],
  ["a parameter that does not exist", [`${deflate}; level=9, ${deflate}`], deflate],
  ["a parameter twice", [`${deflate}; server_max_window_bits=10; server_max_window_bits=11`], null],
  ["window bits out of range", [`${deflate}; server_max_window_bits=16`], null],
  ["window bits that are none", [`${deflate}; server_max_window_bits=0x0a`], null],
  ["malformed", [`${deflate}; =`], null],
  ["quoted", [`${deflate}; client_max_window_bits="12"`], `${deflate}; client_max_window_bits="12"`],
];

for (const [name, offered, expected] of offers) {
  test(`offered: ${name}`, (t) => {
    const before = fields(...offered);
    const after = knownOffers(before);
    t.is(text(after), expected);
    t.deepEqual([...before.entries()].map(([, value]) => value), [...offered]);
  });
}

test("an offer that is known stays the very same fields", (t) => {
  const before = fields(`${deflate};client_max_window_bits`);
  t.is(knownOffers(before), before);
});

const none = { serverNoContextTakeover: false, clientNoContextTakeover: false, serverMaxWindowBits: null, clientMaxWindowBits: null };
const taken: readonly (readonly [string, string, string | null, ReturnType<typeof takenByServer> | RegExp])[] = [
  ["nothing", deflate, null, null],
  ["as offered", deflate, deflate, none],
  ["with windows", `${deflate}; client_max_window_bits`, `${deflate}; server_max_window_bits=9; client_max_window_bits=10; server_no_context_takeover`, { ...none, serverNoContextTakeover: true, serverMaxWindowBits: 9, clientMaxWindowBits: 10 }],
  ["another", deflate, "x-private", /not offered \(x-private\)/],
  ["another beside it", deflate, `${deflate}, x-private`, /not offered/],
  ["it twice", deflate, `${deflate}, ${deflate}`, /does not have/],
  ["a parameter that does not exist", deflate, `${deflate}; level=9`, /does not have/],
  ["window bits without a number", `${deflate}; client_max_window_bits`, `${deflate}; client_max_window_bits`, /does not have/],
  ["the client's window unasked", deflate, `${deflate}; client_max_window_bits=10`, /without being offered/],
  ["what was not offered", "", deflate, /without being offered/],
  ["garbage", deflate, ";", /malformed/],
];

for (const [name, offered, response, expected] of taken) {
  test(`taken: ${name}`, (t) => {
    const terms = takenByServer(response === null ? fields() : fields(response), offered === "" ? fields() : fields(offered));
    if (expected instanceof RegExp) t.regex(String(terms), expected);
    else t.deepEqual(terms, expected);
  });
}

const answers: readonly (readonly [string, string | null, string | null, string | null])[] = [
  ["no compression", deflate, null, null],
  ["the server's terms", deflate, deflate, deflate],
  ["a client that offered nothing", null, deflate, null],
  ["the smaller window", `${deflate}; server_max_window_bits=10`, `${deflate}; server_max_window_bits=12`, `${deflate}; server_max_window_bits=10`],
  ["a window that the client did not ask for", deflate, `${deflate}; server_max_window_bits=12; client_max_window_bits=9`, `${deflate}; server_max_window_bits=12`],
  ["no context takeover by the client's wish", `${deflate}; server_no_context_takeover`, deflate, `${deflate}; server_no_context_takeover`],
  ["the client's window", `${deflate}; client_max_window_bits=11`, `${deflate}; client_max_window_bits=12`, `${deflate}; client_max_window_bits=11`],
];

for (const [name, offered, response, expected] of answers) {
  test(`told to the client: ${name}`, (t) => {
    // The server answered an offer that an addon may have made.
    const server = response === null ? null : takenByServer(fields(response), fields(`${deflate}; client_max_window_bits`));
    t.false(typeof server === "string");
    if (typeof server === "string") return;
    t.is(text(withAnswer(response === null ? fields() : fields(response), answerToClient(offered === null ? fields() : fields(offered), server))), expected);
  });
}

test("an answer that says the same already stays the very same fields", (t) => {
  const before = fields("permessage-deflate;server_no_context_takeover");
  t.is(withAnswer(before, { ...none, serverNoContextTakeover: true }), before);
});

test("keys", (t) => {
  // RFC 6455 §1.3.
  t.is(acceptFor("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  t.regex(newKey(), /^[A-Za-z0-9+/]{22}==$/);
  t.not(newKey(), newKey());
});
