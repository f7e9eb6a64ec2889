// When frames leave: at the end of the turn in which they came up, all in one write, and those that nobody waits for with the next ones.
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { FrameReader } from "../../../host/cells/frame-reader.ts";
import { FrameWriter, type OutgoingFrame } from "../../../host/cells/frame-writer.ts";

interface Pair {
  readonly writer: FrameWriter;
  /** Ids of the frames of each write. */
  readonly writes: number[][];
  /** Resolves when so many frames have arrived. */
  arrived(count: number): Promise<readonly number[]>;
}

async function makePair(t: ExecutionContext): Promise<Pair> {
  const server: Server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [accepted]: readonly Socket[] = await once(server, "connection");
  t.teardown(() => { client.destroy(); accepted?.destroy(); server.close(); });
  const ids: number[] = [];
  const writes: number[][] = [];
  const reader = new FrameReader(1024 * 1024, ({ id }) => void ids.push(id));
  const added: number[] = [];
  const writer = new FrameWriter(client, () => void writes.push(added.splice(0)));
  const add = writer.add.bind(writer);
  writer.add = (frame, mayWait) => { added.push(frame.id); add(frame, mayWait); };
  accepted?.on("data", (chunk: Buffer) => void reader.push(chunk));
  return {
    writer, writes,
    arrived: async (count) => {
      while (ids.length < count) await setImmediate();
      return ids;
    },
  };
}

const frameOf = (id: number, attachments: readonly Buffer[] = []): OutgoingFrame => ({ type: 3, status: 0, id, instance: 1, words: [], text: `frame ${id}`, attachments });

test("frames of one turn leave together, large attachments and all", async (t) => {
  const { writer, writes, arrived } = await makePair(t);
  for (const id of [1, 2, 3]) writer.add(frameOf(id, id === 2 ? [Buffer.alloc(200_000)] : []));
  t.deepEqual(writes, []);
  t.deepEqual(await arrived(3), [1, 2, 3]);
  t.deepEqual(writes, [[1, 2, 3]]);
});

test("a frame that may wait wakes nobody, and leaves before the next one that may not", async (t) => {
  const { writer, writes, arrived } = await makePair(t);
  writer.add(frameOf(1), true);
  for (let turn = 0; turn < 10; turn++) await setImmediate();
  t.deepEqual(writes, []);
  writer.add(frameOf(2));
  writer.add(frameOf(3), true);
  t.deepEqual(await arrived(3), [1, 2, 3]);
  t.deepEqual(writes, [[1, 2, 3]]);
});

test("a frame that may wait leaves with a flush, too, however many there are", async (t) => {
  const { writer, writes, arrived } = await makePair(t);
  for (let id = 1; id <= 5_000; id++) writer.add(frameOf(id), true);
  t.deepEqual(writes, []);
  writer.flush();
  t.is((await arrived(5_000)).at(-1), 5_000);
  writer.flush();
  t.is(writes.length, 1);
});
