// Logs what passes through WebSockets: which, in which direction, the beginning of each message, and who closed it with which code.
import { ctx, type HTTPFlow, type WebSocketMessage } from "flowcell";

const mostShown = 60;

function beginning(message: WebSocketMessage): string {
  if (message.isTooLarge) return "too large to be shown";
  if (message.type === "text") return JSON.stringify(message.text.length > mostShown ? `${message.text.slice(0, mostShown)}…` : message.text);
  const bytes = Array.from(message.content.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return `${message.content.length} bytes: ${bytes}`;
}

export function websocket_start(flow: HTTPFlow): void {
  ctx.log.info(`websocket ${flow.request.url}: opened`);
}

export function websocket_message(flow: HTTPFlow): void {
  const message = flow.websocket?.messages.at(-1);
  if (message === undefined) return;
  ctx.log.info(`websocket ${flow.request.url} ${message.fromClient ? "->" : "<-"} ${beginning(message)}${message.injected ? " (put in)" : ""}`);
}

export function websocket_end(flow: HTTPFlow): void {
  const { closedByClient, closeCode, closeReason } = flow.websocket ?? {};
  ctx.log.info(`websocket ${flow.request.url}: closed by the ${closedByClient === true ? "client" : "server"}, ${closeCode ?? ""} ${closeReason ?? ""}`.trimEnd());
}
