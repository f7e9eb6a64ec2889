// Servers for tests: raw ones that send exact bytes and keep what they got, over TCP or TLS, on 127.0.0.1 and a free port.
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";

export interface RawOrigin {
  readonly port: number;
  /** Bytes received so far, for each connection in the order they came. */
  readonly received: readonly Buffer[];
  readonly sockets: readonly Socket[];
  /** Connections accepted so far. */
  readonly connectionCount: number;
  text(connection?: number): string;
  close(): void;
}

export interface OriginOptions {
  readonly tls?: { readonly key: string; readonly cert: string; readonly ALPNProtocols?: readonly string[] };
  readonly host?: string;
}

/** Calls `serve` for each connection. The origin reads everything unless `serve` pauses the socket. */
export async function rawOrigin(serve: (socket: Socket, index: number) => void, { tls, host = "127.0.0.1" }: OriginOptions = {}): Promise<RawOrigin> {
  const received: Buffer[] = [];
  const sockets: Socket[] = [];
  const accept = (socket: Socket): void => {
    const index = sockets.length;
    sockets.push(socket);
    received.push(Buffer.alloc(0));
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      received[index] = Buffer.concat([received[index] ?? Buffer.alloc(0), chunk]);
    });
    serve(socket, index);
  };
  const server: Server = tls === undefined
    ? createServer({ allowHalfOpen: true, noDelay: true }, accept)
    : createTlsServer({ key: tls.key, cert: tls.cert, allowHalfOpen: true, ...(tls.ALPNProtocols && { ALPNProtocols: [...tls.ALPNProtocols] }) }, accept);
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address() as AddressInfo;
  return {
    port: address.port, received, sockets,
    get connectionCount() { return sockets.length; },
    text: (connection = 0) => received[connection]?.toString("latin1") ?? "",
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Likewise; it is closed when the test is over. */
export async function originFor(t: { teardown(clean: () => void): void }, serve: (socket: Socket, index: number) => void, options: OriginOptions = {}): Promise<RawOrigin> {
  const server = await rawOrigin(serve, options);
  t.teardown(() => server.close());
  return server;
}

/** How many whole requests (head and body by Content-Length or chunked) are in the bytes. */
export function countRequests(text: string): number {
  let at = 0;
  for (let count = 0; ; count++) {
    const end = text.indexOf("\r\n\r\n", at);
    if (end < 0) return count;
    const head = text.slice(at, end).toLowerCase();
    at = end + 4;
    const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
    if (length !== undefined) at += Number(length);
    else if (/\r\ntransfer-encoding: *chunked/.test(head)) {
      const last = text.indexOf("0\r\n", at);
      const done = last < 0 ? -1 : text.indexOf("\r\n\r\n", last);
      if (done < 0) return count;
      at = done + 4;
    }
    if (at > text.length) return count;
  }
}

/** An origin that answers the n-th request (over all connections) with the n-th answer, the last one again and again. "" sends nothing. */
export function answering(...answers: readonly (string | Buffer)[]): (socket: Socket) => void {
  let given = 0;
  return (socket) => {
    let text = "";
    let answered = 0;
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      for (const whole = countRequests(text); answered < whole; answered++) {
        const answer = answers[Math.min(given++, answers.length - 1)] ?? "";
        if (answer.length > 0) socket.write(answer, "latin1");
      }
    });
    socket.on("end", () => socket.end());
  };
}
