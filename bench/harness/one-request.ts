// One plain request through a proxy, for benches that wait for something to happen. Not for load.
import { request, type IncomingHttpHeaders } from "node:http";

export interface OneResponse { readonly status: number; readonly headers: IncomingHttpHeaders }

/** Rejects when no whole response comes. Uses a connection of its own. */
export function oneRequest(proxyPort: number, url: string): Promise<OneResponse> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port: proxyPort, path: url, headers: { host: new URL(url).host }, agent: false }, (response) => {
      response.resume();
      response.once("error", reject).once("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers }));
    });
    sent.once("error", reject).end();
  });
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));
