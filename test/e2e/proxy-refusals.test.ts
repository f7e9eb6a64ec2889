// Requests that are refused before they are flows: what addons hear of them, and what they may answer. Which bytes are refused at all
// is a table of the decoder's tests.
import test from "ava";
import { rawClient } from "../helpers/client.ts";
import { startProxy } from "../helpers/proxy.ts";
import { made, recordingGate } from "../helpers/recording-gate.ts";

const refusedHeads: readonly (readonly [what: string, head: string, shown: string, why: RegExp])[] = [
  ["a head that cannot be read", "GET http://a.test/ HTTP/1.1\r\nHost : a.test\r\n\r\n", "UNKNOWN http://unreadable.invalid/", /name|colon/i],
  ["two kinds of framing", "POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "UNKNOWN http://unreadable.invalid/", /Content-Length and Transfer-Encoding/],
  ["an address against Host", "GET http://a.test/ HTTP/1.1\r\nHost: b.test\r\n\r\n", "GET http://unreadable.invalid/", /different servers/],
];

for (const [what, head, shown, why] of refusedHeads) {
  test(`a refused request has its error, and an addon may answer it: ${what}`, async (t) => {
    const seen: string[] = [];
    const gate = recordingGate({ on: { error: (flow) => {
      const { method, scheme, host, path } = flow.request;
      seen.push(`${method} ${scheme}://${host}${path}`);
      t.regex(flow.error?.msg ?? "", why);
      if (seen.length === 2) flow.response = made(418, "made by an addon");
    } } });
    const { port } = await startProxy(t, { gate });
    const one = await rawClient(port);
    t.regex(await one.send(head).untilEnd(), /^HTTP\/1\.1 400 /);
    const two = await rawClient(port);
    t.regex(await two.send(head).untilEnd(), /^HTTP\/1\.1 418 .*made by an addon$/s);
    t.deepEqual(seen, [shown, shown]);
    one.close();
    two.close();
    await gate.seen("clientdisconnect", 2);
    t.deepEqual(gate.events.filter((event) => event === "error"), ["error", "error"]);
    t.deepEqual(gate.problems, []);
    t.is(gate.unreleased, 0);
  });
}
