// Options as values: where they may be given, which place wins, how texts are read, what an addon may see, and how hostile
// declarations and slips of the pen are refused. As tables.
import test from "ava";
import { commandLineLayer, environmentLayer, GivenOptions, optionSources, readOptions, readText, unknownOptions, type GivenLayer, type OptionOwner } from "../../../host/addons/options.ts";
import { parseOptionsFile, readOptionsFile } from "../../../host/addons/options-file.ts";
import { listOptions } from "../../../host/addons/options-list.ts";
import { checkManifest } from "../../../sandbox-api/schema/manifest.ts";
import type { OptionDeclaration } from "../../../sandbox-api/schema/options.ts";

const declared = (options: unknown): ReadonlyMap<string, OptionDeclaration> => {
  const result = checkManifest({ options });
  if (result.kind === "problems") throw new Error(result.problems.join());
  return result.manifest.options;
};
const fileLayer = (options: object): GivenLayer => {
  const read = parseOptionsFile(JSON.stringify({ options }), "config.json");
  if (read.kind === "problem") throw new Error(read.message);
  return read.options;
};
interface Given { readonly set?: { readonly [name: string]: string }; readonly env?: { readonly [name: string]: string }; readonly file?: object }
const given = ({ set = {}, env = {}, file = {} }: Given): GivenOptions =>
  new GivenOptions(new Map([["command line", commandLineLayer(new Map(Object.entries(set)))], ["environment", environmentLayer(env)], ["file", fileLayer(file)]]));

const full = declared({
  banner: { type: "string", default: "hello" }, count: { type: "number", default: 1 }, on: { type: "boolean", default: false },
  hosts: { type: "string[]", default: ["a"] }, mode: { type: "string", choices: ["fast", "slow"], default: "fast" }, level: { type: "number", choices: [1, 2] }, "two-words": { type: "string" },
});
const owner: OptionOwner = { name: "my-addon", declares: full };

const read: readonly (readonly [what: string, given: Given, name: string, value: unknown, source: string | undefined])[] = [
  ["nothing given", {}, "banner", "hello", undefined],
  ["no default", {}, "level", null, undefined],
  ["the file", { file: { banner: "f" } }, "banner", "f", "file"],
  ["environment over file", { env: { FLOWCELL_SET_BANNER: "e" }, file: { banner: "f" } }, "banner", "e", "environment"],
  ["command line over environment", { set: { banner: "c" }, env: { FLOWCELL_SET_BANNER: "e" }, file: { banner: "f" } }, "banner", "c", "command line"],
  ["the one that names the addon", { set: { banner: "c", "my-addon.banner": "q" } }, "banner", "q", "command line"],
  ["a stronger place before a name of the addon", { set: { banner: "c" }, file: { "my-addon.banner": "q" } }, "banner", "c", "command line"],
  ["another addon's", { set: { "other.banner": "x" } }, "banner", "hello", undefined],
  ["a variable with the addon's name", { env: { FLOWCELL_SET_MY_ADDON__TWO_WORDS: "e" } }, "two-words", "e", "environment"],
  ["a variable in lower case", { env: { "FLOWCELL_SET_two-words": "e" } }, "two-words", "e", "environment"],
  ["other variables", { env: { FLOWCELL_SET_: "e", FLOWCELL_BANNER: "e", BANNER: "e" } }, "banner", "hello", undefined],
  ["a number as text", { set: { count: "3.5" } }, "count", 3.5, "command line"],
  ["a number in the file", { file: { count: -1 } }, "count", -1, "file"],
  ["a list by commas", { set: { hosts: "b,c" } }, "hosts", ["b", "c"], "command line"],
  ["a list as JSON", { set: { hosts: '["b,c","d"]' } }, "hosts", ["b,c", "d"], "command line"],
  ["an empty list", { set: { hosts: "" } }, "hosts", [], "command line"],
  ["true", { env: { FLOWCELL_SET_ON: "yes" } }, "on", true, "environment"],
  ["a choice", { set: { level: "2" } }, "level", 2, "command line"],
];
for (const [what, by, name, value, source] of read) {
  test(`read: ${what}`, (t) => {
    const { values, sources, problems } = readOptions(given(by), owner, new Set());
    t.deepEqual(problems, []);
    t.deepEqual(values[name], value);
    t.is(sources.get(name), source as undefined);
  });
}

const wrong: readonly (readonly [given: Given, problem: string])[] = [
  [{ set: { count: "many" } }, '--set count must be a number, not "many" (option "count" of addon "my-addon")'],
  [{ set: { count: "" } }, '--set count must be a number, not "" (option "count" of addon "my-addon")'],
  [{ env: { FLOWCELL_SET_ON: "maybe" } }, 'FLOWCELL_SET_ON must be true or false, not "maybe" (option "on" of addon "my-addon")'],
  [{ file: { count: "3" } }, 'config.json: "count" must be a number, not "3" (option "count" of addon "my-addon")'],
  [{ file: { banner: ["x"] } }, 'config.json: "banner" must be a string, not ["x"] (option "banner" of addon "my-addon")'],
  [{ set: { hosts: "[1]" } }, '--set hosts must be a list of strings, not "[1]" (option "hosts" of addon "my-addon")'],
  [{ set: { mode: "fats" } }, '--set mode must be one of fast, slow, not "fats"; did you mean "fast"? (option "mode" of addon "my-addon")'],
  [{ set: { level: "3" } }, '--set level must be one of 1, 2, not "3"; did you mean "1"? (option "level" of addon "my-addon")'],
];
for (const [by, problem] of wrong) test(`wrong: ${problem}`, (t) => t.deepEqual(readOptions(given(by), owner, new Set()).problems, [problem]));

test("an option that two addons have is nobody's until the addon is named", (t) => {
  t.deepEqual(readOptions(given({ set: { banner: "x" } }), owner, new Set(["banner"])).problems, ['--set banner is an option of addon "my-addon" and of another; say whose you mean: "my-addon.banner"']);
  t.deepEqual(readOptions(given({ env: { FLOWCELL_SET_BANNER: "x" } }), owner, new Set(["banner"])).problems, ['FLOWCELL_SET_BANNER is an option of addon "my-addon" and of another; say whose you mean: FLOWCELL_SET_MY_ADDON__BANNER']);
  t.like(readOptions(given({ set: { "my-addon.banner": "x" } }), owner, new Set(["banner"])), { problems: [], values: { banner: "x" } });
  t.like(readOptions(given({}), owner, new Set(["banner"])), { problems: [], values: { banner: "hello" } });
});

test("an addon sees its own options only; a script without a manifest sees what is nobody else's", (t) => {
  const by = given({ set: { banner: "b", "my-addon.count": "2", secret: "s", "tool.flag": "f", __proto__x: "p" }, env: { FLOWCELL_SET_LOOSE: "l", FLOWCELL_SET_TOOL__OWN: "o", FLOWCELL_SET_COUNT: "9" }, file: { list: ["a"], constructor: "c" } });
  t.deepEqual(Object.keys(readOptions(by, owner, new Set()).values), [...full.keys()]);
  const script = readOptions(by, { name: "tool", declares: "anything" }, new Set(full.keys()));
  t.deepEqual({ ...script.values }, { secret: "s", flag: "f", __proto__x: "p", loose: "l", own: "o", list: ["a"], constructor: "c" });
  t.is(Object.getPrototypeOf(script.values), null);
  t.deepEqual({ ...readOptions(by, { name: "broken", declares: "unknown" }, new Set()).values }, {});
  const proto = readOptions(new GivenOptions(new Map([["command line", commandLineLayer(new Map([["__proto__", "x"]]))]])), { name: "tool", declares: "anything" }, new Set());
  t.deepEqual(Object.entries(proto.values), [["__proto__", "x"]]);
  t.is(({} as { readonly x?: unknown }).x, undefined);
});

test("a variable that names an addon is for nobody else, whatever others call their options", (t) => {
  const by = given({ env: { FLOWCELL_SET_MY_ADDON__TOKEN: "secret", FLOWCELL_SET_LOOSE: "l" } });
  t.deepEqual({ ...readOptions(by, { name: "script", declares: "anything" }, new Set(), ["my-addon"]).values }, { loose: "l" });
  const spy = new Map([["my_addon__token", { type: "string", default: null, choices: null, help: "" }]] as const);
  t.deepEqual({ ...readOptions(by, { name: "spy", declares: spy }, new Set(), ["my-addon"]).values }, { my_addon__token: null });
  t.deepEqual({ ...readOptions(by, { name: "my-addon", declares: "anything" }, new Set(), ["script", "my"]).values }, { token: "secret", loose: "l" });
  t.deepEqual({ ...readOptions(by, { name: "my", declares: "anything" }, new Set(), ["my-addon"]).values }, { loose: "l" });
});

test("a variable that two addons could mean is nobody's, and said", (t) => {
  const by = given({ env: { FLOWCELL_SET_MY_ADDON__BANNER: "x" } });
  for (const name of ["my-addon", "my_addon"]) {
    const [neighbour = ""] = ["my-addon", "my_addon"].filter((other) => other !== name);
    for (const declares of [full, "anything"] as const) {
      const read = readOptions(by, { name, declares }, new Set(), [neighbour]);
      t.not(read.values["banner"], "x");
      t.regex(read.problems[0] ?? "", /^FLOWCELL_SET_MY_ADDON__BANNER is for addon "my.addon" and for another whose name is written alike/);
    }
  }
});

const unknown: readonly (readonly [given: Given, problems: readonly string[], warnings?: readonly string[]])[] = [
  [{ set: { banner: "x", "my-addon.banner": "y" }, file: { count: 1 }, env: { FLOWCELL_SET_MY_ADDON__ON: "1" } }, []],
  [{ set: { baner: "x" } }, ['--set baner: no addon has an option "baner"; did you mean "banner"?; flowcell run --options ADDONS lists them']],
  [{ set: { "my-adon.banner": "x" } }, ['--set my-adon.banner: there is no addon "my-adon"; did you mean "my-addon"?']],
  [{ set: { "my-addon.baner": "x" } }, ['--set my-addon.baner: addon "my-addon" has no option "baner"; did you mean "banner"?']],
  [{ file: { baner: "x", "my-addon.baner": "x", "not-running.x": "y" } }, ['config.json: "baner": no addon has an option "baner"; did you mean "banner"?; flowcell run --options ADDONS lists them', 'config.json: "my-addon.baner": addon "my-addon" has no option "baner"; did you mean "banner"?']],
  [{ env: { FLOWCELL_SET_BANER: "x" } }, [], ['FLOWCELL_SET_BANER: no addon has this option; did you mean "BANNER"?']],
];
for (const [by, problems, warnings = []] of unknown) {
  test(`unknown: ${JSON.stringify(by)}`, (t) => {
    t.deepEqual(unknownOptions(given(by), [owner]), { problems, warnings });
    t.deepEqual(unknownOptions(given({ set: { any: "x" } }), [owner, { name: "script", declares: "anything" }]).problems, []);
    t.deepEqual(unknownOptions(given({ set: { any: "x" } }), [{ name: "broken", declares: "unknown" }]).problems, []);
  });
}

const files: readonly (readonly [text: string, problem: RegExp])[] = [
  ["{", /^config\.json is not JSON: /], ["[]", /must be an object such as/], ["null", /must be an object/], ['{"option": {}}', /has no key "option"; did you mean "options"\?; there is "options"/],
  ['{"options": []}', /must have an object as "options"/], ['{"options": {"a": null}}', /gives "a" a value that is no string/], ['{"options": {"a": {"b": 1}}}', /gives "a" a value/], ['{"options": {"a": [1]}}', /gives "a" a value/],
  ['{"__proto__": {"options": {}}}', /has no key "__proto__"/], ['{"options": {"a": 1e999}}', /gives "a" a value/],
];
for (const [text, problem] of files) {
  test(`configuration file refused: ${text}`, (t) => {
    const result = parseOptionsFile(text, "config.json");
    t.regex(result.kind === "problem" ? result.message : "", problem);
  });
}

test("a configuration file: with a byte order mark, empty, missing, a folder", async (t) => {
  t.like(parseOptionsFile("\ufeff{}", "x"), { kind: "options" });
  t.like(await readOptionsFile("/nowhere/config.json", false), { kind: "options" });
  t.deepEqual(await readOptionsFile("/nowhere/config.json", true), { kind: "problem", message: "there is no configuration file /nowhere/config.json" });
  t.like(await readOptionsFile(import.meta.dirname, false), { kind: "problem" });
});

test("texts by type", (t) => {
  t.deepEqual([readText("a,b", "string[]"), readText("[", "string[]"), readText(" ", "number"), readText("0x10", "number"), readText("Infinity", "number"), readText("TRUE", "boolean"), readText("", "string")], [["a", "b"], null, null, 16, null, null, ""]);
});

test("the list says type, choices, value and where it comes from", (t) => {
  const list = listOptions("my-addon", full, readOptions(given({ file: { count: 2 } }), owner, new Set()));
  t.deepEqual(list.find(({ name }) => name === "count"), { addon: "my-addon", name: "count", type: "number", choices: null, help: "", default: 1, value: 2, source: "file", isDeclared: true });
  t.is(list.find(({ name }) => name === "mode")?.source, "default");
  const script: OptionOwner = { name: "s", declares: "anything" };
  t.deepEqual(listOptions("s", null, readOptions(given({ set: { x: "1" } }), script, new Set())).map(({ name, type, isDeclared }) => [name, type, isDeclared]), [["x", "string", false]]);
  t.is(optionSources[0], "run time");
});

const hostile: readonly (readonly [options: unknown, problem: RegExp])[] = [
  [JSON.parse('{"__proto__": {"type": "string"}}'), /is not an option name/], [{ "a.b": { type: "string" } }, /is not an option name/], [{ "": { type: "string" } }, /is not an option name/],
  [{ ["x".repeat(200)]: { type: "string" } }, /is not an option name/], [{ x: JSON.parse('{"type": "string", "__proto__": 1}') }, /has no key "__proto__"/],
  [{ x: { type: "toString" } }, /type must be/], [{ x: { type: "__proto__" } }, /type must be/], [{ x: null }, /must be an object/], [{ x: ["string"] }, /must be an object/],
  [{ x: { type: "string", default: "y".repeat(20_000) } }, /default is longer than 16384 characters/], [{ x: { type: "string[]", default: Array.from({ length: 10_000 }, () => "y") } }, /default is longer/],
  [{ x: { type: "string", choices: [] } }, /choices must be a list of 1 to 200/], [{ x: { type: "string", choices: Array.from({ length: 201 }, String) } }, /choices must be a list of 1 to 200/],
  [{ x: { type: "string", choices: [1] } }, /choices must hold only strings/], [{ x: { type: "boolean", choices: [true] } }, /choices are not for/], [{ x: { type: "string", choices: ["a"], default: "b" } }, /default must be one of a, not "b"/],
  [{ x: { type: "string", choices: ["y".repeat(2_000)] } }, /choices must hold/], [{ x: { type: "string", help: "y".repeat(2_000) } }, /help must be a string of at most/], [{ x: { type: "string", defualt: "a" } }, /has no key "defualt"; did you mean "default"/],
  [Object.fromEntries(Array.from({ length: 201 }, (_, index) => [`x${index}`, { type: "string" }])), /has 201 options; 200 are the most/],
];
for (const [options, problem] of hostile) {
  test(`declaration refused: ${problem}${JSON.stringify(options).slice(0, 60)}`, (t) => {
    const result = checkManifest({ options });
    if (result.kind !== "problems") return t.fail();
    t.true(result.problems.some((each) => problem.test(each)), result.problems.join());
  });
}

test("names of prototypes are ordinary names", (t) => {
  const options = declared({ constructor: { type: "string", default: "c" }, hasOwnProperty: { type: "number" }, toString: { type: "boolean" } });
  const { values } = readOptions(given({ set: { toString: "yes" } }), { name: "a", declares: options }, new Set());
  t.deepEqual({ ...values }, { constructor: "c", hasOwnProperty: null, toString: true } as unknown as typeof values);
});
