// What holds for every addon that ships: it has a row in the README with a link that leads somewhere, a first comment that says how to run
// it, and a test that names it.
import test from "ava";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { projectRoot } from "../helpers/flowcell.ts";

const folder = path.join(projectRoot, "addons");
const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== "hostile").map(({ name }) => name);
const readme = readFileSync(path.join(folder, "README.md"), "utf8");
const tests = readdirSync(import.meta.dirname).map((file) => readFileSync(path.join(import.meta.dirname, file), "utf8")).join("\n");

test("every addon is in the README, tested, and says what it does", (t) => {
  t.true(names.length >= 38, `${names.length}`);
  for (const name of names) {
    t.true(readme.includes(`[${name}](${name}/index.ts)`), `${name} has no row`);
    t.true(tests.includes(`"${name}"`), `${name} has no test`);
    t.regex(readFileSync(path.join(folder, name, "index.ts"), "utf8"), /^\/\/ [A-Z]/, name);
  }
  for (const [, link = ""] of readme.matchAll(/\]\(([\w/.-]+)\)/g)) t.true(existsSync(path.join(folder, link)), link);
});
