// A replay gives what was kept, and whatever becomes of what it gave, the kept message stays as it was.
import test from "ava";
import { ReplaySide } from "../../../host/exchange/replay-side.ts";
import { giveBack } from "../../../host/read-memory.ts";

test("a kept body outlives the replay that sent it", (t) => {
  const body = Buffer.from(new Uint8Array(100_000).fill(7).buffer);
  for (let replay = 0; replay < 2; replay++) {
    const event = new ReplaySide({ body, trailers: null }).next();
    t.is(event?.kind === "data" ? event.data.length : 0, 100_000);
    if (event?.kind === "data") giveBack(event.data);
  }
  t.is(body.length, 100_000);
  t.is(body[99_999], 7);
});
