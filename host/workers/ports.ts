// Finds out that ports are free, and keeps them until the workers listen there: alone first, so that another program on the port is
// told of, then as one of many. It serves nobody; a connection that comes before the proxy is ready is closed.
import type { ListenerConfig } from "../config.ts";
import { openListener, type Listener } from "../net/listener.ts";

export interface ReservedPorts {
  /** As configured, with real ports in place of 0. */
  readonly listeners: readonly ListenerConfig[];
  /** To be called when all workers listen; idempotent. */
  release(): void;
}

/** Rejects with a ListenError that tells the operator what to do. */
export async function reservePorts(listeners: readonly ListenerConfig[]): Promise<ReservedPorts> {
  const held: Listener[] = [];
  const release = (): void => { for (const listener of held.splice(0)) listener.close(); };
  try {
    const reserved: ListenerConfig[] = [];
    for (const listener of listeners) {
      const { host } = listener;
      if (listener.port !== 0) (await openListener(listener, (socket) => socket.destroy())).close();
      const shared = await openListener({ host, port: listener.port, reusePort: true }, (socket) => socket.destroy());
      held.push(shared);
      reserved.push({ ...listener, port: shared.address.port });
    }
    return { listeners: reserved, release };
  } catch (error) {
    release();
    throw error;
  }
}
