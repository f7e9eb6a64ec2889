// Who may use the proxy: pairs, files and names; hashes computed once and beside the loop; files that are refused.
import test, { type ExecutionContext } from "ava";
import { hash } from "bcryptjs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readHtpasswd } from "../../../host/access/htpasswd.ts";
import { openProxyAuth, readBasic, type ProxyAuth } from "../../../host/access/proxy-auth.ts";
import { OperatorError } from "../../../host/operator-error.ts";
import { runProgram } from "../../helpers/client.ts";
import { requireProgram } from "../../helpers/programs.ts";
import { temporaryFolder } from "../../helpers/temporary-folder.ts";

async function fileOf(text: string): Promise<string> {
  const folder = temporaryFolder("htpasswd");
  await writeFile(join(folder, "users"), text);
  return join(folder, "users");
}

async function fileAuth(t: ExecutionContext, text: string): Promise<ProxyAuth> {
  const auth = await openProxyAuth({ kind: "file", file: await fileOf(text) });
  t.teardown(() => auth.close());
  return auth;
}

test("a pair is right as a whole only", async (t) => {
  const auth = await openProxyAuth({ kind: "pair", pair: { user: "ada", password: "a:b é" } });
  t.is(auth.verify({ user: "ada", password: "a:b é" }), "right");
  for (const [user, password] of [["ada", "a:b"], ["ada:a", "b é"], ["", "a:b é"], ["Ada", "a:b é"], ["adaa", ":b é"]] as const) t.is(auth.verify({ user, password }), "wrong");
});

test("any takes every name but none", async (t) => {
  const auth = await openProxyAuth({ kind: "any" });
  t.is(auth.verify({ user: "x", password: "" }), "right");
  t.is(auth.verify({ user: "", password: "x" }), "wrong");
});

test("a file: users by their hash; what was right is not computed again", async (t) => {
  const auth = await fileAuth(t, `# staff\nada:${await hash("one", 5)}\r\n\nbob:${await hash("two", 4)}\nada:${await hash("three", 4)}\n`);
  t.is(await auth.verify({ user: "ada", password: "one" }), "right");
  t.is(auth.verify({ user: "ada", password: "one" }), "right", "at once");
  t.is(await auth.verify({ user: "bob", password: "two" }), "right");
  for (const [user, password] of [["ada", "two"], ["ada", "three"], ["carol", "one"], ["", ""], ["ada\nx", "one"]] as const) t.is(await auth.verify({ user, password }), "wrong");
});

test("many guesses keep a thread busy and never the loop; a user who was let in before stays in", async (t) => {
  const auth = await fileAuth(t, `ada:${await hash("right", 8)}\n`);
  t.is(await auth.verify({ user: "ada", password: "right" }), "right");
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const guesses = Array.from({ length: 200 }, (_, i) => auth.verify({ user: "ada", password: `guess ${i}` }));
  t.is(auth.verify({ user: "ada", password: "right" }), "right");
  const verdicts = await Promise.all(guesses);
  clearInterval(timer);
  t.is(verdicts.filter((verdict) => verdict === "right").length, 0);
  t.is(verdicts.filter((verdict) => verdict === "busy").length, 200 - 64, "what waits is bounded");
  // 64 hashes of cost 8 take most of a second; a loop that computed them would hardly tick.
  t.true(ticks > 20, `the loop ticked ${ticks} times`);
  t.is(await auth.verify({ user: "ada", password: "another" }), "wrong", "and goes on");
});

test("the same credentials at once are computed once", async (t) => {
  const auth = await fileAuth(t, `ada:${await hash("right", 6)}\n`);
  const verdicts = await Promise.all(Array.from({ length: 500 }, () => auth.verify({ user: "ada", password: "right" })));
  t.true(verdicts.every((verdict) => verdict === "right"));
});

test("a file that htpasswd made", async (t) => {
  const htpasswd = requireProgram(t, "htpasswd", "apache2-utils");
  if (htpasswd === undefined) return;
  const made = await runProgram(htpasswd, ["-nbB", "ada", "secret"]);
  const auth = await fileAuth(t, made.stdout);
  t.is(await auth.verify({ user: "ada", password: "secret" }), "right");
});

const badFiles: readonly (readonly [string, RegExp])[] = [
  ["", /has no users/], ["# only a comment\n", /has no users/], ["ada\n", /line 1 that is no "user:hash"/], [":$2y$05$x\n", /line 1 that is no/],
  ["ada:$apr1$abcdefgh$0123456789012345678901\n", /Apache's MD5/], ["\nada:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n", /line 2 .*SHA-1/], ["ada:$6$salt$hash\n", /SHA-crypt/], ["ada:rl3Kc0eFf8k1I\n", /DES/],
  ["ada:plain secret\n", /not bcrypt/], [`ada:$2y$31$${"a".repeat(53)}\n`, /cost/], [`ada:$2y$05$${"a".repeat(52)}\n`, /not bcrypt/],
];
for (const [text, message] of badFiles) {
  test(`a file that is refused: ${JSON.stringify(text.slice(0, 30))}`, (t) => {
    const read = readHtpasswd(text);
    t.regex("message" in read ? read.message : "", message);
    t.false("message" in read && read.message.includes("secret"));
  });
}

test("a file that is not there is for the operator to mend", async (t) => {
  await t.throwsAsync(openProxyAuth({ kind: "file", file: "/nonexistent/users" }), { instanceOf: OperatorError, code: "ERR_PROXY_AUTH_FILE", message: /ENOENT/ });
});

test("Basic credentials, and what is none", (t) => {
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;
  t.deepEqual(readBasic([basic("ada:a:b")]), { user: "ada", password: "a:b" });
  t.deepEqual(readBasic([basic(":")]), { user: "", password: "" });
  t.deepEqual(readBasic([basic("é\r\nX: y:ü").replace("Basic", "bAsIc")]), { user: "é\r\nX", password: " y:ü" });
  for (const values of [[], [""], ["Basic"], ["Basic "], ["Basic !!!"], ["Bearer abc"], [basic("nocolon")], [basic("a:b"), basic("a:b")], [`Basic ${"A".repeat(10_000)}`], [`${basic("a:b")} x`]]) t.is(readBasic(values), null, JSON.stringify(values).slice(0, 50));
});
