// How a checkout starts from a bundle of its sources: taken when it is whole and nothing has changed since, else the sources are. The first
// tests run `launch.ts` in a folder that only looks like a checkout.
import test from "ava";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import path from "node:path";
import { keepOwnBundle } from "../../host/addons/own-host.ts";
import { findOwnBundle } from "../../host/own-bundle.ts";
import { ownCacheFolder } from "../../host/own-place.ts";
import { projectRoot, startFlowcell, writeAddon } from "../helpers/flowcell.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

delete process.env["FLOWCELL_FROM_SOURCES"];

interface Checkout { readonly folder: string; readonly cache: string; readonly source: string; launch(environment?: NodeJS.ProcessEnv): string; writeBundle(bundle: unknown): void }

function makeCheckout(): Checkout {
  const folder = temporaryFolder("checkout");
  const cache = path.join(folder, "node_modules", ".cache", "flowcell");
  const bundle = path.join(cache, "host-0123456789abcdef");
  for (const name of ["host", "runtime"]) mkdirSync(path.join(folder, name));
  mkdirSync(bundle, { recursive: true });
  writeFileSync(path.join(folder, "package.json"), '{ "name": "flowcell", "version": "1.2.3", "type": "module" }');
  for (const file of ["launch.ts", "file-stamp.ts", "own-bundle.ts", "own-place.ts"]) copyFileSync(path.join(projectRoot, "host", file), path.join(folder, "host", file));
  const source = path.join(folder, "host", "main.ts");
  writeFileSync(source, 'console.log("sources");\n');
  writeFileSync(path.join(folder, "runtime", "main.ts"), "");
  writeFileSync(path.join(bundle, "main.js"), 'console.log("bundle");\n');
  return {
    folder, cache, source,
    launch: (environment = {}) => execFileSync(process.execPath, [path.join(folder, "host", "launch.ts")], { encoding: "utf8", env: { ...process.env, XDG_CACHE_HOME: cache, ...environment } }).trim(),
    writeBundle: (content) => writeFileSync(path.join(cache, "host.json"), typeof content === "string" ? content : JSON.stringify(content)),
  };
}

const stamp = (file: string): readonly [string, number, number] => [file, statSync(file).size, statSync(file).mtimeMs];

test("the bundle is taken until a source changes, and never where the environment says so", (t) => {
  const { source, launch, writeBundle } = makeCheckout();
  t.is(launch(), "sources");
  writeBundle({ folder: "host-0123456789abcdef", stamps: [stamp(source)] });
  t.is(launch(), "bundle");
  t.is(launch({ FLOWCELL_FROM_SOURCES: "1" }), "sources");
  utimesSync(source, 1, 1);
  t.is(launch(), "sources");
  writeBundle({ folder: "host-0123456789abcdef", stamps: [stamp(source)] });
  t.is(launch(), "bundle");
  rmSync(source);
  writeFileSync(source, 'console.log("new sources");\n');
  t.is(launch(), "new sources");
});

test("whatever is not a whole bundle is none", (t) => {
  const { folder, cache, source, launch, writeBundle } = makeCheckout();
  writeFileSync(path.join(folder, "main.js"), 'console.log("elsewhere");\n');
  const stamps = [stamp(source)];
  const rest = { folder: "host-0123456789abcdef" };
  for (const bundle of [
    "", "{", "null", "[]", {}, rest, { stamps }, { ...rest, stamps: [] }, { ...rest, stamps: {} }, { ...rest, stamps: [["x"]] }, { ...rest, stamps: [...stamps, [path.join(folder, "gone"), 0, 0]] },
    { folder: "../../..", stamps }, { folder: "host-0123456789abcdef/../../../..", stamps }, { folder: 1, stamps },
  ]) {
    writeBundle(bundle);
    t.is(launch(), "sources", JSON.stringify(bundle));
  }
  writeBundle({ ...rest, stamps });
  rmSync(path.join(cache, "host-0123456789abcdef", "main.js"));
  t.is(launch(), "sources");
});

test.serial("what starts that were killed have left is removed; what one writes just now is not", async (t) => {
  const place = (name: string): string => path.join(ownCacheFolder, name);
  mkdirSync(place("draft-1"), { recursive: true });
  mkdirSync(place("draft-2"), { recursive: true });
  mkdirSync(place(`draft-${process.pid}`), { recursive: true });
  for (const file of ["draft-1/main.js", "draft-3.json", `draft-${process.pid}/left.js`]) writeFileSync(place(file), "");
  for (const name of ["draft-1", "draft-3.json"]) utimesSync(place(name), 1, 1);
  await keepOwnBundle();
  const left = readdirSync(ownCacheFolder);
  t.deepEqual(["draft-1", "draft-2", "draft-3.json"].filter((name) => left.includes(name)), ["draft-2"]);
  t.true(readdirSync(place(`draft-${process.pid}`)).includes("left.js"), "no start takes what another has left for its own");
  for (const name of ["draft-2", `draft-${process.pid}`]) rmSync(place(name), { recursive: true });
  const { folder } = JSON.parse(readFileSync(place("host.json"), "utf8")) as { readonly folder: string };
  t.false(readdirSync(place(folder)).includes("left.js"));
});

test.serial("the bundle of these sources: its maps lead back to them, and a proxy of two workers runs from it", async (t) => {
  await keepOwnBundle();
  const main = findOwnBundle();
  t.truthy(main);
  const { folder: name } = JSON.parse(readFileSync(path.join(ownCacheFolder, "host.json"), "utf8")) as { readonly folder: string };
  const folder = path.join(ownCacheFolder, name);
  const files = readdirSync(folder);
  t.true(["main.js", "worker.js", "bcrypt-worker.js"].every((file) => files.includes(file)));
  for (const file of files.filter((each) => each.endsWith(".map"))) {
    const { sources } = JSON.parse(readFileSync(path.join(folder, file), "utf8")) as { readonly sources: readonly string[] };
    for (const source of sources) t.true(statSync(path.resolve(folder, source)).isFile(), source);
  }
  await keepOwnBundle();
  t.is(findOwnBundle(), main, "the same sources give the same");

  const addon = await writeAddon('import { Response } from "flowcell";\nexport function request(flow) { flow.response = Response.make(200, "from the addon"); }\n');
  const proxy = await startFlowcell([addon], ["--workers", "2"]);
  t.teardown(() => proxy.stop());
  const body = await new Promise<string>((resolve, reject) => {
    request({ host: "127.0.0.1", port: proxy.port, path: "http://example.com/", headers: { host: "example.com" }, agent: false }, (response) => {
      response.setEncoding("utf8").toArray().then((parts) => resolve(parts.join("")), reject);
    }).once("error", reject).end();
  });
  t.is(body, "from the addon");
  if (process.platform === "linux") {
    const children = readFileSync(`/proc/${proxy.process.pid}/task/${proxy.process.pid}/children`, "utf8").trim().split(" ");
    const commands = children.map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8"));
    t.is(commands.filter((command) => command.includes(path.join(folder, "worker.js"))).length, 2, commands.join("\n"));
  }
  t.is(await proxy.stop(), 0);
});
