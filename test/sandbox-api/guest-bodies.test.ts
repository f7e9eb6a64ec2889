// Bodies that go back and forth as texts: what an addon reads, edits in place and assigns means the same in every order as if there were
// bytes only. Tables of addon bodies, the same with short bodies (bytes) and long ones (texts where that is possible).
import test from "ava";
import { bundleGuest, guestRealm, sampleParts as part, type Part } from "../helpers/guest-realm.ts";

const guest = await bundleGuest();
const head = (type: string): Part => part.request({ method: "POST" }, [["Content-Type", type]]);
const parts = (type: string): readonly Part[] => [part.flow(), head(type), part.body("request", { raw: 0 })];
const realmWith = (body: string, isLent = false): ReturnType<typeof guestRealm> => guestRealm(`let kept = null; export const request = (flow) => { const { request } = flow; ${body} };`, guest, undefined, () => isLent);

/** `P` is what comes, as one character; `result`: the comment, or what leaves as the body. */
const cases: readonly (readonly [what: string, body: string, comment: string | null, sent: string | null])[] = [
  ["a text that is read twice", "const a = request.text; flow.comment = String(a === request.text && a.length > 2 && a[0] === 'P')", "true", null],
  ["an array edited in place is read as edited", "request.body[0] = 65; flow.comment = request.text[0] + request.body[0]", "A65", null],
  ["a text read before and after such an edit", "const before = request.text[0]; request.content[0] = 66; flow.comment = before + request.text[0]", "PB", null],
  ["an assigned text is read as it is", "request.text = '<' + request.text + '>'; flow.comment = request.text[0] + request.text.at(-1)", "<>", "<P…P>"],
  ["the last of several assignments counts", "request.text = 'x'.repeat(2000); request.text = request.text + 'y'; request.text = request.text.slice(0, 600)", null, "x".repeat(600)],
  ["a text assigned and then bytes", "request.text = request.text + 'y'; request.body = new Uint8Array([50])", null, "2"],
  ["an array of an assigned text, edited in place, is what leaves", "request.text = request.text + '!'; request.content[0] = 65; flow.comment = request.text[0]", "A", "A…P!"],
  ["the array of an assigned text is one and the same", "request.text = request.text + '!'; flow.comment = String(request.content === request.content && request.content === request.body)", "true", "P…P!"],
  ["a text that is two bytes for a character", "request.text = request.text + '\\u00e9'; flow.comment = request.text.at(-1) + request.content.length", null, "P…P\u00e9"],
  ["bytes that are no UTF-8 as text and back", "request.body[1] = 255; const odd = new Uint8Array(request.body); request.body = odd; const { text } = request; request.text = text; flow.comment = String(request.body[1])", "255", null],
  ["a lone surrogate becomes what it always became", "request.text = request.text + '\\ud800'; flow.comment = String(request.content.at(-1))", "189", null],
  ["a charset that the type names only later", "request.text = request.text + '\\u00e9'; request.headers.set('content-type', 'text/plain; charset=latin1'); flow.comment = request.text.at(-1)", "\u00a9", null],
  ["json of a text", "request.text = JSON.stringify({ a: 'P'.repeat(900) }); flow.comment = String(request.json().a.length)", "900", null],
  ["what a copy of the flow shows stays", "request.text = request.text + '!'; const copy = flow.copy(); flow.request.text = 'other'.repeat(300); flow.comment = copy.request.text.at(-1)", "!", "other".repeat(300)],
];

for (const [size, what, isLent] of [[40, "short", false], [3_000, "long", false], [40, "short lent", true], [3_000, "long lent", true]] as const) {
  test(`${what} bodies as texts and as bytes`, async (t) => {
    const came = "P".repeat(size);
    for (const [name, body, comment, sent] of cases) {
      const realm = await realmWith(body, isLent);
      const answer = realm.dispatch("request", 1, parts("text/plain"), [Buffer.from(came)]);
      t.is(answer.status, 1, `${name}: ${answer.raw}`);
      const changes = answer.value as readonly (readonly [string, unknown])[];
      if (comment !== null) t.is(changes.find(([address]) => address === "flow.comment")?.[1], comment, name);
      if (sent !== null) t.deepEqual(answer.attachments.map((bytes) => Buffer.from(bytes).toString("utf8")), [sent.replaceAll("P…P", came).replaceAll("A…P", `A${came.slice(1)}`)], name);
    }
  });
}

test("charsets other than UTF-8 are read and written as before", async (t) => {
  for (const [type, bytes] of [["text/plain; charset=latin1", Buffer.from("gr\xfc\xdf \x80 ".repeat(200), "latin1")], ["text/plain; charset=utf-16le", Buffer.from("grüß ".repeat(200), "utf16le")], ["text/plain; charset=utf-16be", Buffer.from("grüß ".repeat(200), "utf16le").swap16()]] as const) {
    for (const isLent of [false, true]) {
      const realm = await realmWith("request.text = request.text.slice(0, 700);", isLent);
      const { attachments } = realm.dispatch("request", 1, parts(type), [bytes]);
      t.deepEqual(Buffer.from(attachments[0] ?? []), Buffer.from(bytes.subarray(0, type.includes("16") ? 1_400 : 700)), type);
    }
  }
});

const firstLooks: readonly (readonly [what: string, body: string])[] = [
  ["never looked at", ""], ["as text", "void request.text;"], ["as bytes", "void request.body;"], ["as an array that is edited back and forth", "request.body[0] = 65; void request.text; request.body[0] = 111;"], ["by a filter that throws", "void request.text; throw new Error('no');"],
];
for (const isLent of [false, true]) {
  test(`a flow that is kept shows its body after its event, and never that of another${isLent ? ": lent" : ""}`, async (t) => {
    const body = "if (kept !== null) { flow.comment = kept.text.slice(0, 3) + request.text.slice(0, 3) + kept.text.length + kept.body.length + kept.content.at(-1); return; } kept = request;";
    for (const [what, look] of firstLooks) {
      for (const first of ["one".repeat(400), "on\u00e9".repeat(400)]) {
        const realm = await realmWith(`${body} ${look}`, isLent);
        const bytes = Buffer.from(first);
        realm.dispatch("request", 1, parts("text/plain"), [bytes]);
        for (const key of [2, 3]) t.deepEqual(realm.dispatch("request", key, parts("text/plain"), [Buffer.from("two".repeat(500))], "1").value, [["flow.comment", `${first.slice(0, 3)}two1200${bytes.length}${bytes.at(-1)}`]], what);
      }
    }
  });
}

test("limits count what the texts are in bytes", async (t) => {
  const realm = await realmWith("request.text = '\\u20ac'.repeat(request.body.length); if (request.body.length < 0) flow.comment = '';");
  const most = 1_048_576;
  t.is(realm.dispatch("request", 1, parts("text/plain"), [Buffer.alloc(349_000, "x")]).status, 1, "just below the limit, though three times as long might be above it");
  const refused = realm.dispatch("request", 2, parts("text/plain"), [Buffer.alloc(349_600, "x")]);
  t.like(refused.value, { code: "mutation-too-large" });
  const texts = await realmWith(`flow.comment = 'c'.repeat(4000); request.text = 'x'.repeat(${most - 4_500}); flow.marked = 'm'.repeat(400)`);
  t.is(texts.dispatch("request", 1, parts("text/plain"), [Buffer.from("x")]).status, 1);
  const both = await realmWith(`flow.comment = 'c'.repeat(4000); request.text = 'x'.repeat(${most - 3_000});`);
  t.like(both.dispatch("request", 1, parts("text/plain"), [Buffer.from("x")]).value, { code: "mutation-too-large" });
});
