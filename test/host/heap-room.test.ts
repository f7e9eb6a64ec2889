// How far the heap may grow between two markings: further once bodies are collected, never for a large heap, and really set in V8.
import test from "ava";
import { getHeapStatistics } from "node:v8";
import { HeapRoom, mostRoomyHeapBytes } from "../../host/heap-room.ts";

const mebibyte = 1024 * 1024;

test("there is more room from the first body that was collected, and V8 is told once", (t) => {
  const told: number[] = [];
  const room = new HeapRoom(() => 20 * mebibyte, (percent) => void told.push(percent));
  room.collected(0);
  t.deepEqual(told, []);
  room.collected(1);
  t.deepEqual(told, [200]);
  for (let count = 0; count < 100; count++) room.collected(mebibyte);
  t.deepEqual(told, [200]);
});

test("a large heap gets no more room than V8 gives it, and loses what it had while it was small", (t) => {
  const told: number[] = [];
  let usedBytes = mostRoomyHeapBytes + 1;
  const room = new HeapRoom(() => usedBytes, (percent) => void told.push(percent));
  room.collected(100 * mebibyte);
  t.deepEqual(told, []);
  usedBytes = mostRoomyHeapBytes;
  room.collected(8 * mebibyte);
  usedBytes++;
  room.collected(mebibyte - 1);
  t.deepEqual(told, [200]);
  room.collected(1);
  t.deepEqual(told, [200, 0]);
});

test("this V8 knows what it is told, and still collects what nobody refers to", (t) => {
  new HeapRoom(() => 0).collected(8 * mebibyte);
  let most = 0;
  for (let count = 0; count < 2_000; count++) {
    Buffer.alloc(mebibyte, 1);
    most = Math.max(most, getHeapStatistics().external_memory);
  }
  new HeapRoom(() => mostRoomyHeapBytes + 1).collected(8 * mebibyte);
  t.true(most < 1_000 * mebibyte, `${most / mebibyte} MiB of 2,000 were there at once`);
});
