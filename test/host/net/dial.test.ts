// Dialling: what each failure is called, and that the proxy never reaches itself.
import test from "ava";
import { createServer, type AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { dial, type DialCause } from "../../../host/net/dial.ts";
import { OwnAddresses } from "../../../host/net/own-addresses.ts";

const never = new AbortController().signal;

test("a server that listens, and every way not to reach one", async (t) => {
  const server = createServer((socket) => socket.on("error", () => undefined));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => { server.close(); });
  const { port } = server.address() as AddressInfo;
  const own = new OwnAddresses();
  const options = { own, connectMs: 5_000, signal: never };
  for (const host of ["127.0.0.1", "localhost"]) {
    const result = await dial({ host, port }, options);
    t.is(result.kind, "connected", JSON.stringify(result));
    if (result.kind === "connected") result.socket.destroy();
  }
  const cases: readonly (readonly [string, number, DialCause])[] = [["127.0.0.1", 1, "connect-refused"], ["no-such-name.invalid", 80, "dns-failed"]];
  for (const [host, at, cause] of cases) {
    const result = await dial({ host, port: at }, options);
    t.is(result.kind === "failed" ? result.cause : "connected", cause, host);
  }
  own.add({ address: "127.0.0.1", port });
  for (const host of ["127.0.0.1", "localhost", "::ffff:127.0.0.1"]) {
    const result = await dial({ host, port }, options);
    t.is(result.kind === "failed" ? result.cause : "connected", "own-address", host);
  }
  const aborted = await dial({ host: "127.0.0.1", port: 9 }, { own: new OwnAddresses(), connectMs: 5_000, signal: AbortSignal.abort() });
  t.is(aborted.kind === "failed" ? aborted.cause : "connected", "aborted");
});

test("own addresses: the listener's, every address of the machine when it listens on all, nothing else", (t) => {
  const own = new OwnAddresses();
  own.add({ address: "127.0.0.1", port: 8080 });
  own.add({ address: "::", port: 9090 });
  const mine = Object.values(networkInterfaces()).flatMap((entries) => (entries ?? []).map((entry) => entry.address));
  const cases: readonly (readonly [string, number, boolean])[] = [
    ["127.0.0.1", 8080, true], ["::ffff:127.0.0.1", 8080, true], ["0.0.0.0", 8080, true], ["127.0.0.2", 8080, false], ["127.0.0.1", 8081, false], ["192.0.2.1", 8080, false],
    ["example.test", 8080, false], ["127.0.0.1", 9090, true], ["127.9.9.9", 9090, true], ["::1", 9090, true], ["[::1]", 9090, true], ["192.0.2.1", 9090, false],
    ...mine.map((address) => [address, 9090, true] as const),
  ];
  for (const [address, port, expected] of cases) t.is(own.includes(address, port), expected, `${address}:${port}`);
});
