// WebSocket events with everything real behind the gate: what authors write is what happens to messages, and what hostile ones try is not.
import test from "ava";
import type { HttpFlow, WebSocketMessage } from "../../../host/flows/flow.ts";
import { useCells } from "../../helpers/addon-stage.ts";
import { makeWebSocketFlow, makeWebSocketMessage } from "../../helpers/flows.ts";

const cells = useCells(test);
type WebSocketFlow = ReturnType<typeof makeWebSocketFlow>;

/** A message as the conversation would ask about it. */
async function say(gate: Parameters<typeof ask>[0], flow: WebSocketFlow, content: string | Buffer, change: Partial<WebSocketMessage> = {}): Promise<WebSocketMessage> {
  const message = flow.webSocket.message = makeWebSocketMessage(content, change);
  await ask(gate, flow);
  return message;
}
const ask = async (gate: { held(event: "websocket_message", flow: HttpFlow): Promise<void> | null }, flow: HttpFlow): Promise<void> => { await gate.held("websocket_message", flow); };

test.serial("messages are read, changed and dropped; addons see what those before them did; the flow is the same object", async (t) => {
  const { host, records, problems } = await cells.stage(t, {
    one: `import { ctx, type HTTPFlow } from "flowcell";
      const seen = new WeakSet<object>();
      export function response(flow: HTTPFlow) { seen.add(flow); ctx.log.info("websocket " + flow.websocket); }
      export function websocket_start(flow: HTTPFlow) { ctx.log.info("start " + seen.has(flow) + " " + flow.websocket?.messages.length + " " + flow.websocket?.closeCode); }
      export function websocket_message(flow: HTTPFlow) {
        const message = flow.websocket!.messages.at(-1)!;
        if (message.type === "text") message.text += "!";
        else if (message.content.length === 1) message.drop();
        else message.content = new Uint8Array([message.content[1]!, 0]);
      }
      export function websocket_end(flow: HTTPFlow) { const { closeCode, closeReason, closedByClient, messages } = flow.websocket!; ctx.log.info(JSON.stringify([closeCode, closeReason, closedByClient, messages.length, flow.live])); }`,
    two: `export function websocket_message(flow) { const m = flow.websocket.messages.at(-1); console.log("two sees " + m.text + " " + m.dropped + " " + m.fromClient + " " + m.timestamp + " " + m.injected); }`,
  });
  t.deepEqual(problems, []);
  const flow = makeWebSocketFlow(null);
  await host.gate.held("response", { ...flow, webSocket: null });
  await host.gate.held("websocket_start", flow);
  const said = [await say(host.gate, flow, "é", { index: 0 }), await say(host.gate, flow, Buffer.from([1, 2]), { index: 1, fromClient: false }), await say(host.gate, flow, Buffer.from([7]), { index: 2 }), await say(host.gate, flow, "", { index: 3 })];
  t.deepEqual(said.map(({ content, dropped }) => [content.toString("latin1"), dropped]), [["Ã©!", false], ["\x02\x00", false], ["\x07", true], ["!", false]]);
  Object.assign(flow.webSocket, { message: null, closeCode: 1000, closeReason: "bye", closedByClient: false, timestampEnd: 9, version: 1 });
  flow.live = false;
  flow.version++;
  host.gate.tell("websocket_end", flow);
  host.gate.release(flow);
  while (!records.some(({ msg }) => msg.includes('"bye"'))) await new Promise((resolve) => setTimeout(resolve, 20));
  const lines = records.map(({ msg }) => msg.replace(/^\w+: /, ""));
  for (const line of ["websocket null", "start true 0 null", "two sees é! false true 4 false", " false false 4 false", " true true 4 false", "two sees ! false true 4 false", '[1000,"bye",false,4,false]']) {
    t.true(lines.some((said) => said.includes(line)), `${JSON.stringify(line)} in ${JSON.stringify(lines)}`);
  }
});

test.serial("what is put in comes out in order, text and bytes", async (t) => {
  const { host } = await cells.stage(t, { a: `export function websocket_message(flow) { flow.websocket.inject(true, "a€"); flow.websocket.inject(false, new Uint8Array([1, 2])); flow.websocket.inject(true, new ArrayBuffer(3)); }` });
  const flow = makeWebSocketFlow(null);
  await say(host.gate, flow, "x");
  t.deepEqual(flow.webSocket.injections.map(({ fromClient, type, content, injected }) => [fromClient, type, content.toString("hex"), injected]), [[false, "text", "61e282ac", true], [true, "binary", "0102", true], [false, "binary", "000000", true]]);
});

const refusals: readonly (readonly [name: string, body: string, message: RegExp, content?: string | Buffer, change?: Partial<WebSocketMessage>])[] = [
  ["101 messages put in", "for (let i = 0; i < 101; i++) flow.websocket.inject(true, 'x')", /100 messages at most/],
  ["more bytes than one call may", "flow.websocket.inject(true, new Uint8Array(17 * 1024 * 1024))", /changes larger than one call may/],
  ["more bytes in many", "for (let i = 0; i < 20; i++) flow.websocket.inject(true, new Uint8Array(1024 * 1024))", /changes larger than one call may/],
  ["a message put in after one that was", "flow.websocket.inject(true, 'x')", /message\.injected/, "x", { injected: true }],
  ["a number", "flow.websocket.inject(true, 5)", /must be a Uint8Array, a string/],
  ["to nobody", "flow.websocket.inject('client', 'x')", /toClient must be true or false/],
  ["text that is no UTF-8", "flow.websocket.messages.at(-1).content = new Uint8Array([255])", /must be UTF-8/],
  ["content that is none", "flow.websocket.messages.at(-1).content = {}", /must be a Uint8Array/],
  ["text that is none", "flow.websocket.messages.at(-1).text = 5", /must be a string/],
  ["an older message", "globalThis.old ??= flow.websocket.messages[0]; if (flow.websocket.messages.length > 1) globalThis.old.content = 'x'; else throw new Error('only the newest')", /only the newest/],
  ["the request, which is over", "flow.request.path = '/x'", /cannot be changed in the event "websocket_message"/],
  ["a new object in the place of the messages", "flow.websocket.messages = []; flow.websocket.closeCode = 1; throw new Error(flow.websocket.messages.length + ' left')", /getter|read only|1 left|Cannot set/],
];

for (const [name, body, expected, content = "text", change = {}] of refusals) {
  test.serial(`refused, and nothing of the call applies: ${name}`, async (t) => {
    const { host, records } = await cells.stage(t, { bad: `export function websocket_message(flow: any) { flow.comment = "made"; ${body.replaceAll("globalThis", "(globalThis as any)")}; }`, good: `export function websocket_message(flow) { flow.marked = flow.websocket.messages.at(-1).text; }` });
    const flow = makeWebSocketFlow(null);
    const message = await say(host.gate, flow, content, change);
    t.is(message.content.toString(), String(content));
    t.deepEqual([flow.webSocket.injections.length, flow.comment, flow.marked, message.dropped], [0, "", String(content), false]);
    const said = records.filter(({ fields }) => fields["fault"] !== undefined).map(({ msg }) => msg).join("\n");
    t.regex(said, expected);
  });
}

test.serial("policy closed refuses the flow; kill marks it", async (t) => {
  const { host } = await cells.stage(t, { bad: `export function websocket_message(flow) { if (flow.websocket.messages.at(-1).text === "kill") flow.kill(); else throw new Error("no"); }` }, { failure: "closed" });
  const flow = makeWebSocketFlow(null);
  await say(host.gate, flow, "throw");
  t.is(flow.refusal?.event, "websocket_message");
  const other = makeWebSocketFlow(null);
  await say(host.gate, other, "kill");
  t.is(other.killedBy, "bad");
});

test.serial("a message larger than what an addon is given throws where it is read, and can be dropped", async (t) => {
  const { host, records } = await cells.stage(t, { a: `export function websocket_message(flow) { const m = flow.websocket.messages.at(-1); if (m.isTooLarge) m.drop(); else if (m.text !== "small") throw new Error("what?"); else flow.websocket.messages[0].text; }` }, { limits: { bodyBytes: 100 } });
  const flow = makeWebSocketFlow(null);
  t.true((await say(host.gate, flow, "x".repeat(101), { index: 0 })).dropped);
  t.false((await say(host.gate, flow, "small", { index: 1 })).dropped);
  t.true(records.some(({ msg }) => /larger than what this addon is given/.test(msg)), JSON.stringify(records.map(({ msg }) => msg)));
});

test.serial("filters see messages: in manifests by what may be read, in addons by what was", async (t) => {
  const manifest = (filter: string, read: string): string => `export const manifest = { name: "f", version: "1.0.0", filter: ${JSON.stringify(filter)}, permissions: { read: [${read}], write: ["websocket"] } };`;
  const { host, records } = await cells.stage(t, {
    wants: `${manifest("~websocket & ~bq secret", '"websocket"')} export function websocket_message(flow) { flow.comment += "wants "; }`,
    server: `${manifest("~bs secret", '"websocket"')} export function websocket_message(flow) { flow.comment += "server "; }`,
    inside: `import { flowfilter } from "flowcell"; export function websocket_message(flow) { console.log(["~websocket", "~b one", "~bq one", "~bs one", "~bs two", "~http"].map((text) => flowfilter.parse(text).matches(flow)).join()); }`,
  });
  const flow = makeWebSocketFlow(null);
  await say(host.gate, flow, "one secret", { index: 0 });
  await say(host.gate, flow, "two", { index: 1, fromClient: false });
  t.is(flow.comment, "wants ");
  const lines = records.map(({ msg }) => msg).filter((msg) => msg.includes("true,"));
  t.true(lines.at(-1)?.endsWith("true,true,true,false,true,true"), JSON.stringify(lines));
});
