// Replaces bytes in raw TCP messages, in one direction or both. Each rule is /from/to, with any character in place of "/"; \n, \r, \t, \\
// and \xHH stand for bytes. A text that is cut in two by the network is not found: a message is one read.
// `flowcell run addons/tcp-rewrite --tcp-hosts ':6379$' --set 'tcp_rewrite=/FLUSHALL/PING'`
import type { Manifest, OptionsOf, TCPFlow } from "flowcell";

export const manifest = {
  description: "replaces bytes in raw TCP messages",
  permissions: { read: ["tcp"], write: ["tcp"] },
  options: {
    tcp_rewrite: { type: "string[]", default: [], help: "/from/to, with \\xHH for bytes" },
    tcp_direction: { type: "string", choices: ["both", "client", "server"], default: "both", help: "whose messages" },
  },
} as const satisfies Manifest;

let rules: readonly (readonly [from: string, to: string])[] = [];
let direction: "both" | "client" | "server" = "both";

const escapes: { readonly [letter: string]: string } = { n: "\n", r: "\r", t: "\t", "\\": "\\" };

/** A character for each byte. */
function bytesOf(text: string): string {
  const ascii = Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
  return ascii.replace(/\\(?:x([0-9A-Fa-f]{2})|(.))/g, (_all, hex?: string, letter?: string) => {
    const plain = hex === undefined ? escapes[letter ?? ""] : String.fromCharCode(Number.parseInt(hex, 16));
    if (plain === undefined) throw new Error(`tcp_rewrite: there is no escape \\${letter ?? ""}`);
    return plain;
  });
}

export function configure(options: OptionsOf<typeof manifest>): void {
  rules = options.tcp_rewrite.map((spec) => {
    const [from, to, ...more] = spec.slice(1).split(spec.charAt(0));
    if (from === undefined || from === "" || to === undefined || more.length > 0) throw new Error(`tcp_rewrite: "${spec}" is not /from/to`);
    return [bytesOf(from), bytesOf(to)] as const;
  });
  direction = options.tcp_direction;
}

export function tcp_message(flow: TCPFlow): void {
  const message = flow.messages.at(-1);
  if (message === undefined || (direction !== "both" && (direction === "client") !== message.fromClient)) return;
  let text = "";
  for (const byte of message.content) text += String.fromCharCode(byte);
  const before = text;
  for (const [from, to] of rules) text = text.split(from).join(to);
  if (text !== before) message.content = Uint8Array.from(text, (character) => character.charCodeAt(0));
}
