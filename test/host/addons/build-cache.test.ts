// What was built is kept until an input, or how it is built, changes; and a cache that is damaged is none.
import test from "ava";
import { readdir, rm, truncate, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { builtOnce } from "../../../host/addons/build-cache.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

const longAgo = new Date("2020-01-01");

test("made once, and again after any change", async (t) => {
  const folder = temporaryFolder("built");
  const [one, two] = [path.join(folder, "one.ts"), path.join(folder, "two.ts")];
  const write = async (file: string, text: string, date = longAgo): Promise<void> => { await writeFile(file, text); await utimes(file, date, date); };
  await write(one, "1");
  await write(two, "2");
  let made = 0;
  const build = async (key = "a"): Promise<string> => {
    const text = await builtOnce(path.join(folder, "cache"), "thing", key, async () => ({ text: Buffer.from(`line\nmade ${++made}`), inputs: [one, two] }));
    return text.toString();
  };
  t.is(await build(), "line\nmade 1");
  t.is(await build(), "line\nmade 1");
  t.is(await build("b"), "line\nmade 2");
  await write(two, "2, longer");
  t.is(await build("b"), "line\nmade 3");
  await write(two, "2, lonGer", new Date("2021-01-01"));
  t.is(await build("b"), "line\nmade 4");
  t.is(await build("b"), "line\nmade 4");
  await truncate(path.join(folder, "cache", "thing.built"), 20);
  t.is(await build("b"), "line\nmade 5");
  await rm(one);
  t.is(await build("b"), "line\nmade 6");
  t.deepEqual(await readdir(path.join(folder, "cache")), ["thing.built"]);
});

test("what changes while it is built is not kept, and a folder that cannot be had is no error", async (t) => {
  const folder = temporaryFolder("built");
  const input = path.join(folder, "input.ts");
  let made = 0;
  const build = (where: string): Promise<Buffer> => builtOnce(where, "thing", "a", async () => {
    await writeFile(input, "new");
    const future = new Date(Date.now() + 60_000);
    await utimes(input, future, future);
    return { text: Buffer.from(String(++made)), inputs: [input] };
  });
  t.is(String(await build(folder)), "1");
  t.is(String(await build(folder)), "2");
  t.is(String(await build(path.join(input, "no-folder"))), "3");
  await t.throwsAsync(builtOnce(folder, "thing", "a", () => Promise.reject(new Error("does not build"))), { message: "does not build" });
});
