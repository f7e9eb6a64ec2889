// Words of the command line about recorded traffic: what they become, and which contradict each other.
import test from "ava";
import path from "node:path";
import { makeConfig, type ConfigInput } from "../../host/config.ts";

const refused: readonly (readonly [what: string, input: ConfigInput, message: RegExp])[] = [
  ["a filter that is none", { save: "x", saveFilter: "~nonsense x" }, /--save-filter ~nonsense x: .*column \d/],
  ["a filter without a file", { saveFilter: "~q" }, /--save FILE or --har FILE/],
  ["a filter that is none, of both", { read: ["x"], filter: "(~q" }, /--filter \(~q: .*column \d/],
  ["a filter of nothing that is read or saved", { replayServer: ["x"], filter: "~q" }, /--read FILE, --save FILE or --har FILE/],
  ["reading and writing one file", { read: ["x"], save: "x" }, /read and written at once/],
  ["reading a file and adding to it", { replayClient: ["x"], save: "+x" }, /read and written at once/],
  ["answering from the HAR that is written", { replayServer: ["./x"], har: "x" }, /read and written at once/],
  ["rules without a recording", { replayRules: { reuse: true } }, /--replay-server FILE/],
  ["no refresh without a recording", { replayRules: { refresh: false } }, /--replay-server FILE/],
  ["a concurrency of none", { replayClient: ["x"], replayConcurrency: 0 }, /--replay-concurrency/],
  ["half a concurrency", { replayClient: ["x"], replayConcurrency: 1.5 }, /--replay-concurrency/],
  ["offline and online at once", { read: ["x"], replayServer: ["y"] }, /excludes/],
  ["an onboarding host with a port", { onboardingHost: "flow.cell:80" }, /without a port/],
];
for (const [what, input, message] of refused) test(`wrong usage: ${what}`, (t) => void t.throws(() => makeConfig(input), { code: "ERR_USAGE", message }));

test("what is given becomes whole paths, what is absent nothing", (t) => {
  const { recorded } = makeConfig({ save: "+t.flows", har: "t.har", replayServer: ["r.har"], replayRules: { ignoreParams: ["a"] }, onboardingHost: "Trust.Me" });
  t.like(recorded, { save: `+${path.resolve("t.flows")}`, har: path.resolve("t.har"), replayServer: [path.resolve("r.har")], onboarding: "trust.me", replayConcurrency: 1 });
  t.like(recorded.replayRules, { refresh: true, reuse: false, ignoreParams: ["a"] });
  t.like(makeConfig({}).recorded, { save: null, har: null, saveFilter: null, read: [], replayClient: [], replayServer: [], onboarding: "flow.cell" });
  t.is(makeConfig({ onboarding: false }).recorded.onboarding, null);
});

test("--filter is for what is read and what is saved, --save-filter for the latter alone", (t) => {
  const both = makeConfig({ read: ["x"], save: "y", filter: "~c 200" }).recorded;
  t.deepEqual([both.readFilter, both.saveFilter], [{ kind: "code", code: 200 }, { kind: "code", code: 200 }]);
  const apart = makeConfig({ read: ["x"], save: "y", filter: "~c 200", saveFilter: "~c 201" }).recorded;
  t.deepEqual([apart.readFilter, apart.saveFilter], [{ kind: "code", code: 200 }, { kind: "code", code: 201 }]);
});

test("files that one process writes or reads make it one", (t) => {
  for (const input of [{ save: "x" }, { har: "x" }, { read: ["x"] }, { replayClient: ["x"] }, { replayServer: ["x"] }]) {
    t.is(makeConfig(input).workers, 1);
    t.throws(() => makeConfig({ ...input, workers: 2 }), { code: "ERR_USAGE" });
  }
});
