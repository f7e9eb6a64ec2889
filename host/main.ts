// The program: reads the command line, does what it says, prints, and sets the exit code: 0 done, 1 could not start or found errors,
// 2 wrong usage. Knows the process (signals, streams); everything else is in the modules it calls.
import { flushCompileCache } from "node:module";
import { readCommandLine, type Command } from "./cli.ts";
import { makeConfig, type Config, type ConfigInput } from "./config.ts";
import { jsonLine, prettyLine, printable } from "./log-format.ts";
import type { LogRecord } from "./log.ts";
import type { ReplayCounts } from "./flows/saved/client-replay.ts";
import type { Flowcell, LoneFlowcell } from "./host.ts";
import { operatorSentence } from "./operator-error.ts";
import { wantsBundle } from "./own-bundle.ts";
import { isPublished, ownVersion } from "./own-place.ts";

const levelsFor = { quiet: new Set(["warn", "error"]), normal: new Set(["info", "warn", "error"]), verbose: new Set(["debug", "info", "warn", "error"]) } as const;

/** How a person calls this program from where it stands. */
const ownCommand = isPublished ? "flowcell" : "npm run flowcell --";
/** After the start, in which nothing is done that can wait. */
const bundleAfterMs = 2_000;

surviveLostOutput();
await main(process.argv.slice(2));

/** A proxy goes on when whoever reads its log has gone (EPIPE, EIO) or the disk is full. */
function surviveLostOutput(): void {
  let isSaid = false;
  process.stderr.on("error", () => { isSaid = true; });
  process.stdout.on("error", ({ message }: Error) => {
    if (!isSaid) process.stderr.write(`flowcell: the log cannot be written any more (${message}); lines are lost until it can\n`);
    isSaid = true;
  });
}

async function main(words: readonly string[]): Promise<void> {
  try {
    process.exitCode = await execute(await readCommandLine(words, ownVersion));
  } catch (error) {
    const sentence = operatorSentence(error);
    process.stderr.write(`flowcell: ${sentence !== null ? printable(sentence) : (error instanceof Error ? error.stack ?? error.message : String(error))}\n`);
    process.exitCode = error instanceof Error && "code" in error && error.code === "ERR_USAGE" ? 2 : 1;
  }
}

async function execute(command: Command): Promise<number> {
  switch (command.kind) {
    case "text": process.stdout.write(`${command.text}\n`); return 0;
    // Each command's code is loaded when it is asked for: a usage error should not wait for the proxy.
    case "ca": return (await import("./ca-command.ts")).runCa(command, makeConfig(command.input), process.stdout);
    case "check": return (await import("./check-command.ts")).runCheck(command.addons, makeConfig(command.input), process.stdout);
    case "init": return (await import("./init-command.ts")).runInit({ folder: command.folder, command: ownCommand, version: ownVersion }, process.stdout);
    case "test": return (await import("./test-command.ts")).runTest(command, withEnvironment(command.input), process.stdout);
    case "inspect": return (await import("./inspect-command.ts")).runInspect(command.addon, command.har, makeConfig(command.input), process.stdout);
    case "approve": return (await import("./inspect-command.ts")).runApprove(command.addon, makeConfig(command.input), process.stdout);
    case "options": return (await import("./options-command.ts")).runOptions(withEnvironment(command.input), process.stdout);
    case "run": return run(withEnvironment(command.input));
  }
}

function withEnvironment(input: ConfigInput): Config {
  return makeConfig({ ...input, environment: process.env });
}

async function run(config: Config): Promise<number> {
  const print = printer(config);
  const stopped = stopSignal();
  const isLone = config.workers === 1 || config.recorded.read.length > 0;
  const cells = isLone ? import("./cells-ahead.ts").then((ahead) => ahead.startCells(config, ahead.warmCells)) : null;
  // PERF: they boot while everything else is loaded, which would hold them up otherwise. Who awaits them hears of a rejection.
  await cells?.catch(() => undefined);
  const { startFlowcell, playRecorded } = await import("./host.ts");
  if (cells !== null && config.recorded.read.length > 0) return playRecorded(config, print, cells, stopped);
  const lone = cells === null ? null : await startFlowcell(config, print, cells);
  const flowcell = lone ?? (await (await import("./workers/group.ts")).startGroup(config, print));
  print({
    time: Date.now(), level: "info", msg: readyMessage(flowcell),
    fields: { event: "ready", listeners: flowcell.listeners.map(({ mode, host, port }) => ({ mode, host, port })), workers: config.workers, version: ownVersion },
  });
  if (config.logFormat === "pretty" && config.verbosity !== "quiet") process.stdout.write(firstSteps(flowcell, config.recorded.onboarding));
  if (wantsBundle()) setTimeout(() => void makeBundle(print), bundleAfterMs).unref();
  const replay = lone === null ? null : await replayRecorded(lone, config, stopped);
  const isDone = replay !== null && !config.recorded.keepServing;
  if (!isDone) {
    const signal = await stopped;
    print({ time: Date.now(), level: "info", msg: `${signal}: finishing open flows, then stopping (again to stop at once)`, fields: { event: "stopping", signal } });
  }
  await flowcell.stop();
  // WALL: not by coming to an end, where Node frees what is left in an order that can end the process with an assertion of node:http2
  // (exchange/h2-session.ts) while a hostile client's streams wait for the garbage collector.
  flushCompileCache();
  return process.exit(isDone && replay.failed > 0 ? 1 : 0);
}

/** For the next start from this checkout. */
async function makeBundle(print: (record: LogRecord) => void): Promise<void> {
  try {
    await (await import("./addons/own-host.ts")).keepOwnBundle();
  } catch (error) {
    print({ time: Date.now(), level: "debug", msg: `starts stay as slow as they are: ${error instanceof Error ? error.message : String(error)}`, fields: { event: "bundle" } });
  }
}

/** Null: there is nothing to replay. */
async function replayRecorded(flowcell: LoneFlowcell, { recorded }: Config, stopped: Promise<unknown>): Promise<ReplayCounts | null> {
  if (recorded.replayClient.length === 0) return null;
  const giveUp = new AbortController();
  void stopped.then(() => giveUp.abort());
  try {
    return await flowcell.replayRecorded(giveUp.signal);
  } catch (error) {
    await flowcell.stop();
    throw error;
  }
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once, as every shell user expects. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isStopping = false;
    const take = (signal: NodeJS.Signals): void => {
      if (isStopping) process.exit(130);
      isStopping = true;
      resolve(signal);
    };
    process.on("SIGINT", take);
    process.on("SIGTERM", take);
  });
}

function printer(config: Config): (record: LogRecord) => void {
  const levels = levelsFor[config.verbosity];
  const useColour = process.stdout.isTTY && process.env["NO_COLOR"] === undefined;
  const line = config.logFormat === "json" ? jsonLine : (record: LogRecord) => prettyLine(record, useColour);
  return (record) => { if (levels.has(record.level) || record.fields["event"] === "ready") process.stdout.write(`${line(record)}\n`); };
}

function readyMessage(flowcell: Flowcell): string {
  const where = flowcell.listeners.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`).join(", ");
  const running = flowcell.addons().filter((addon) => addon.status === "running").length;
  return `proxy listening on ${where}, ${running} ${running === 1 ? "addon" : "addons"} running`;
}

function firstSteps(flowcell: Flowcell, onboarding: string | null): string {
  const [first] = flowcell.listeners;
  if (first === undefined) return "";
  const answersItself = flowcell.addons().some((addon) => addon.name === "reply-from-proxy" && addon.status === "running");
  const words = firstRequest(first, flowcell.authority.files.certPem, answersItself ? "https://flowcell.example/" : "https://example.com/");
  return [
    "", ...(words === null ? [] : ["  Send a request through it:", `    curl -i ${words}`]),
    `  Make browsers and tools trust it: ${ownCommand} ca install-help${onboarding === null || /^(reverse|tcp)/i.test(first.mode) ? "" : `, or open http://${onboarding}/ through it`}`, "  Stop it: Ctrl-C", "", "",
  ].join("\n");
}

/** What curl is told for a listener; null where curl would not say anything useful. */
function firstRequest({ mode, host, port }: Flowcell["listeners"][number], caFile: string, target: string): string | null {
  const place = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const scheme = /^[a-z0-9]+\+tls/i.test(mode) ? "https" : "http";
  if (/^reverse/i.test(mode)) return `--cacert ${caFile} https://${place}/`;
  if (/^socks5(?!\+)/i.test(mode)) return `--socks5-hostname ${place} --cacert ${caFile} ${target}`;
  if (!/^(regular|upstream)/i.test(mode)) return null;
  return `-x ${scheme}://${place} ${scheme === "https" ? `--proxy-cacert ${caFile} ` : ""}--cacert ${caFile} ${target}`;
}
