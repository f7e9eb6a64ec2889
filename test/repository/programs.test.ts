// requireProgram: finds, skips loudly on a user's machine, fails in CI.
import test from "ava";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram, requireProgram, type Witness } from "../helpers/programs.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

type Said = readonly [what: "log" | "pass" | "fail", text?: string];

function listener(): Witness & { readonly said: Said[] } {
  const said: Said[] = [];
  return {
    said,
    log: (...values) => void said.push(["log", values.join(" ")]),
    pass: () => said.push(["pass"]),
    // AVA's own fail() throws too; the caller must not depend on what follows it.
    fail: (text) => {
      said.push(["fail", text ?? ""]);
      throw new Error(text);
    },
  };
}

const folderWith = (): string => {
  const folder = temporaryFolder("programs");
  writeFileSync(join(folder, "flowcell-probe"), "#!/bin/sh\n");
  chmodSync(join(folder, "flowcell-probe"), 0o755);
  writeFileSync(join(folder, "flowcell-text"), "", { mode: 0o644 });
  mkdirSync(join(folder, "flowcell-folder"));
  return folder;
};

test("a program on the path is found, and nothing is said", (t) => {
  const PATH = folderWith();
  const witness = listener();
  t.is(requireProgram(witness, "flowcell-probe", "probe", { PATH, CI: "true" }), join(PATH, "flowcell-probe"));
  t.deepEqual(witness.said, []);
});

test("a file that may not be run, and a folder, are not programs", (t) => {
  const PATH = folderWith();
  t.is(findProgram("flowcell-text", { PATH }), undefined);
  t.is(findProgram("flowcell-folder", { PATH }), undefined);
});

test("a missing program skips the test on a user's machine and says what to install", (t) => {
  const witness = listener();
  t.is(requireProgram(witness, "flowcell-missing", "probe-package", { PATH: "" }), undefined);
  t.deepEqual(witness.said, [["log", "skipped: install probe-package (for flowcell-missing)"], ["pass"]]);
});

test("a missing program fails the test in CI", (t) => {
  const witness = listener();
  t.throws(() => requireProgram(witness, "flowcell-missing", "probe-package", { PATH: "", CI: "true" }), { message: /probe-package/ });
  t.deepEqual(witness.said.map(([what]) => what), ["fail"]);
});
