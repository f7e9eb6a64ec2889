// Claim: a WebSocket that nobody looks at costs little more than raw bytes, and one whose messages an addon is given costs about an event each.
// 16 connections with 8 messages of 100 bytes of text under way on each; a server in this process sends every message back, so that each goes
// through the proxy twice. Clients and server are ws's and do not count. Run: node bench/websocket.ts [--full]
import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { webSocketAddon, webSocketRewriter } from "./harness/addons.ts";
import type { Effort } from "./harness/effort.ts";
import { figure, median, type Claim, type Figure } from "./harness/figures.ts";
import { readTree } from "./harness/process-tree.ts";
import { runAlone } from "./harness/report.ts";
import { Stage } from "./harness/stage.ts";

const connections = 16;
const underWay = 8;
const text = "a message of a chat, as long as they are, with some words ".repeat(2).slice(0, 100);

interface Echo extends AsyncDisposable { readonly port: number }
interface Clients extends AsyncDisposable { run(ms: number): Promise<number> }
interface Contestant { readonly what: string; readonly pid: number; readonly clients: Clients }
interface Sample { readonly perThousand: number; readonly perSecond: number }

async function startEcho(perMessageDeflate: boolean): Promise<Echo> {
  const http = createServer();
  const server = new WebSocketServer({ server: http, perMessageDeflate: perMessageDeflate ? { threshold: 0 } : false });
  server.on("connection", (socket) => socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary })).on("error", () => undefined));
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return {
    port: (http.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of server.clients) socket.terminate();
      server.close();
      http.close();
      await once(http, "close");
    },
  };
}

/** A tunnel of the proxy. */
async function openTunnel(proxyPort: number, port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port: proxyPort, noDelay: true });
  socket.write(`CONNECT localhost:${port} HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
  // The answer to CONNECT comes alone: nothing was asked inside.
  await once(socket, "data");
  return socket;
}

async function openClient(proxyPort: number, port: number, perMessageDeflate: boolean): Promise<WebSocket> {
  const tunnel = await openTunnel(proxyPort, port);
  const socket = new WebSocket(`ws://localhost:${port}/`, { createConnection: () => tunnel, perMessageDeflate: perMessageDeflate ? { threshold: 0 } : false });
  await once(socket, "open");
  return socket;
}

async function openClients(proxyPort: number, port: number, perMessageDeflate: boolean): Promise<Clients> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => openClient(proxyPort, port, perMessageDeflate)));
  return {
    /** Messages that came back. */
    async run(ms) {
      let count = 0;
      const until = performance.now() + ms;
      await Promise.all(sockets.map((socket) => new Promise<void>((resolve, reject) => {
        let pending = underWay;
        const take = (data: Buffer): void => {
          count++;
          if (data.length !== text.length) reject(new Error(`a message of ${data.length} bytes came back`));
          if (performance.now() < until) return socket.send(text);
          if (--pending > 0) return;
          socket.off("message", take);
          resolve();
        };
        socket.on("message", take).once("close", () => reject(new Error("a WebSocket was closed")));
        for (let i = 0; i < underWay; i++) socket.send(text);
      })));
      return count;
    },
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.removeAllListeners("close").terminate();
      return Promise.resolve();
    },
  };
}

async function sample({ pid, clients }: Contestant, ms: number): Promise<Sample> {
  const before = readTree(pid).cpuSeconds;
  const began = performance.now();
  // Each went through the proxy twice.
  const messages = 2 * (await clients.run(ms));
  return { perThousand: ((readTree(pid).cpuSeconds - before) / messages) * 1_000, perSecond: messages / ((performance.now() - began) / 1_000) };
}

async function measure(contestants: readonly Contestant[], effort: Effort): Promise<readonly Figure[]> {
  for (const { clients } of contestants) await clients.run(effort.warmUpMs / 2);
  const samples = new Map<Contestant, Sample[]>(contestants.map((contestant) => [contestant, []]));
  for (let round = 0; round < effort.rounds; round++) {
    for (const [contestant, list] of samples) list.push(await sample(contestant, effort.roundMs));
  }
  return [...samples].map(([{ what }, list]) => figure(list.map(({ perThousand }) => perThousand), {
    what, unit: "CPU s per 1,000", beside: { "messages/s": median(list.map(({ perSecond }) => perSecond)), "messages per CPU s": 1_000 / median(list.map(({ perThousand }) => perThousand)) },
  }));
}

export const websocket: Claim = {
  name: "websocket",
  title: "WebSocket messages of 100 bytes, 16 connections × 8 under way",
  async run(effort) {
    await using stage = await Stage.open();
    const [plain, deflating] = [stage.use(await startEcho(false)), stage.use(await startEcho(true))];
    const contestant = async (what: string, addons: readonly string[], isCompressed = false): Promise<Contestant> => {
      const subject = await stage.flowcell(what, addons);
      return { what, pid: subject.pid, clients: stage.use(await openClients(subject.port, (isCompressed ? deflating : plain).port, isCompressed)) };
    };
    return await measure([
      await contestant("nobody looks", []),
      await contestant("an addon of websocket_end only: framed, not shown", [await webSocketAddon("websocket_end")]),
      await contestant("an addon is given each message", [await webSocketAddon("websocket_message")]),
      await contestant("an addon changes each message", [await webSocketRewriter()]),
      await contestant("compressed, nobody looks", [], true),
      await contestant("compressed, an addon is given each message", [await webSocketAddon("websocket_message")], true),
    ], effort);
  },
};

if (import.meta.main) await runAlone(websocket);
