// The guest's way out, once the runtime takes no more in an entry: it does not ask again before the next one. Other errors are no such word.
import test from "ava";
import { HostPort } from "../../sandbox-api/guest/host-port.ts";
import { noCallsLeft } from "../../sandbox-api/schema/guest-contract.ts";

test("after the first refusal of an entry the runtime is not asked again, until the next entry", (t) => {
  let asked = 0;
  let left = 3;
  const port = new HostPort(() => {
    asked++;
    if (left-- <= 0) throw new Error(noCallsLeft);
  }, () => undefined);
  port.enter(1);
  for (let turn = 0; turn < 3; turn++) port.tell("{}");
  for (let turn = 0; turn < 100; turn++) t.throws(() => (turn % 2 === 0 ? port.tell("{}") : port.ask("{}")), { message: noCallsLeft });
  t.is(asked, 4);
  left = 1;
  port.enterAnswer(1);
  port.tell("{}");
  t.throws(() => port.tell("{}"), { message: noCallsLeft });
  t.is(asked, 6);
});

test("a failure of another kind, an empty stack say, is not the end of the entry", (t) => {
  const thrown: unknown[] = [new RangeError("Maximum call stack size exceeded"), { get message() { return noCallsLeft; } }, null];
  let asked = 0;
  const port = new HostPort(() => {
    asked++;
    if (thrown.length > 0) throw thrown.pop();
  }, () => undefined);
  port.enter(1);
  for (let turn = 0; turn < 3; turn++) t.throws(() => port.tell("{}"), { any: true });
  port.tell("{}");
  t.is(asked, 4);
});
