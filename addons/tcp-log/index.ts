// Logs what passes through raw TCP connections: who, which direction, how many bytes, and the readable start of each message.
import { ctx, type TCPFlow } from "flowcell";

function peer(flow: TCPFlow): string {
  const address = flow.serverConn.address;
  return address === null ? "unknown" : `${address.host}:${address.port}`;
}

function readable(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length && i < 60; i += 1) {
    const byte = bytes[i] ?? 0;
    text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".";
  }
  return text;
}

export function tcp_start(flow: TCPFlow): void {
  ctx.log.info(`tcp ${peer(flow)}: opened`);
}

export function tcp_message(flow: TCPFlow): void {
  const message = flow.messages.at(-1);
  if (message === undefined) return;
  ctx.log.info(`tcp ${peer(flow)} ${message.fromClient ? "->" : "<-"} ${message.content.length} bytes: ${readable(message.content)}`);
}

export function tcp_end(flow: TCPFlow): void {
  ctx.log.info(`tcp ${peer(flow)}: closed`);
}
