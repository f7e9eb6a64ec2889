// WebSocket messages in the form that Chromium gave HAR files: `_webSocketMessages`, a list of {type: "send" | "receive", time, opcode,
// data}. Texts are texts, anything else is base64. It judges no other part of an entry.
import { savedLimits } from "./record-limits.ts";
import { nothingLeftOut, type SavedWebSocket, type SavedWebSocketMessage } from "./saved-flow.ts";
import { plainOrNull, type Plain } from "./shape.ts";

interface HarWebSocketMessage { readonly type: "send" | "receive"; readonly time: number; readonly opcode: 1 | 2; readonly data: string }

const textOpcode = 1;

/** The messages of an entry; null: it is no WebSocket. */
export function readHarWebSocket(entry: Plain, isSwitched: boolean): SavedWebSocket | null {
  const listed = entry["_webSocketMessages"];
  if (!Array.isArray(listed) && !(entry["_resourceType"] === "websocket" && isSwitched)) return null;
  const values: readonly unknown[] = Array.isArray(listed) ? listed : [];
  const messages: SavedWebSocketMessage[] = [];
  for (const value of values.slice(0, savedLimits.blobs)) {
    const message = plainOrNull(value);
    const { type, data, opcode, time } = message ?? {};
    if ((type !== "send" && type !== "receive") || typeof data !== "string") continue;
    const isText = opcode === textOpcode;
    messages.push({ fromClient: type === "send", type: isText ? "text" : "binary", content: Buffer.from(data, isText ? "utf8" : "base64"), timestamp: typeof time === "number" && Math.abs(time) < 1e11 ? time : 0, injected: false, dropped: false });
  }
  const left = values.length - messages.length;
  return { messages, closeCode: null, closeReason: null, closedByClient: null, timestampEnd: null, leftOut: left === 0 ? nothingLeftOut : { messages: left, bytes: 0 } };
}

/** What an entry says of a WebSocket: messages that an addon dropped are not in it, since they were never sent. */
export function writeHarWebSocket({ messages }: SavedWebSocket): { readonly _resourceType: "websocket"; readonly _webSocketMessages: readonly HarWebSocketMessage[] } {
  return {
    _resourceType: "websocket",
    _webSocketMessages: messages.filter(({ dropped }) => !dropped).map(({ fromClient, type, content, timestamp }) => ({
      type: fromClient ? "send" : "receive", time: timestamp, opcode: type === "text" ? textOpcode : 2, data: content.toString(type === "text" ? "utf8" : "base64"),
    })),
  };
}
