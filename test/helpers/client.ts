// Clients for tests: a raw one that sends exact bytes and waits for patterns, and programs that are not ours, run with a deadline.
import { spawn } from "node:child_process";
import { connect, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";

export class RawClient {
  readonly socket: Socket;
  bytes: Buffer = Buffer.alloc(0);
  hasEnd = false;
  isClosed = false;
  error: Error | null = null;
  readonly #watchers = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => { this.bytes = Buffer.concat([this.bytes, chunk]); this.#notify(); });
    socket.on("end", () => { this.hasEnd = true; this.#notify(); });
    socket.on("error", (error) => { this.error = error; this.#notify(); });
    socket.on("close", () => { this.isClosed = true; this.#notify(); });
  }

  get text(): string {
    return this.bytes.toString("latin1");
  }

  send(data: string | Buffer): this {
    if (typeof data === "string") this.socket.write(data, "latin1");
    else this.socket.write(data);
    return this;
  }

  /** Waits until the text received matches; the whole text. */
  async until(pattern: RegExp, timeoutMs = 60_000): Promise<string> {
    await this.#when(() => pattern.test(this.text), timeoutMs, `for ${pattern}`);
    return this.text;
  }

  /** Waits until the other side ended or the connection is gone; the whole text. */
  async untilEnd(timeoutMs = 60_000): Promise<string> {
    await this.#when(() => this.hasEnd || this.isClosed, timeoutMs, "for the end");
    return this.text;
  }

  /** Forgets what was received. */
  clear(): void {
    this.bytes = Buffer.alloc(0);
  }

  close(): void {
    this.socket.destroy();
  }

  /** Lays TLS over the connection; a new client for what is inside. */
  async secure(options: ConnectionOptions): Promise<RawClient> {
    this.socket.removeAllListeners("data");
    const secured: TLSSocket = connectTls({ socket: this.socket, ...options });
    await new Promise<void>((resolve, reject) => secured.once("secureConnect", resolve).once("error", reject));
    return new RawClient(secured);
  }

  async #when(isTrue: () => boolean, timeoutMs: number, what: string): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!isTrue()) {
      if (this.isClosed && !what.includes("end")) throw new Error(`the connection closed while waiting ${what}; received: ${JSON.stringify(this.text.slice(0, 2_000))}`);
      if (Date.now() > deadline) throw new Error(`nothing came ${what}; received: ${JSON.stringify(this.text.slice(0, 2_000))}`);
      await new Promise<void>((resolve) => {
        const done = (): void => { clearTimeout(timer); this.#watchers.delete(done); resolve(); };
        const timer = setTimeout(done, 100);
        this.#watchers.add(done);
      });
    }
  }

  #notify(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

/** A raw client connected to 127.0.0.1:port, half-open capable. */
export async function rawClient(port: number): Promise<RawClient> {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  return new RawClient(socket);
}

/** A raw client that has opened a tunnel to host:port through the proxy. */
export async function tunnelClient(proxyPort: number, place: string): Promise<RawClient> {
  const client = await rawClient(proxyPort);
  client.send(`CONNECT ${place} HTTP/1.1\r\nHost: ${place}\r\n\r\n`);
  const text = await client.until(/\r\n\r\n/);
  if (!text.startsWith("HTTP/1.1 200 ")) throw new Error(`the tunnel was refused: ${text}`);
  client.clear();
  return client;
}

export interface ProgramEnd { readonly code: number | null; readonly stdout: string; readonly stderr: string }

/** Runs a program to its end; killed after `timeoutMs`. Proxy variables of the environment are not passed on. */
export function runProgram(program: string, args: readonly string[], input: string | Buffer = "", timeoutMs = 20_000): Promise<ProgramEnd> {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/_proxy$/i.test(name)));
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: clean, stdio: ["pipe", "pipe", "pipe"] });
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => { stdout += chunk.toString("latin1"); });
    child.stderr.on("data", (chunk: Buffer) => { stderr += chunk.toString("latin1"); });
    child.once("error", (error) => { clearTimeout(timer); reject(error); });
    child.once("close", (code) => { clearTimeout(timer); resolve({ code, stdout, stderr }); });
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}
