// The command line: which commands and options there are, their help and examples, and how words become a ConfigInput. It runs
// nothing itself; main.ts gives it what each command does. A usage error is one line that says what to do (exit 2).
import type { Argv, InferredOptionTypes, Options } from "yargs";
import type { ConfigInput } from "./config.ts";
import { defaultConfdir, defaultHost, defaultPort, defaultWorkers } from "./config.ts";
import { limitTable } from "../sandbox-api/schema/limits.ts";
import { OperatorError } from "./operator-error.ts";
import { readPlainWords } from "./plain-words.ts";

export type Command =
  | { readonly kind: "run"; readonly input: ConfigInput }
  | { readonly kind: "options"; readonly input: ConfigInput }
  | { readonly kind: "check"; readonly addons: readonly string[]; readonly input: ConfigInput }
  | { readonly kind: "test"; readonly addon: string; readonly files: readonly string[]; readonly record: string | null; readonly expect: string | null; readonly input: ConfigInput }
  | { readonly kind: "init"; readonly folder: string }
  | { readonly kind: "inspect"; readonly addon: string; readonly har: string | null; readonly input: ConfigInput }
  | { readonly kind: "approve"; readonly addon: string; readonly input: ConfigInput }
  | { readonly kind: "ca"; readonly action: "print" | "install-help" | "export"; readonly input: ConfigInput; readonly format: CaFormat; readonly out: string | null }
  /** Help or version was asked for; `text` is to be printed. */
  | { readonly kind: "text"; readonly text: string };

export const caFormats = ["pem", "der", "p12"] as const;
export type CaFormat = (typeof caFormats)[number];

/**
 * Reads the words after `flowcell`. Throws OperatorError `ERR_USAGE` whose message is one line; everything else that a user can
 * type gives a Command.
 */
export async function readCommandLine(words: readonly string[], version: string): Promise<Command> {
  // PERF: loading yargs and asking it takes a fifth of the start (bench/start-up.ts); nearly every start is a plain `run`.
  const plain = words[0] === "run" ? readPlainWords(words.slice(1), runTable) : null;
  return plain === null ? readWithYargs(words, version) : runCommand({ ...plain.options, addons: plain.positionals });
}

/** The same for all words there are. */
export async function readWithYargs(words: readonly string[], version: string): Promise<Command> {
  const { default: yargs } = await import("yargs");
  let command: Command | null = null;
  let text = "";
  const parser = commands(yargs().scriptName("flowcell").version(version), (chosen) => { command = chosen; })
    .exitProcess(false).strict().recommendCommands().wrap(100).help().alias("help", "h")
    .check(refuseRepeated).demandCommand(1, "give a command: run, init, check, test, inspect, approve or ca").fail((message, error) => { throw usage(message ?? error?.message ?? "unreadable command line"); });
  await parser.parseAsync([...words], {}, (_error, _argv, output) => { text = output; });
  return command === null || text !== "" ? { kind: "text", text } : command;
}

/** LIMIT: once each, but for those that are lists: of two values neither is surely meant, and what asks for one of them must not meet both. */
function refuseRepeated(given: { readonly [name: string]: unknown }): true {
  const rows: { readonly [name: string]: Options } = { ...runTable, ...testTable, ...caTable };
  for (const [name, row] of Object.entries(rows)) {
    if (row.array !== true && Array.isArray(given[name])) throw new Error(`--${name} is given more than once; give it once`);
  }
  return true;
}

function usage(message: string): OperatorError {
  return new OperatorError("ERR_USAGE", `${message.split(/\s*\n\s*/).filter((line) => line !== "").join(" ")} (flowcell --help shows what there is)`);
}

function commands(parser: Argv, choose: (command: Command) => void): Argv {
  return parser
    .usage("flowcell: an intercepting proxy whose addons cannot hurt it")
    .command("run [addons..]", "start the proxy with these addons (files or folders, in this order)", runOptions, (args) => {
      choose(runCommand(args));
    })
    .command("check <addons..>", "compile and load addons without traffic: handlers, warnings, errors", checkOptions, (args) => {
      choose({ kind: "check", addons: texts(args.addons), input: runInput({ ...args, port: 0 }) });
    })
    .command("test <addon> [files..]", "run an addon over recorded flows (HAR or own format) without a network, and show what it would change", testOptions, (args) => {
      choose({ kind: "test", addon: String(args.addon), files: texts(args.files), record: args.record ?? null, expect: args.expect ?? null, input: runInput({ ...args, port: 0 }) });
    })
    .command("init <name>", "make a folder with a new addon: source, types, a test", initOptions, (args) => {
      choose({ kind: "init", folder: String(args.name) });
    })
    .command("inspect <addon> [har]", "what an addon asks for and what could leave through it, of recorded traffic too", inspectOptions, (args) => {
      choose({ kind: "inspect", addon: String(args.addon), har: args.har === undefined ? null : String(args.har), input: runInput({ ...args, port: 0 }) });
    })
    .command("approve <addon>", "agree to what an addon asks for since it was changed", approveOptions, (args) => {
      choose({ kind: "approve", addon: String(args.addon), input: runInput({ ...args, port: 0 }) });
    })
    .command("ca [action]", "the certificate authority that clients must trust", caOptions, (args) => {
      choose({ kind: "ca", action: args.action, format: args.format, out: args.out ?? null, input: { confdir: args.confdir } });
    })
    .example("flowcell run my-addon.ts", "proxy on 127.0.0.1:8080 with one addon")
    .example("flowcell run -p 9090 one.ts two/ --set block_hosts=ads.example", "two addons and an option")
    .example("flowcell run my-addon.ts -m regular -m socks5@1080", "two listeners, each with its mode")
    .example("flowcell run my-addon.ts -m reverse:https://example.com@8443", "in front of one server")
    .example("flowcell run my-addon.ts -m upstream:http://proxy:3128 --upstream-auth me:secret", "behind another proxy")
    .example("flowcell run my-addon.ts --host 0.0.0.0 --proxy-auth @users", "for those in a file that htpasswd -B made")
    .example("flowcell run my-addon.ts --ignore-hosts '\\.bank\\.example:443$'", "leave some hosts alone")
    .example("flowcell run --options one.ts two/", "which options they have, and their values")
    .example("flowcell run -w traffic.flows --filter '~d example.com'", "save what passes, in part")
    .example("flowcell run -r traffic.flows my-addon.ts --har changed.har", "what an addon makes of it, without a network")
    .example("flowcell run --replay-server traffic.har --replay-kill-extra", "answer from a recording, and from nothing else")
    .example("flowcell run --replay-client traffic.flows my-addon.ts -w again.flows", "send recorded requests once more")
    .example("flowcell check my-addon.ts", "does it compile and load?")
    .example("flowcell inspect found-on-the-net/ my-traffic.har", "what could it do, what would it have seen?")
    .example("flowcell init my-addon", "a new addon")
    .example("flowcell test my-addon/ traffic.har", "what would it change?")
    .example("flowcell run tool/ --grant tool:-read:response.body", "with less than its manifest asks for")
    .example("flowcell ca install-help", "how to make clients trust the proxy");
}

/** Options of every command that runs addons. */
const sandboxTable = {
  confdir: { type: "string", default: defaultConfdir, describe: "folder of the CA and settings" },
  "cpu-ms": { type: "number", describe: `CPU time per call (${limitTable.cpuMs.default} ms)` },
  "wall-ms": { type: "number", describe: `time per call, awaits included (${limitTable.wallMs.default} ms)` },
  "memory-mib": { type: "number", describe: `heap per addon (${limitTable.memoryMiB.default} MiB)` },
  limit: { type: "string", array: true, nargs: 1, describe: "any limit of docs/limits.md, NAME=VALUE (repeatable)" },
  jail: { choices: ["auto", "require", "off"], default: "auto", describe: "operating-system jail around addon processes" },
  "cells-jitless": { type: "boolean", default: false, describe: "run addons without the JIT compiler: slower, smaller attack surface" },
  set: { type: "string", array: true, nargs: 1, describe: "an option of an addon, NAME=VALUE or ADDON.NAME=VALUE (repeatable)" },
  config: { type: "string", describe: "file with options, JSON (default: config.json in --confdir)" },
  "log-format": { choices: ["pretty", "json"], default: "pretty", describe: "readable lines, or one JSON object per line" },
} as const satisfies Record<string, Options>;

function sandboxOptions<T>(parser: Argv<T>) {
  return parser.options(sandboxTable);
}

/** Options of `run` that are about recorded traffic. */
const recordedTable = {
  save: { alias: "w", type: "string", nargs: 1, describe: "save every flow in this file (+FILE: add to it; docs/saved-flows.md)" },
  har: { type: "string", nargs: 1, describe: "save every HTTP flow in this file as HAR 1.2" },
  filter: { type: "string", nargs: 1, describe: "read and save only flows that match this filter (docs/filters.md)" },
  "save-filter": { type: "string", nargs: 1, describe: "save only flows that match this one instead" },
  read: { alias: "r", type: "string", array: true, nargs: 1, describe: "no proxy: run the addons over the flows saved in this file, own form or HAR (repeatable)" },
  "replay-client": { type: "string", array: true, nargs: 1, describe: "send the requests of this file through the proxy, then end (repeatable)" },
  "replay-concurrency": { type: "number", nargs: 1, describe: "so many of them at once (1)" },
  "keep-serving": { type: "boolean", default: false, describe: "do not end after --replay-client" },
  "replay-server": { type: "string", array: true, nargs: 1, describe: "answer requests with the responses of this file (repeatable)" },
  "replay-reuse": { type: "boolean", default: false, describe: "give each response again and again, not once" },
  "replay-kill-extra": { type: "boolean", default: false, describe: "kill requests that nothing recorded fits, instead of asking the server" },
  "replay-refresh": { type: "boolean", default: true, describe: "move dates and cookies of recorded responses to now (--no-replay-refresh: leave them)" },
  "replay-ignore-host": { type: "boolean", default: false, describe: "requests to other hosts fit too" },
  "replay-ignore-port": { type: "boolean", default: false, describe: "and to other ports" },
  "replay-ignore-content": { type: "boolean", default: false, describe: "requests with other bodies fit too" },
  "replay-ignore-params": { type: "string", array: true, nargs: 1, describe: "name in the query that does not count (repeatable)" },
  "replay-ignore-payload-params": { type: "string", array: true, nargs: 1, describe: "name in an urlencoded body that does not count (repeatable)" },
  "replay-use-headers": { type: "string", array: true, nargs: 1, describe: "header that must be equal too (repeatable)" },
} as const satisfies Record<string, Options>;

/** Options of `run` that say where traffic comes in, and from whom. */
const listenerTable = {
  port: { alias: "p", type: "number", default: defaultPort, describe: "port to listen on (0: any free one)" },
  host: { type: "string", default: defaultHost, describe: "address to listen on" },
  mode: { alias: "m", type: "string", array: true, nargs: 1, describe: "regular, reverse:URL, upstream:URL, socks5, tcp:HOST:PORT or transparent; NAME+tls takes TLS only; may end in @[HOST:]PORT (repeatable; docs/modes.md)" },
  "keep-host-header": { type: "boolean", default: false, describe: "reverse: send the client's Host on, not the server's own name" },
  "upstream-auth": { type: "string", nargs: 1, describe: "USER:PASSWORD for the proxy of upstream:URL" },
  "proxy-auth": { type: "string", nargs: 1, describe: "who may use the proxy: USER:PASSWORD, @FILE (htpasswd with bcrypt) or any (any name at all)" },
  cert: { type: "string", nargs: 1, describe: "own certificate for clients that speak TLS to the proxy itself: PEM with key, certificate and chain" },
} as const satisfies Record<string, Options>;

/** Options of `run` that say which hosts are not intercepted. */
const hostTable = {
  "ignore-hosts": { type: "string", array: true, nargs: 1, describe: "HOST:PORT pattern that is relayed untouched (repeatable)" },
  "allow-hosts": { type: "string", array: true, nargs: 1, describe: "only these HOST:PORT patterns are intercepted (repeatable)" },
  "tcp-hosts": { type: "string", array: true, nargs: 1, describe: "HOST:PORT pattern treated as raw TCP (repeatable)" },
} as const satisfies Record<string, Options>;

/** Options of `run` about TLS on either side. */
const tlsTable = {
  http2: { type: "boolean", default: true, describe: "speak HTTP/2 where client and server do (--no-http2: HTTP/1 only)" },
  "ssl-insecure": { type: "boolean", default: false, describe: "do not verify servers' certificates" },
  "upstream-ca": { type: "string", describe: "PEM file of further authorities to trust for servers" },
  "client-certs": { type: "string", nargs: 1, describe: "for servers that ask for one: a PEM file with key and certificate, or a folder of HOST.pem" },
  certs: { type: "string", array: true, nargs: 1, describe: "own certificate for clients, [HOST=]FILE: PEM with key, certificate and chain; HOST may be *.name (repeatable)" },
} as const satisfies Record<string, Options>;

/** Options of `run`. */
const runTable = {
  ...sandboxTable, ...recordedTable, ...listenerTable, ...hostTable, ...tlsTable,
  "on-failure": { choices: ["open", "closed"], default: "open", describe: "when an addon fails: let the flow pass, or refuse it" },
  grant: { type: "string", array: true, nargs: 1, describe: "narrow or widen what a manifest asks for: ADDON:PERMISSION, ADDON:-PERMISSION, ADDON:none, ADDON:host=PATTERN, ADDON:fetch=ORIGIN (repeatable)" },
  cells: { choices: ["per-hosts", "shared", "per-addon"], default: "per-hosts", describe: "which addons share a process, twelve at most, until one misbehaves: those for the same hosts, all, or none" },
  workers: { type: "number", describe: `proxy processes that share the ports; addons keep their state in each apart (docs/workers.md; default: cores - 1, here ${defaultWorkers})` },
  "stream-large-bodies": { type: "string", nargs: 1, describe: "bodies larger than SIZE (10m, 512k) pass on while they come, and addons do not see them" },
  "body-size-limit": { type: "string", nargs: 1, describe: "refuse bodies larger than SIZE: 413 for a request, 502 for a response" },
  onboarding: { type: "boolean", default: true, describe: "serve the CA to clients of the proxy at http://flow.cell/ (--no-onboarding: do not)" },
  "onboarding-host": { type: "string", nargs: 1, describe: "another name for that (flow.cell)" },
  options: { type: "boolean", default: false, describe: "list the options of these addons with their values, and exit" },
  quiet: { alias: "q", type: "boolean", default: false, describe: "warnings and errors only" },
  verbose: { alias: "v", type: "boolean", default: false, describe: "connections and debug lines too" },
} as const satisfies Record<string, Options>;

function runOptions(parser: Argv) {
  return parser.options(runTable)
    .group(Object.keys(listenerTable), "Where traffic comes in:").group(Object.keys(hostTable), "Which hosts:").group(Object.keys(tlsTable), "TLS:")
    .group(Object.keys(recordedTable), "Recorded traffic:")
    .positional("addons", { type: "string", array: true, describe: "addon files (.ts, .js) or folders" });
}

function checkOptions(parser: Argv) {
  return sandboxOptions(parser).positional("addons", { type: "string", array: true, demandOption: true, describe: "addon files or folders" });
}

function initOptions(parser: Argv) {
  return parser.positional("name", { type: "string", demandOption: true, describe: "folder to make; its last part is the addon's name" }).example("flowcell init my-addon", "then: flowcell run my-addon");
}

/** Options of `test`, beside those of every command that runs addons. */
const testTable = {
  record: { type: "string", describe: "write what it would change to this file, as what is expected from now on" },
  expect: { type: "string", describe: "compare with what --record wrote; exit code 1 when it differs" },
  grant: { type: "string", array: true, nargs: 1, describe: "narrow or widen what the manifest asks for (repeatable)" },
} as const satisfies Record<string, Options>;

/** Options of `ca`. */
const caTable = {
  confdir: { type: "string", default: defaultConfdir, describe: "folder of the CA" },
  format: { choices: caFormats, default: "pem", describe: "form of the exported certificate" },
  out: { alias: "o", type: "string", describe: "file to write (default: standard output)" },
} as const satisfies Record<string, Options>;

function testOptions(parser: Argv) {
  return sandboxOptions(parser)
    .positional("addon", { type: "string", demandOption: true, describe: "an addon's file or folder" })
    .positional("files", { type: "string", array: true, describe: "recorded traffic: HAR 1.2, or what --save wrote" })
    .options(testTable)
    .conflicts("record", "expect")
    .example("flowcell test my-addon/ traffic.har", "what would it change?")
    .example("flowcell test my-addon/ traffic.har --record expected.json", "keep that as what is expected")
    .example("flowcell test my-addon/ traffic.har --expect expected.json", "and say where it differs");
}

function inspectOptions(parser: Argv) {
  return sandboxOptions(parser)
    .positional("addon", { type: "string", demandOption: true, describe: "an addon's file or folder" })
    .positional("har", { type: "string", describe: "recorded traffic (HAR 1.2, or a file of --save)" });
}

function approveOptions(parser: Argv) {
  return sandboxOptions(parser).positional("addon", { type: "string", demandOption: true, describe: "an addon's file or folder" });
}

function caOptions(parser: Argv) {
  return parser
    .positional("action", { choices: ["print", "install-help", "export"] as const, default: "print" as const, describe: "show it, explain how to trust it, or write it to a file" })
    .options(caTable);
}

type RunArguments = Partial<InferredOptionTypes<typeof runTable>> & { readonly addons?: unknown };

function runCommand(args: RunArguments): Command {
  return { kind: args.options === true ? "options" : "run", input: runInput(args) };
}

function runInput(args: RunArguments): ConfigInput {
  return {
    addons: texts(args.addons),
    limits: { cpuMs: args["cpu-ms"], wallMs: args["wall-ms"], memoryMiB: args["memory-mib"] },
    upstreamCa: args["upstream-ca"],
    streamLargeBodies: args["stream-large-bodies"],
    bodySizeLimit: args["body-size-limit"],
    proxyAuth: args["proxy-auth"],
    upstreamAuth: args["upstream-auth"],
    clientCerts: args["client-certs"],
    listenerCert: args.cert,
    ...defined({
      host: args.host, port: args.port, mode: args.mode, certs: args.certs, confdir: args.confdir, set: args.set, configFile: args.config, grant: args.grant, limit: args.limit, onFailure: args["on-failure"],
      jail: args.jail, cells: args.cells, workers: args.workers, jitless: args["cells-jitless"], ignoreHosts: args["ignore-hosts"], allowHosts: args["allow-hosts"],
      tcpHosts: args["tcp-hosts"], http2: args.http2, keepHostHeader: args["keep-host-header"], sslInsecure: args["ssl-insecure"], quiet: args.quiet, verbose: args.verbose, logFormat: args["log-format"],
      save: args.save, har: args.har, saveFilter: args["save-filter"], filter: args.filter, read: args.read, replayClient: args["replay-client"], replayConcurrency: args["replay-concurrency"], keepServing: args["keep-serving"], replayServer: args["replay-server"],
      replayRules: {
        reuse: args["replay-reuse"], killExtra: args["replay-kill-extra"], refresh: args["replay-refresh"], ignoreHost: args["replay-ignore-host"], ignorePort: args["replay-ignore-port"],
        ignoreContent: args["replay-ignore-content"], ignoreParams: args["replay-ignore-params"], ignorePayloadParams: args["replay-ignore-payload-params"], useHeaders: args["replay-use-headers"],
      },
      onboarding: args.onboarding, onboardingHost: args["onboarding-host"],
    }),
  };
}

/** Drops what is undefined, so that absent stays absent. */
function defined<T extends object>(record: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };
}

/** Positionals as texts: yargs makes numbers of words that look like one. */
function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
