// Texts of bodies in every charset that addons write them in, short and long: where the cell's own codec does the work the outcome is
// that of the guest's, byte for byte, for text that is right and for bytes that are no text.
import test from "ava";
import { decodeCharset, encodeCharset, type Charset } from "../../sandbox-api/guest/charset.ts";
import { bundleGuest, guestRealm, sampleParts } from "../helpers/guest-realm.ts";

const guest = await bundleGuest();
const labels: { readonly [C in Charset]: string } = { "utf-8": "utf-8", "windows-1252": "iso-8859-1", "utf-16le": "utf-16", "utf-16be": "utf-16be" };
const charsets = Object.keys(labels) as readonly Charset[];
const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
const samples: { readonly [what: string]: Uint8Array } = {
  "nothing": bytes(""), "ASCII": bytes("some <b>words</b>\n"), "a byte order mark": Buffer.from("\ufeffafter the mark, grün"), "UTF-8": Buffer.from("grüße, 漢字, 😀 "), "latin1": bytes("gr\xfc\xdfe \xa0\xff"),
  "windows-1252 only": bytes("\x80 \x93quoted\x94 \x81\x9f"), "no UTF-8": bytes("a\xc3(\xff\xed\xa0\x80\xf5 cut \xe2\x82"), "UTF-16 with a lone surrogate": Buffer.from("a\ud800b", "utf16le"), "NULs": new Uint8Array(7),
};
/** The same over and over, past the size from which the cell is asked; odd numbers of bytes stay odd. */
const long = (sample: Uint8Array): Uint8Array => Buffer.concat([...Array.from({ length: 2 * Math.ceil(2_000 / Math.max(1, sample.length)) }, () => sample), sample]);

const addon = `
  export function request(flow) { console.log(JSON.stringify(Array.from({ length: flow.request.text.length }, (_, at) => flow.request.text.charCodeAt(at)).join())); }
  export function response(flow) { flow.response.text = flow.response.text; }`;

for (const charset of charsets) {
  test(`text in ${charset}`, async (t) => {
    const settings = { name: "test", file: "addon.js", limits: { cpuMs: 50, startupMs: 1000, memoryMiB: 32, hostCalls: 1000, mutationBytes: 1_048_576, logLineBytes: 100_000, cryptoKeys: 100, cryptoKeyBytes: 65_536, rsaKeysAtOnce: 2 } };
    const realm = await guestRealm(addon, guest, settings);
    const fields = [["Content-Type", `text/plain; charset=${labels[charset]}`]] as const;
    let key = 0;
    for (const [what, sample] of Object.entries(samples)) {
      for (const body of [sample, long(sample)]) {
        // This realm has no codec of a cell: here the guest's own does it all.
        const text = decodeCharset(body, charset);
        realm.posted.length = 0;
        realm.dispatch("request", ++key, [sampleParts.flow(), sampleParts.request({}, fields), sampleParts.body("request", { raw: 0 })], [body]);
        t.is((JSON.parse(realm.posted[0]?.text ?? "{}") as { msg: string }).msg, JSON.stringify([...text].flatMap((each) => each.split("")).map((unit) => unit.charCodeAt(0)).join()), `${what}, read`);
        const { attachments } = realm.dispatch("response", key, [sampleParts.response({}, fields), sampleParts.body("response", { raw: 0 })], [body]);
        t.deepEqual(attachments[0] === undefined ? null : Buffer.from(attachments[0]), Buffer.from(encodeCharset(text, charset) ?? "?"), `${what}, written`);
      }
    }
  });
}

test("a text that the charset cannot write is refused, however long it is", async (t) => {
  const realm = await guestRealm(`export function request(flow) { flow.request.text = flow.request.text + "\\u0416"; }`, guest);
  for (const body of [bytes("a"), bytes("a".repeat(5_000))]) {
    const { status, value } = realm.dispatch("request", 1, [sampleParts.flow(), sampleParts.request({}, [["Content-Type", "text/plain; charset=latin1"]]), sampleParts.body("request", { raw: 0 })], [body]);
    t.is(status, 3);
    t.like(value as object, { field: "request.text" });
  }
});
