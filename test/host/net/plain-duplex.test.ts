// The byte door of every layer, over real sockets: what is held, when reading stops, how it ends; and the relay and peek built on it.
import test, { type ExecutionContext } from "ava";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { holdBytes, PlainDuplex } from "../../../host/net/plain-duplex.ts";
import { peek } from "../../../host/net/peek.ts";
import { relay } from "../../../host/net/relay.ts";
import { Alarm, TimeoutWheel } from "../../../host/net/timeouts.ts";
import { Waker } from "../../../host/net/waker.ts";

interface Pair { readonly near: PlainDuplex; readonly far: Socket; readonly waker: Waker }

async function pair(t: ExecutionContext): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const far = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", allowHalfOpen: true });
  far.on("error", () => undefined);
  const near = new PlainDuplex(await accepted);
  const waker = new Waker();
  near.onNews = waker.wake;
  t.teardown(() => { server.close(); far.destroy(); near.destroy(); });
  return { near, far, waker };
}

function allOf(socket: Socket): { text: string; hasEnd: boolean } {
  const state = { text: "", hasEnd: false };
  socket.on("data", (chunk: Buffer) => { state.text += chunk.toString("latin1"); });
  socket.on("end", () => { state.hasEnd = true; });
  return state;
}

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + 8_000;
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error("it did not become true");
    await sleep(5);
  }
}

test("chunks wait until they are taken, and can be put back", async (t) => {
  const { near, far, waker } = await pair(t);
  far.write("hello");
  await waker.wait();
  const chunk = near.take();
  t.is(chunk?.toString(), "hello");
  t.is(near.take(), null);
  near.unread(Buffer.from("lo"));
  t.is(near.unreadBytes, 2);
  t.is(near.take()?.toString(), "lo");
  far.end();
  await until(() => near.isEnded);
  t.true(near.hasEnd);
  t.false(near.isClosed);
});

test("who waits for room hears of it, also where the kernel takes everything at once", async (t) => {
  const { near, far, waker } = await pair(t);
  far.resume();
  for (let round = 0; round < 20; round++) {
    near.write(Buffer.alloc(holdBytes + round));
    t.true(near.isBlocked);
    near.flush();
    t.is(await Promise.race([waker.wait(), sleep(8_000, "no news", { ref: false })]), undefined);
    t.false(near.isBlocked);
  }
});

test("a reader that takes nothing stops the sender", async (t) => {
  const { near, far } = await pair(t);
  const piece = Buffer.alloc(1_048_576);
  for (let i = 0; i < 32; i++) far.write(piece);
  let before = -1;
  while (far.bytesWritten - far.writableLength !== before || near.unreadBytes < holdBytes) {
    before = far.bytesWritten - far.writableLength;
    await sleep(100);
  }
  t.true(near.unreadBytes < holdBytes + 131_072, `${near.unreadBytes} bytes are held`);
  t.true(far.writableLength > 0);
  let taken = 0;
  await until(() => {
    for (let chunk = near.take(); chunk !== null; chunk = near.take()) taken += chunk.length;
    return taken === 32 * piece.length;
  });
  t.pass();
});

test("what is written goes out at the flush, in order, small pieces as one", async (t) => {
  const { near, far } = await pair(t);
  const got = allOf(far);
  near.write("head \xe9 ");
  near.write(Buffer.from("body"));
  await sleep(30);
  t.is(got.text, "");
  near.flush();
  await until(() => got.text.length >= 11);
  t.is(got.text, "head \xe9 body");
  near.write("x".repeat(20_000));
  near.write(Buffer.alloc(20_000, "y"));
  near.end();
  await until(() => got.hasEnd);
  t.is(got.text.length, 11 + 40_000);
  near.write("after the end");
  near.flush();
  far.end();
  await until(() => near.isClosed);
  t.is(near.error, null);
});

test("a reset arrives as a reset", async (t) => {
  const { near, far } = await pair(t);
  let code: string | undefined;
  far.on("error", (error: NodeJS.ErrnoException) => { code = error.code; });
  far.resume();
  near.reset();
  await until(() => code !== undefined);
  t.is(code, "ECONNRESET");
  t.true(near.isClosed);
  const other = await pair(t);
  other.far.resetAndDestroy();
  await until(() => other.near.isClosed);
  t.true(other.near.isEnded);
  t.false(other.near.hasEnd);
  t.truthy(other.near.error);
});

test("peek looks without taking, and gives up in time", async (t) => {
  const { near, far, waker } = await pair(t);
  far.write("ab");
  setTimeout(() => far.write("cd"), 50);
  const seen: string[] = [];
  const look = (bytes: Buffer, isFinal: boolean): string | null => {
    seen.push(`${bytes.toString()}${isFinal ? "!" : ""}`);
    return bytes.length >= 4 ? "enough" : null;
  };
  t.is(await peek(near, look, { waker, waitMs: 5_000 }), "enough");
  t.is(near.take()?.toString(), "abcd");
  t.is(await peek(near, (_, isFinal) => (isFinal ? "late" : null), { waker, waitMs: 30 }), "late");
  far.end();
  t.is(await peek(near, (bytes, isFinal) => (isFinal ? `ended ${bytes.length}` : null), { waker, waitMs: null }), "ended 0");
});

test("a relay keeps order, half-close and back-pressure, and says how it ended", async (t) => {
  const [left, right] = [await pair(t), await pair(t)];
  const waker = new Waker();
  const wheel = new TimeoutWheel();
  const alarm = new Alarm(wheel, waker.wake);
  t.teardown(() => wheel.stop());
  const options = { waker, alarm, idleMs: 60_000, halfClosedMs: 60_000, isOver: () => alarm.hasPassed };
  const [gotLeft, gotRight] = [allOf(left.far), allOf(right.far)];
  const ending = relay(left.near, right.near, options);
  left.far.write("ping");
  await until(() => gotRight.text === "ping");
  left.far.end();
  await until(() => gotRight.hasEnd);
  t.false(gotLeft.hasEnd);
  right.far.write("still here");
  right.far.end();
  t.is((await ending).kind, "ended");
  await until(() => gotLeft.hasEnd);
  t.is(gotLeft.text, "still here");
});

test("a relay that is broken, idle, or stopped by its hook", async (t) => {
  const wheel = new TimeoutWheel();
  t.teardown(() => wheel.stop());
  const run = async (act: (far: Socket) => void, extra: object = {}) => {
    const [left, right] = [await pair(t), await pair(t)];
    const waker = new Waker();
    const alarm = new Alarm(wheel, waker.wake);
    const ending = relay(left.near, right.near, { waker, alarm, idleMs: 300, halfClosedMs: 300, isOver: () => alarm.hasPassed, ...extra });
    act(left.far);
    return ending;
  };
  const broken = await run((far) => far.resetAndDestroy());
  t.is(broken.kind, "broken");
  t.true(broken.isFromClient);
  t.is((await run(() => undefined)).kind, "stopped");
  t.is((await run((far) => far.write("x"), { hook: async () => null })).kind, "stopped");
});

test("a waker keeps news that come early, and wakes once", async (t) => {
  const waker = new Waker();
  waker.wake();
  waker.wake();
  await waker.wait();
  let isAwake = false;
  const waiting = waker.wait().then(() => { isAwake = true; });
  await sleep(10);
  t.false(isAwake);
  waker.wake();
  await waiting;
  t.true(isAwake);
});
