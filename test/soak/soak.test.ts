// The soak of `npm run soak`, for a few seconds: enough to see a leak of every load or every flow, not a slow one.
import test from "ava";
import { soak } from "./soak.ts";

test.serial("a short soak: loads and traffic under attack leave nothing behind", async (t) => {
  t.timeout(110_000);
  const { problems, figures } = await soak({ loads: 60, requests: 1_500, say: () => undefined });
  t.log(JSON.stringify(figures));
  t.deepEqual(problems, []);
});
