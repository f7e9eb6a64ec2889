// A relay with a hook: what waits while the hook is busy comes to it in one piece, whole and in order and within a bound, and nothing
// is ever waited for. Without one every chunk goes on as it came.
import test from "ava";
import { relay, type ChunkHook, type RelayEnd } from "../../../host/net/relay.ts";
import { Alarm, TimeoutWheel } from "../../../host/net/timeouts.ts";
import { Waker } from "../../../host/net/waker.ts";
import { MemoryPipe } from "../../helpers/memory-pipe.ts";

interface Running { readonly client: MemoryPipe; readonly server: MemoryPipe; readonly ended: Promise<RelayEnd> }

function start(hook?: ChunkHook): Running {
  const [client, server, waker] = [new MemoryPipe(), new MemoryPipe(), new Waker()];
  const options = { waker, alarm: new Alarm(new TimeoutWheel(), waker.wake), idleMs: 60_000, halfClosedMs: 60_000, isOver: () => false };
  return { client, server, ended: relay(client, server, hook === undefined ? options : { ...options, hook }) };
}

const text = (...words: readonly string[]): readonly Buffer[] => words.map((word) => Buffer.from(word));

test("chunks that come while the hook is busy are one, those before and after it are not held up", async (t) => {
  const seen: string[] = [];
  const answers: (() => void)[] = [];
  const answer = (): void => answers.shift()?.();
  const { client, server, ended } = start((chunk, isFromClient) => {
    seen.push(`${isFromClient ? ">" : "<"}${chunk.toString()}`);
    return new Promise((resolve) => { answers.push(() => resolve(chunk)); });
  });
  client.push(...text("one"));
  await new Promise(setImmediate);
  t.deepEqual(seen, [">one"], "it does not wait for more");
  client.push(...text("two", "three", "four"));
  while (seen.length < 2) { answer(); await new Promise(setImmediate); }
  client.finish();
  server.finish();
  answer();
  t.is((await ended).kind, "ended");
  t.deepEqual(seen, [">one", ">twothreefour"]);
  t.is(server.takeWritten().toString(), "onetwothreefour");
});

test("joined chunks have a bound, and none is lost at it", async (t) => {
  const seen: number[] = [];
  const { client, server, ended } = start((chunk) => { seen.push(chunk.length); return chunk; });
  const sent = Array.from({ length: 30 }, (_, index) => Buffer.alloc(10_000 + index, index));
  const all = Buffer.concat(sent);
  client.push(...sent);
  client.finish();
  server.finish();
  await ended;
  t.true(seen.length < 10 && Math.max(...seen) < 131_072, seen.join());
  t.true(server.takeWritten().equals(all));
});

test("a hook that wants nothing more stops the relay with what it was given", async (t) => {
  const { client, server, ended } = start((chunk) => (chunk.toString() === "good" ? chunk : null));
  client.push(...text("good"));
  await new Promise(setImmediate);
  client.push(...text("b", "ad"));
  t.deepEqual(await ended, { kind: "stopped", error: null, isFromClient: true });
  t.is(server.takeWritten().toString(), "good");
});

test("without a hook chunks go on as they came", async (t) => {
  const { client, server, ended } = start();
  client.push(...text("a", "b"));
  server.push(...text("c"));
  client.finish();
  server.finish();
  await ended;
  t.deepEqual([server.written.map(String), client.written.map(String)], [["a", "b"], ["c"]]);
});
