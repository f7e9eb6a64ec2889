// The load generator: N clients on raw sockets, each with one request under way, in a process of its own so that its CPU time is nobody
// else's. Told what to do over IPC. It measures latency and counts; CPU is measured by whoever started it.
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { connect as connectTls, createSecureContext, type SecureContext } from "node:tls";
import { Histogram } from "./histogram.ts";
import type { LoadAnswer, LoadCommand, LoadReport, LoadSettings, RunLimits } from "./load-protocol.ts";
import { ResponseScanner } from "./response-scanner.ts";

const stallMs = 30_000;

class Run {
  requests = 0;
  failures = 0;
  firstFailure: string | null = null;
  bodyBytes = 0;
  readonly latency = new Histogram();
  readonly began = performance.now();
  readonly #deadline: number;
  readonly #mostRequests: number;
  #begun = 0;

  constructor(limits: RunLimits) {
    this.#deadline = this.began + (limits.ms ?? Number.POSITIVE_INFINITY);
    this.#mostRequests = limits.requests ?? Number.POSITIVE_INFINITY;
  }

  /** Whether another request may begin; it then counts as begun. */
  mayBegin(): boolean {
    if (this.#begun >= this.#mostRequests || performance.now() >= this.#deadline || this.failures > 200) return false;
    this.#begun++;
    return true;
  }

  fail(message: string): void {
    this.failures++;
    this.firstFailure ??= message;
  }

  report(): LoadReport {
    const seconds = (performance.now() - this.began) / 1_000;
    const { requests, failures, firstFailure, bodyBytes, latency } = this;
    return {
      requests, failures, firstFailure, seconds, bodyBytes,
      p50Ms: latency.quantileMs(0.5), p99Ms: latency.quantileMs(0.99), p999Ms: latency.quantileMs(0.999), mostMs: latency.mostMs,
    };
  }
}

class Generator {
  readonly settings: LoadSettings;
  readonly request: Buffer;
  readonly secureContext: SecureContext | null;
  serial = 0;

  constructor(settings: LoadSettings) {
    this.settings = settings;
    const { scheme, host, port, path, proxyPort } = settings;
    const target = scheme === "http" && proxyPort !== null ? `http://${host}:${port}${path}` : path;
    this.request = Buffer.from(`GET ${target} HTTP/1.1\r\nHost: ${host}:${port}\r\nUser-Agent: flowcell-bench/1\r\nAccept: */*\r\nAccept-Language: en\r\n\r\n`);
    this.secureContext = scheme === "https" ? createSecureContext({ ...(settings.caFile !== undefined && { ca: readFileSync(settings.caFile) }) }) : null;
  }

  /** Opens the bytes' way to the origin, tunnel and TLS included. */
  async open(): Promise<Socket> {
    const { proxyPort, port, host, scheme } = this.settings;
    const socket = connect({ host: proxyPort === null ? host : "127.0.0.1", port: proxyPort ?? port, noDelay: true });
    await once(socket, "connect");
    if (scheme === "http") return socket;
    if (proxyPort !== null) await tunnel(socket, `${host}:${port}`);
    const serverName = (this.settings.serverName ?? host).replace("#", String(this.serial++));
    const secure = connectTls({
      socket, secureContext: this.secureContext ?? createSecureContext(), servername: serverName, rejectUnauthorized: this.settings.caFile !== undefined,
      // As every browser does; without it a tunnel that idles is taken for a protocol in which the server speaks first.
      ALPNProtocols: ["http/1.1"],
    });
    await once(secure, "secureConnect");
    return secure;
  }
}

class Client {
  readonly #generator: Generator;
  readonly #scanner = new ResponseScanner();
  #socket: Socket | null = null;
  #run: Run | null = null;
  #sentAt = 0;
  #settle: (() => void) | null = null;

  constructor(generator: Generator) {
    this.#generator = generator;
  }

  async connect(): Promise<void> {
    const socket = await this.#generator.open();
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    const gone = (error?: Error): void => this.#lose(socket, error?.message ?? "the connection was closed");
    socket.on("error", gone).on("end", () => gone()).on("close", () => gone());
    socket.setTimeout(stallMs, () => socket.destroy(new Error(`nothing came for ${stallMs} ms`)));
  }

  /** Sends requests until the run ends. */
  async work(run: Run): Promise<void> {
    const { isFresh = false, pauseMs = 0 } = this.#generator.settings;
    this.#run = run;
    while (run.mayBegin()) {
      this.#sentAt = performance.now();
      try {
        if (this.#socket === null) await this.connect();
      } catch (error) {
        run.fail(`connect: ${error instanceof Error ? error.message : String(error)}`);
        continue;
      }
      await new Promise<void>((resolve) => {
        this.#settle = resolve;
        this.#socket?.write(this.#generator.request);
      });
      if (isFresh) this.#close();
      if (pauseMs > 0) await new Promise((resolve) => void setTimeout(resolve, Math.max(0, this.#sentAt + pauseMs - performance.now())));
    }
    this.#run = null;
  }

  #take(chunk: Buffer): void {
    const run = this.#run;
    try {
      if (!this.#scanner.push(chunk) || run === null) return;
    } catch (error) {
      this.#socket?.destroy(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    const { expectedBytes, expectedField, isFresh, pauseMs } = this.#generator.settings;
    run.requests++;
    run.bodyBytes += this.#scanner.bodyBytes;
    const now = performance.now();
    run.latency.add((now - this.#sentAt) * 1_000);
    if (this.#scanner.status !== 200 || this.#scanner.bodyBytes !== expectedBytes) run.fail(`status ${this.#scanner.status}, ${this.#scanner.bodyBytes} bytes, wanted ${expectedBytes}`);
    if (expectedField !== undefined && !this.#scanner.head.toLowerCase().includes(`\r\n${expectedField}:`)) run.fail(`a response without ${expectedField}`);
    // The next one goes out from here: a promise for each request would be most of the generator's work.
    if (isFresh !== true && pauseMs === undefined && run.mayBegin()) {
      this.#sentAt = now;
      this.#socket?.write(this.#generator.request);
    } else this.#done();
  }

  #close(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.destroy();
  }

  #lose(socket: Socket, message: string): void {
    if (this.#socket !== socket) return;
    this.#socket = null;
    socket.destroy();
    if (this.#settle !== null) this.#run?.fail(message);
    this.#done();
  }

  #done(): void {
    const settle = this.#settle;
    this.#settle = null;
    settle?.();
  }
}

async function tunnel(socket: Socket, target: string): Promise<void> {
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
  let head = "";
  while (!head.endsWith("\r\n\r\n")) head += String((await once(socket, "data"))[0]);
  socket.pause();
  if (!/^HTTP\/1\.[01] 200/.test(head)) throw new Error(`CONNECT was refused: ${head.slice(0, 100)}`);
}

function once(socket: Socket, event: "connect" | "secureConnect" | "data"): Promise<readonly unknown[]> {
  return new Promise((resolve, reject) => {
    const end = (): void => { socket.off(event, good).off("error", bad).off("close", closed); };
    const good = (...values: readonly unknown[]): void => { end(); resolve(values); };
    const bad = (error: Error): void => { end(); reject(error); };
    const closed = (): void => { end(); reject(new Error("closed")); };
    socket.once(event, good).once("error", bad).once("close", closed);
  });
}

function answer(message: LoadAnswer): void {
  process.send?.(message);
}

async function main(): Promise<void> {
  let clients: readonly Client[] = [];
  const obey = async (command: LoadCommand): Promise<void> => {
    if (command.kind === "open") {
      const { settings } = command;
      const generator = new Generator(settings);
      clients = Array.from({ length: settings.connections }, () => new Client(generator));
      if (settings.isFresh !== true) for (const client of clients) await client.connect();
      return answer({ kind: "opened" });
    }
    const run = new Run(command.limits);
    await Promise.all(clients.map((client) => client.work(run)));
    answer({ kind: "report", report: run.report() });
  };
  process.on("message", (command: LoadCommand) => {
    obey(command).catch((error: unknown) => answer({ kind: "failed", message: error instanceof Error ? error.message : String(error) }));
  });
  process.on("disconnect", () => process.exit(0));
}

await main();
