// Breakers and budgets of one addon in several processes act as one: news arrive late and in one order, and all end up in the same state.
import test from "ava";
import { Breaker, CpuBudget, type BreakerNews } from "../../../host/addons/failure.ts";

/** Breakers whose news go through one post office: `deliver` brings them to all the others, state news to the sender as well. */
class Family {
  readonly breakers: readonly Breaker[];
  readonly #post: { readonly from: number; readonly news: BreakerNews }[] = [];

  constructor(size: number) {
    this.breakers = Array.from({ length: size }, (_, from) => new Breaker((news) => void this.#post.push({ from, news })));
  }

  at(index: number): Breaker {
    const breaker = this.breakers[index];
    if (breaker === undefined) throw new Error(`no breaker ${index}`);
    return breaker;
  }

  deliver(now: number): void {
    for (const { from, news } of this.#post.splice(0)) {
      const isState = news.kind === "opened" || news.kind === "closed" || news.kind === "banned";
      for (const [to, breaker] of this.breakers.entries()) if (to !== from || isState) breaker.heed(news, now);
    }
  }
}

test("strikes of all count together, and a suspension is everybody's", (t) => {
  const family = new Family(3);
  family.at(0).strike(2, 0);
  family.at(1).strike(2, 0);
  family.deliver(0);
  t.deepEqual(family.breakers.map((breaker) => breaker.strikes(0)), [4, 4, 4]);
  t.true(family.at(2).strike(1, 10));
  family.deliver(12);
  for (const breaker of family.breakers) t.is(breaker.suspendedUntil(12), 1_010);
  t.is(family.at(0).admit(900), "no");
});

test("a good trial of one closes all; a failed one keeps all out for longer", (t) => {
  const family = new Family(2);
  family.at(0).strike(5, 0);
  family.deliver(0);
  t.is(family.at(1).admit(1_000), "trial");
  t.true(family.at(1).strike(1, 1_000));
  family.deliver(1_000);
  t.deepEqual(family.breakers.map((breaker) => breaker.suspendedUntil(1_001)), [3_000, 3_000]);
  t.is(family.at(0).admit(3_000), "trial");
  family.at(0).succeed();
  family.deliver(3_000);
  t.true(family.breakers.every((breaker) => breaker.isClosed));
});

test("news that cross leave all in one state", (t) => {
  const family = new Family(2);
  family.at(0).strike(5, 0);
  family.deliver(0);
  t.is(family.at(0).admit(1_000), "trial");
  t.is(family.at(1).admit(1_000), "trial");
  family.at(0).succeed();
  family.at(1).strike(1, 1_000);
  family.deliver(1_000);
  const [one, other] = family.breakers.map((breaker) => breaker.suspendedUntil(1_001));
  t.is(one, other);
});

test("two deaths in two processes are two; who comes later learns what was", (t) => {
  const family = new Family(2);
  t.false(family.at(0).die(0));
  family.deliver(0);
  t.true(family.at(1).die(5));
  family.deliver(5);
  t.deepEqual(family.breakers.map((breaker) => breaker.suspendedUntil(6)), ["operator", "operator"]);
  const late = new Breaker();
  for (const news of family.at(0).history(6)) late.heed(news, 6);
  t.is(late.suspendedUntil(6), "operator");
  const struck = new Breaker();
  struck.strike(3, 0);
  const next = new Breaker();
  for (const news of struck.history(1)) next.heed(news, 1);
  t.is(next.strikes(1), 3);
});

test("what others spend empties a bucket and is not passed on; what was spent here is told once", (t) => {
  const budget = new CpuBudget(0.2, 2_000, 0);
  budget.spend(500_000, 0);
  budget.spendAlone(1_400_000, 0);
  t.is(budget.missing(0), 1_900_000);
  t.false(budget.isEmpty(0));
  t.is(budget.takeUntold(), 500_000);
  t.is(budget.takeUntold(), 0);
  budget.spendAlone(100_000, 0);
  t.true(budget.isEmpty(0));
  t.is(budget.takeUntold(), 0);
});
