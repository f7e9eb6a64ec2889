// The bridge's bounds and what is believed of a guest's answers; the rest of the runtime is tested in real cells (test/host/cells).
import test from "ava";
import { makeBridge } from "../../runtime/isolate/bridge.ts";
import { readAnswer, readSettled } from "../../runtime/isolate/result.ts";

test("the bridge takes messages while it is open, within count and size, and tells which limit broke", (t) => {
  const bridge = makeBridge({ hostCalls: 2, mutationBytes: 10 });
  t.throws(() => bridge.post("hostCall", 1, ""), { message: "not a message" }, "closed");
  bridge.open(5);
  for (const bad of [["kind", 1, ""], ["hostCall", -1, ""], ["hostCall", 1.5, ""], ["hostCall", "1", ""], ["hostCall", 1, {}], ["hostCall", 1, "", "x"], ["hostCall", 1, "", new Uint8Array(1)]] as const) {
    t.throws(() => bridge.post(bad[0], bad[1], bad[2], ...bad.slice(3)), { message: "not a message" });
  }
  bridge.post("settled", 5, "0");
  t.throws(() => bridge.post("settled", 6, "0"), { message: /pending/ });
  bridge.post("hostCall", 1, "a", new ArrayBuffer(2));
  bridge.post("hostCall", 2, "b");
  t.is(bridge.fault, null);
  const error = t.throws(() => bridge.post("hostCall", 3, "c"));
  t.is(error?.stack, error?.message, "no stack of ours enters an isolate");
  t.is(bridge.fault?.code, "host-calls");
  t.deepEqual(bridge.close().map(({ kind, id, text }) => [kind, id, text]), [["settled", 5, "0"], ["hostCall", 1, "a"], ["hostCall", 2, "b"]]);
  bridge.open(0);
  t.is(bridge.fault, null, "each entry has its own");
  t.throws(() => bridge.post("hostCall", 1, "x".repeat(11)));
  t.is(bridge.fault?.code, "mutation-too-large");
  t.deepEqual(bridge.close(), []);
});

test("calls of one entry end in their order, each with limits of its own; what is too large is not kept", (t) => {
  const bridge = makeBridge({ hostCalls: 2, mutationBytes: 10 });
  t.throws(() => bridge.done("0"), { message: /no such call/ }, "closed");
  bridge.open(5, [6, 7, 8]);
  bridge.post("hostCall", 1, "abcdef");
  bridge.done("10;[]", new ArrayBuffer(2));
  t.is(bridge.current, 6);
  t.throws(() => bridge.post("settled", 5, "0"), { message: /pending/ }, "it is over");
  bridge.post("hostCall", 2, "a");
  bridge.post("hostCall", 3, "b");
  t.throws(() => bridge.post("hostCall", 4, "c"));
  bridge.done("0");
  for (const bad of [5, {}, null, undefined]) t.throws(() => bridge.done(bad), { message: /no such call/ });
  for (const bad of [5, new Uint8Array(1), "a\ud800"]) t.throws(() => bridge.done("0", bad), { message: "not a message" });
  bridge.done("x".repeat(11));
  t.throws(() => bridge.done("0"), { message: /no such call/ }, "nothing follows the last");
  t.is(bridge.fault, null);
  t.deepEqual(bridge.doneCalls.map(({ text, attachments, posts, fault }) => [text, attachments.length, posts.length, fault?.code]), [["10;[]", 1, 1, undefined], ["0", 0, 2, "host-calls"], ["", 0, 0, "mutation-too-large"]]);
  t.deepEqual(bridge.close(), []);
  bridge.open(9);
  t.deepEqual([bridge.doneCalls, bridge.current], [[], 9]);
});

test("texts that a call is settled or done with leave as UTF-8, within the same bounds and inside the entry's time", (t) => {
  let pieces = 0;
  let isSpent = false;
  const bridge = makeBridge({ hostCalls: 2, mutationBytes: 20 }, (piece) => {
    if (isSpent) throw new Error("no CPU time is left for this");
    pieces++;
    return piece();
  });
  const bytesOf = (attachments: readonly ArrayBuffer[]): readonly string[] => attachments.map((buffer) => Buffer.from(buffer).toString("latin1"));
  bridge.open(5, [6, 7]);
  bridge.done("12;[]", "gr\u00fc\u00df \u{1f600}", new ArrayBuffer(1));
  bridge.done("11;[]", "\u20ac".repeat(6));
  t.is(bridge.doneCalls[1]?.fault?.code, "mutation-too-large", "bytes count, not characters");
  t.deepEqual(bytesOf(bridge.doneCalls[0]?.attachments ?? []), ["gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", "\0"]);
  bridge.post("settled", 7, "11;[]", "\u20ac");
  t.deepEqual(bytesOf(bridge.close()[0]?.attachments ?? []), ["\xe2\x82\xac"]);
  t.is(pieces, 2);
  bridge.open(8);
  t.throws(() => bridge.post("settled", 8, "11;[]", "\udc80"), { message: "not a message" });
  t.throws(() => bridge.post("hostCall", 1, "", "x"), { message: "not a message" }, "for what settles only");
  isSpent = true;
  t.throws(() => bridge.post("settled", 8, "11;[]", "x"), { message: /no CPU time/ });
  t.deepEqual(bridge.close(), []);
});

test("answers of a guest are believed by shape only", (t) => {
  const failed = (text: string): object => JSON.parse(readAnswer({ status: 3, attachments: 0, text }, []).text);
  t.like(failed(`{"code":"permission","message":"no"}`), { code: "permission" });
  t.like(failed(`{"code":"x","message":"no"}`), { code: "threw" });
  t.true(readAnswer({ status: 3, attachments: 0, text: `{"code":"cpu-limit","message":""}` }, []).isFatal);
  t.is(readAnswer({ status: 1, attachments: 2, text: "[]" }, []).status, 3, "attachments that did not come");
  t.is(readAnswer({ status: 4, attachments: 0, text: "" }, []).status, 3);
  t.is(readSettled({ kind: "settled", id: 1, text: "2", attachments: [] }).status, 3, "nothing settles as pending");
});
