// HTTP/2 on both sides with real sockets: what goes through, translated or not, comes out as it went in. Node's HTTP/2 and raw HTTP/1
// are the peers here; curl, nghttp and nginx in proxy-http2-programs.test.ts, hostile ones in proxy-http2-attacks.test.ts.
import test from "ava";
import { randomBytes } from "node:crypto";
import { testCertificate, type TestCertificate } from "../helpers/certificate.ts";
import { ask, echo, h2Client, h2Origin } from "../helpers/h2.ts";
import { startProxy } from "../helpers/proxy.ts";
import { recordingGate } from "../helpers/recording-gate.ts";

let certificate: TestCertificate;
test.before(async () => { certificate = await testCertificate(); });

test.serial("h2 to h2: events in order, names and version as they should be", async (t) => {
  const origin = await h2Origin(t, certificate, echo);
  const seen: string[] = [];
  const gate = recordingGate({ on: {
    request: (flow) => { seen.push(`${flow.client.alpn} ${flow.request.httpVersion} ${flow.request.authority === `localhost:${origin.port}`} ${flow.request.scheme}`); },
    response: (flow) => { seen.push(`${flow.response?.httpVersion} ${flow.server.alpn}`); },
  } });
  const { port, ca } = await startProxy(t, { gate, upstreamCaFile: certificate.certFile });
  const session = await h2Client(t, port, origin.port, ca);
  const answer = await ask(session, { ":method": "POST", ":path": "/x?y", ":authority": `localhost:${origin.port}` }, Buffer.from("hello"));
  t.is(answer.status, 200);
  t.is(answer.body.toString(), "hello");
  t.is(answer.headers["x-path"], "/x?y");
  session.close();
  await gate.seen("clientdisconnect");
  t.deepEqual(gate.events, ["clientconnect", "next_layer(http1)", "http_connect", "next_layer(tls)", "serverconnect", "next_layer(http2)", "requestheaders", "request", "responseheaders", "response", "serverdisconnect", "clientdisconnect"]);
  t.deepEqual(seen, ["h2 HTTP/2.0 true https", "HTTP/2.0 h2"]);
  t.deepEqual(gate.problems, []);
  t.is(gate.unreleased, 0);
});

test.serial("100 streams at once over one connection to each side, bodies of any size byte for byte", async (t) => {
  const origin = await h2Origin(t, certificate, echo);
  const { port, ca } = await startProxy(t, { upstreamCaFile: certificate.certFile });
  const session = await h2Client(t, port, origin.port, ca);
  const bodies = Array.from({ length: 100 }, (_, i) => randomBytes(i === 0 ? 0 : Math.floor(Math.random() * (i % 10 === 0 ? 700_000 : 5_000))));
  const answers = await Promise.all(bodies.map((body) => ask(session, { ":method": "POST" }, body)));
  for (const [i, answer] of answers.entries()) t.true(answer.body.equals(bodies[i] ?? Buffer.alloc(1)), `body ${i} of ${bodies[i]?.length} bytes came back with ${answer.body.length}, code ${answer.code}`);
  t.is(origin.sessions.length, 1);
});
