// A client that keeps one connection to the proxy, so that all it asks goes to the same worker, and a way to find clients of different
// workers: an addon that names itself apart in each isolate. It does not know which worker it talks to.
import { Agent, request, type IncomingHttpHeaders } from "node:http";
import type { ExecutionContext } from "ava";

export interface VisitorAnswer { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: string }

/** In front of an addon's source: a name of each isolate's own, which `mark` puts on responses. */
export const isolateName = "const isolateName = String(Math.random());\n";
export const mark = `flow.response.headers.set("x-isolate", isolateName);`;

export class Visitor {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** Rejects when the connection breaks. */
  get(url: string): Promise<VisitorAnswer> {
    return new Promise((resolve, reject) => {
      const asked = request({ host: "127.0.0.1", port: this.#port, path: url, agent: this.#agent, headers: { host: new URL(url).host } }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString("latin1") }));
        response.on("error", reject);
      });
      asked.on("error", reject);
      asked.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** As many clients, each of another worker, as there are workers. The addon must mark responses. */
export async function visitEach(t: ExecutionContext, port: number, url: string, workers: number): Promise<readonly Visitor[]> {
  const found = new Map<string, Visitor>();
  // The kernel spreads connections by their ports: chance decides, and a hundred times is enough.
  for (let tries = 0; tries < 100 && found.size < workers; tries++) {
    const visitor = new Visitor(port);
    const name = String((await visitor.get(url)).headers["x-isolate"]);
    if (found.has(name)) visitor.close();
    else found.set(name, visitor);
  }
  t.teardown(() => { for (const visitor of found.values()) visitor.close(); });
  if (found.size !== workers) throw new Error(`met ${found.size} of ${workers} workers`);
  return [...found.values()];
}
