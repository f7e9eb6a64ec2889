// Forms, queries, cookies, Headers and made responses in corner cases, as tables: what mitmproxy does with the same bytes, unless a row says
// otherwise. Multipart bodies are compared byte for byte.
import test from "ava";
import { bundleGuest, guestRealm, sampleParts as part, type Answer } from "../helpers/guest-realm.ts";

const guest = await bundleGuest();
const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1");
interface Ran { readonly answer: Answer; readonly said: unknown }

/** Runs `body` in `request` over a POST with this Content-Type and content; `say(value)` gives `said`. */
async function run(body: string, contentType: string, content: string, path = "/p"): Promise<Ran> {
  const realm = await guestRealm(`import { Response, Headers } from "flowcell"; const say = (value) => console.log(JSON.stringify(value)); export const request = (flow) => { const form = flow.request.multipartForm; ${body} };`, guest, { name: "n", file: "f", limits: { mutationBytes: 100_000, logLineBytes: 60_000, hostCalls: 100 } });
  const fields: readonly (readonly [string, string])[] = contentType === "" ? [["Host", "example.com"]] : [["Host", "example.com"], ["Content-Type", contentType]];
  const answer = realm.dispatch("request", 1, [part.flow(), part.client(), part.server(), part.request({ method: "POST", path }, fields), part.body("request", { raw: 0 })], [latin1(content)]);
  const line = realm.posted.find(({ kind }) => kind === "hostCall")?.text;
  return { answer, said: line === undefined ? undefined : JSON.parse((JSON.parse(line) as { readonly msg: string }).msg) };
}
const bodyOf = ({ answer }: Ran): string | undefined => (answer.attachments[0] === undefined ? undefined : Buffer.from(answer.attachments[0]).toString("latin1"));

const type = 'multipart/form-data; charset=x; boundary="B x"';
const simple = (...parts: readonly (readonly [head: string, content: string])[]): string => `${parts.map(([head, content]) => `--B x\r\nContent-Disposition: form-data; ${head}\r\n\r\n${content}\r\n`).join("")}--B x--\r\n`;
/** Everything that a careless rewrite would lose: preamble, padding, odd case, own headers, a part that is none, epilogue. */
const odd = "preamble\r\n--B x \t\r\ncontent-disposition:form-data;name=\"a\"; x=y\r\nX-Own: 1\r\n\r\none\r\n--B x\r\nX: no form part\r\n\r\nkept\r\n--B x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"\xc3\xa9%22.txt\"\r\nContent-Type: text/plain; a=b\r\n\r\n\x00\xff\r\n--B xy\r\n\r\n--B x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n--B x-- \r\nepilogue";

const reading: readonly (readonly [what: string, content: string, said: unknown])[] = [
  ["names, files, types, bytes", odd, [["a", null, null, "one"], ["f", "é\".txt", "text/plain; a=b", "\0\ufffd\r\n--B xy\r\n"], ["a", null, null, ""]]],
  ["nothing", "", []], ["no delimiter", "hello", []], ["only the end", "--B x--\r\n", []], ["cut off in a part", simple(['name="a"', "1"]) .slice(0, -12), []],
  ["names without quotes, quotes with backslashes", simple(["name=a", "1"], ['name="a\\"b"', "2"], ['name="c:\\d"', "3"]), [["a", null, null, "1"], ['a"b', null, null, "2"], ["c:\\d", null, null, "3"]]],
  ["a delimiter within a line is none", simple(['name="a"', "x--B x\r\ny"]), [["a", null, null, "x--B x\r\ny"]]],
  ["a part without headers", "--B x\r\n\r\nhello\r\n--B x--", []], ["an empty part", "--B x\r\n--B x--", []],
  ["a file without a name", simple(['name="f"; filename=""', "x"]), [["f", "", null, "x"]]],
];
for (const [what, content, said] of reading) {
  test(`multipart, read: ${what}`, async (t) => {
    t.deepEqual((await run("say([...form].map(({ name, filename, contentType, text }) => [name, filename, contentType, text]))", type, content)).said, said);
    t.is((await run("form.get('a'); [...form]; form.parts; form.delete('none')", type, content)).answer.status, 0);
  });
}

const writing: readonly (readonly [body: string, before: string, after: string])[] = [
  ["form.set('a', 'two')", odd, odd.replace("\r\n\r\none", "\r\n\r\ntwo").replace("--B x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n--B x--", "--B x--")],
  ["form.set('f', new Uint8Array([0, 254]))", odd, odd.replace("\x00\xff\r\n--B xy\r\n", "\x00\xfe")],
  ["form.set('f', { content: 'x' })", simple(['name="f"; filename="n"', "1"]), simple(['name="f"', "x"])],
  ["form.set('f', { content: 'é', filename: 'a\"\\r\\nb', contentType: 'text/plain' })", simple(['name="f"', "1"]), simple(['name="f"; filename="a%22%0D%0Ab"\r\nContent-Type: text/plain', "\xc3\xa9"])],
  ["form.append('n', 'v')", simple(['name="a"', "1"]), simple(['name="a"', "1"], ['name="n"', "v"])],
  ["form.append('n', 'v')", odd, odd.replace("\r\n--B x-- \r\n", "\r\n--B x\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\nv\r\n--B x-- \r\n")],
  ["form.delete('a')", odd, "preamble\r\n--B x\r\nX: no form part\r\n\r\nkept\r\n--B x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"\xc3\xa9%22.txt\"\r\nContent-Type: text/plain; a=b\r\n\r\n\x00\xff\r\n--B xy\r\n\r\n--B x-- \r\nepilogue"],
  ["form.delete('a')", simple(['name="a"', "1"]), "--B x--\r\n"],
  ["form.append('a', '1')", "", simple(['name="a"', "1"])], ["form.append('a', '1')", "--B x--\r\n", simple(['name="a"', "1"])],
  ["form.set('a', 'x'); form.set('b', form.get('a') + 'y'); form.delete('a')", simple(['name="a"', "1"]), simple(['name="b"', "xy"])],
];
for (const [body, before, after] of writing) test(`multipart, written: ${body} ${before.length}`, async (t) => t.is(bodyOf(await run(body, type, before)), after));

test("multipart: a body of another kind becomes a form with a boundary of its own", async (t) => {
  const ran = await run("form.set('a', '1'); form.append('f', { content: 'x', filename: 'n' }); say([form.size, form.get('a'), form.getPart('f')?.filename, form.getPart('none'), form.has('f'), form.getAll('a')])", "text/plain", "hello");
  t.deepEqual(ran.said, [2, "1", "n", null, true, ["1"]]);
  const [[, headers]] = ran.answer.value as [[string, [number, [string, string]]]];
  const boundary = /^multipart\/form-data; boundary=(----FlowcellForm[0-9a-z]{32})$/.exec(headers[1][1])?.[1] ?? "";
  t.is(bodyOf(ran), `--${boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--${boundary}\r\nContent-Disposition: form-data; name="f"; filename="n"\r\n\r\nx\r\n--${boundary}--\r\n`);
});

for (const [body, message] of [
  ["form.set('a', 'x\\r\\n--B x\\r\\n')", /holds the form's boundary/], ["form.set('a', '--B x--')", /holds the form's boundary/], ["form.set('a', 5)", /must be a string/], ["form.set(5, 'a')", /name must be a string/],
  ["form.set('a', { filename: 'x' })", /must be a string/], ["form.set('a', { content: 'x', contentType: 'a\\r\\nX: y' })", /contentType/], ["form.set('a', 'x'.repeat(200000))", /changes of/], ["form.set('a', { get content() { throw new Error('own') } })", /own/],
] as const) test(`multipart, refused: ${body}`, async (t) => {
  const { answer } = await run(body, type, simple(['name="a"', "1"]));
  t.is(answer.status, 3);
  t.regex((answer.value as { readonly message: string }).message, message);
});

test("multipart: a client's boundary and heads cost no more than their length", async (t) => {
  const start = performance.now();
  for (const content of [`--B x\r\n${';name="'.repeat(20_000)}\r\n\r\n1\r\n--B x--`, "\r\n--B x".repeat(20_000), "--B x\r\n".repeat(20_000), `--B x\r\n${" ".repeat(100_000)}`]) t.truthy((await run("say(form.size)", type, content)).said !== undefined);
  t.true(performance.now() - start < 20_000);
});

const queries: readonly (readonly [path: string, pairs: unknown, body?: string, after?: string])[] = [
  ["/p", []], ["/p?", []], ["/p?a", [["a", ""]]], ["/p?a=&=b", [["a", ""], ["", "b"]]], ["/p?a=b=c", [["a", "b=c"]]], ["/p?&&a=1&&", [["a", "1"]]], ["/p?a=1;b=2", [["a", "1;b=2"]]],
  ["/p?a+b=%2B%20+", [["a b", "+  "]]], ["/p?a=%zz%4", [["a", "%zz%4"]]], ["/p?a=%C3%A9", [["a", "é"]]], ["/p?a=%ff", [["a", "\udcff"]]], ["/p?a=1&a=2", [["a", "1"], ["a", "2"]]], ["/p?a?b=/c", [["a?b", "/c"]]],
  // mitmproxy writes all pairs anew; here those that nobody touched keep their bytes.
  ["/p?x=%7e&a=1", [["x", "~"], ["a", "1"]], "flow.request.query.set('a', '~')", "/p?x=%7e&a=%7E"],
  ["/p?a=%ff", [["a", "\udcff"]], "flow.request.query.set('b', flow.request.query.get('a'))", "/p?a=%ff&b=%FF"],
  ["/p?a", [["a", ""]], "flow.request.query.append('b', '')", "/p?a&b="], ["/p?a=1", [["a", "1"]], "flow.request.query.delete('a')", "/p"],
];
for (const [path, pairs, body, after] of queries) {
  test(`query: ${path} ${body ?? ""}`, async (t) => {
    t.deepEqual((await run("say([...flow.request.query])", "", "", path)).said, pairs);
    if (body !== undefined) t.deepEqual((await run(body, "", "", path)).answer.value, [["request.path", after]]);
  });
}

const forms: readonly (readonly [contentType: string, content: string, pairs: unknown])[] = [
  ["application/x-www-form-urlencoded", "a=1&b=+%2B", [["a", "1"], ["b", " +"]]], ["APPLICATION/X-WWW-FORM-URLENCODED; charset=utf-8", "a=1", [["a", "1"]]], ["text/plain", "a=1", []], ["", "a=1", []], ["application/x-www-form-urlencoded", "", []],
];
for (const [contentType, content, pairs] of forms) test(`urlencodedForm: ${contentType} ${content}`, async (t) => t.deepEqual((await run("say([...flow.request.urlencodedForm])", contentType, content)).said, pairs));

const cookies: readonly (readonly [value: string, pairs: unknown])[] = [
  ["a=1; b=2", [["a", "1"], ["b", "2"]]], ["a=1;b=2", [["a", "1"], ["b", "2"]]], ["a", [["", "a"]]], ["a=", [["a", ""]]], ["a=b=c", [["a", "b=c"]]], [";; a=1 ;", [["a", "1"]]], ["a=1; a=2", [["a", "1"], ["a", "2"]]],
  // RFC 6265 §5.4: quotes are part of the value and end at the semicolon; mitmproxy reads a quoted string.
  ['a="b c"', [["a", '"b c"']]], ['a="b;c"', [["a", '"b'], ["", 'c"']]],
];
for (const [value, pairs] of cookies) {
  test(`cookies: ${value}`, async (t) => {
    const realm = await guestRealm("export const request = (flow) => console.log(JSON.stringify([...flow.request.cookies]));", guest);
    realm.dispatch("request", 1, [part.flow(), part.request({}, [["Host", "a"], ["Cookie", value]])]);
    t.deepEqual(JSON.parse((JSON.parse(realm.posted[0]?.text ?? "{}") as { readonly msg: string }).msg), pairs);
  });
}

const made: readonly (readonly [make: string, statusCode: number, reason: string, fields: unknown, body: string | null])[] = [
  ["Response.make()", 200, "OK", [], null], ["Response.make(418, 'é')", 418, "I'm a teapot", [], "\xc3\xa9"], ["Response.make(299)", 299, "", [], null],
  ["Response.make(200, new Uint8Array([255]))", 200, "OK", [], "\xff"], ["Response.make(200, '', { 'X-A': ['1', '2'] })", 200, "OK", [["X-A", "1"], ["X-A", "2"]], null],
  ["Response.make(200, 'é', { 'Content-Type': 'text/plain; charset=iso-8859-1' })", 200, "OK", [["Content-Type", "text/plain; charset=iso-8859-1"]], "\xe9"],
  ["Response.make(200, 'x', new Headers([['a', '1'], ['A', '2']]))", 200, "OK", [["a", "1"], ["A", "2"]], "x"],
];
for (const [make, statusCode, reason, fields, body] of made) {
  test(`made: ${make}`, async (t) => {
    const ran = await run(`flow.response = ${make}`, "", "");
    const [[address, value]] = ran.answer.value as [[string, { readonly body: number | null }]];
    t.is(address, "response.make");
    t.like(value, { statusCode, reason, encode: false });
    t.deepEqual((value as unknown as { readonly fields: unknown }).fields, fields);
    t.is(bodyOf(ran) ?? null, body);
  });
}
for (const make of ["Response.make(199)", "Response.make(600)", "Response.make(200.5)", "Response.make('200')", "Response.make(200, 5)", "Response.make(200, 'x', { 'Content-Length': '1' })", "Response.make(200, 'x', { 'a b': '1' })", "Response.make(200, '\\u20ac\\u4e00', { 'content-type': 'text/plain; charset=iso-8859-1' })"]) {
  test(`made, refused: ${make}`, async (t) => t.is((await run(`flow.response = ${make}`, "", "")).answer.status, 3));
}
