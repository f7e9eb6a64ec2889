// The command line: what is read without yargs must mean what yargs makes of it, for any words; and what is odd must be left to it.
import test from "ava";
import fc from "fast-check";
import { readCommandLine, readWithYargs, type Command } from "../../host/cli.ts";
import { makeConfig } from "../../host/config.ts";
import { readPlainWords } from "../../host/plain-words.ts";

async function outcome(reading: Promise<Command>): Promise<unknown> {
  try {
    return await reading;
  } catch (error) {
    return error instanceof Error ? error.message : error;
  }
}

const values = ["a=b", "a.b=c", "x=", "=y", "5", "0", "007", "8080", "0x10", "1e3", "-1", "", "true", "false", "'q'", "\"q", "open", "closed", "auto", "maybe", "127.0.0.1", "::1", "0.0.0.0", "localhost", "ads:-write:*", "\\.example$", "é", " ", "a b", "cpuMs=5"];
const names = ["--confdir", "--cpu-ms", "--cpuMs", "--limit", "--jail", "--cells-jitless", "--set", "--log-format", "-p", "--port", "--p", "--host", "-m", "--mode", "--on-failure", "--grant", "--cells", "--ignore-hosts", "--http2", "--no-http2", "--no-port", "--no-set", "--no-quiet", "--options", "-q", "-qv", "-v", "-vp", "--quiet", "--upstream-ca", "--help", "--version", "--unknown", "--", "-"];
const addons = ["one.ts", "./two/", "/three.js", "../four", "5.ts", "true", "6", ".7", "a b.ts", "'quoted.ts'", ""];
const word = fc.oneof(
  fc.constantFrom(...names), fc.constantFrom(...values), fc.constantFrom(...addons),
  fc.tuple(fc.constantFrom(...names), fc.constantFrom(...values)).map(([name, value]) => `${name}=${value}`),
);
const words = fc.array(fc.oneof(word.map((one) => [one]), fc.tuple(fc.constantFrom(...names), fc.constantFrom(...values)).map(([name, value]) => [name, value])), { maxLength: 5 }).map((lists) => ["run", ...lists.flat()]);

test("run: any words mean with the short way what they mean without", async (t) => {
  await fc.assert(fc.asyncProperty(words, async (line) => {
    const [short, whole] = [await outcome(readCommandLine(line, "1")), await outcome(readWithYargs(line, "1"))];
    return t.deepEqual(short, whole, JSON.stringify(line));
  }), { numRuns: 100 });
});

test("run: the commands of the manual take the short way", (t) => {
  const table = { port: { alias: "p", type: "number", default: 8080 }, set: { type: "string", array: true, nargs: 1 }, http2: { type: "boolean", default: true }, jail: { choices: ["auto", "off"], default: "auto" }, confdir: { type: "string", default: "~" } } as const;
  t.deepEqual(readPlainWords(["-p", "9090", "one.ts", "two/", "--set", "block_hosts=ads.example", "--no-http2"], table), {
    options: { port: 9090, set: ["block_hosts=ads.example"], http2: false, jail: "auto", confdir: "~" }, positionals: ["one.ts", "two/"],
  });
  t.deepEqual(readPlainWords(["--port", "0", "--jail=off", "--confdir", "/tmp/x"], table)?.options, { port: 0, set: undefined, http2: true, jail: "off", confdir: "/tmp/x" });
  for (const odd of [["--help"], ["--port", "x"], ["--port", "1", "--port", "2"], ["--jail", "no"], ["--", "a.ts"], ["true"], ["--Port", "1"], ["--set"]]) t.is(readPlainWords(odd, table), null, odd.join(" "));
});

test("what is given twice and is no list is refused: nothing takes the first, the last, or both for it", async (t) => {
  for (const [name, value] of [["--on-failure", "closed"], ["--jail", "require"], ["--confdir", "/tmp/x"], ["--host", "127.0.0.1"], ["--proxy-auth", "a:b"], ["--save", "t.flows"], ["-p", "0"], ["--cells", "shared"], ["--log-format", "json"], ["--cpu-ms", "5"]] as const) {
    await t.throwsAsync(readCommandLine(["run", name, value, name, value, "a.ts"], "1"), { message: /^--[a-z-]+ is given more than once; give it once \(/, code: "ERR_USAGE" }, name);
  }
  await t.throwsAsync(readCommandLine(["test", "a.ts", "t.har", "--record", "a", "--record", "b"], "1"), { message: /--record is given more than once/ });
  const twice = await readCommandLine(["run", "--set", "a=1", "--set", "b=2", "-q", "-q", "a.ts"], "1");
  t.deepEqual(twice.kind === "run" ? [twice.input.set, twice.input.quiet] : null, [["a=1", "b=2"], true]);
});

test("an empty address or folder is refused: it would mean every network, or the working folder", (t) => {
  for (const input of [{ host: "" }, { host: " " }, { confdir: "" }, { mode: ["regular@:8080"] }]) t.throws(() => makeConfig(input), { message: /^--(host|confdir|mode)/, code: "ERR_USAGE" }, JSON.stringify(input));
});
