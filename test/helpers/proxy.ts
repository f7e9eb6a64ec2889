// A proxy inside the test process, with a certificate authority of its own in a temporary folder, a log that is kept, and an owner:
// the test it was started for closes it. Addons are stood in for by a gate.
import { rm } from "node:fs/promises";
import { openGate, type Gate } from "../../host/flows/gate.ts";
import { createProxy, type Proxy, type ProxyOptions } from "../../host/layers/proxy.ts";
import { makeLog, type LogRecord } from "../../host/log.ts";
import { openAuthority } from "../../host/tls/authority.ts";
import { createLeafCache } from "../../host/tls/leaf-cache.ts";
import { openUpstreamTrust } from "../../host/tls/trust.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export interface TestProxy {
  readonly proxy: Proxy;
  readonly port: number;
  readonly url: string;
  /** Certificate of the authority, PEM: text and file. */
  readonly ca: string;
  readonly caFile: string;
  readonly log: readonly LogRecord[];
}

export interface TestProxyOptions extends Partial<Omit<ProxyOptions, "gate" | "log" | "leafCache" | "trust">> {
  readonly gate?: Gate;
  /** Default: regular. */
  readonly mode?: string;
  /** Believed when servers show it; without it and without `sslInsecure`, only the system's roots are. */
  readonly upstreamCaFile?: string;
  readonly sslInsecure?: boolean;
  readonly clientCertsPath?: string;
  /** Default: leaves of the test's authority. */
  readonly leafSource?: ProxyOptions["leafCache"];
}

interface Owner { teardown(clean: () => Promise<void>): void }

/** Starts it on 127.0.0.1 and a free port; it is closed when the test ends. */
export async function startProxy(t: Owner, options: TestProxyOptions = {}): Promise<TestProxy> {
  const { gate = openGate, mode = "regular", upstreamCaFile, clientCertsPath, leafSource, sslInsecure = false, ...rest } = options;
  const folder = temporaryFolder("proxy");
  const authority = await openAuthority(folder);
  const trust = await openUpstreamTrust({ sslInsecure, ...(upstreamCaFile !== undefined && { upstreamCaFile }), ...(clientCertsPath !== undefined && { clientCertsPath }) });
  const log: LogRecord[] = [];
  const proxy = createProxy({ bodyBytes: 8 * 1024 * 1024, ...rest, gate, log: makeLog((record) => void log.push(record)), leafCache: leafSource ?? createLeafCache(authority), trust });
  const { port } = await proxy.listen({ host: "127.0.0.1", port: 0, mode });
  t.teardown(async () => {
    await proxy.close(0);
    await rm(folder, { recursive: true, force: true });
    const bug = log.find((record) => record.fields["event"] === "invariant");
    if (bug !== undefined) throw new Error(`the proxy broke an invariant: ${String(bug.fields["error"])}`);
  });
  return { proxy, port, url: `http://127.0.0.1:${port}`, ca: authority.certificatePem, caFile: authority.files.certPem, log };
}
