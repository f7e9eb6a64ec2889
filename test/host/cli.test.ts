// The command line: what is read without yargs must mean what yargs makes of it, for any words; and what is odd must be left to it.
import test from "ava";
import fc from "fast-check";
import { readCommandLine, readWithYargs, type Command } from "../../host/cli.ts";
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
