// Questions to the host that promise an answer: keeps what each waits for until `resume` brings it. The promises are of this realm
// and settle inside that timed entry. Knows neither services nor grants.
import type { Attachments } from "./body.ts";
import type { HostPort } from "./host-port.ts";
import { RealMap, RealPromise, jsonParse, mapDelete, mapGet, mapSet } from "./intrinsics.ts";

interface Waiting {
  readonly resolve: (text: unknown, attachments: Attachments) => void;
  readonly reject: (message: string) => void;
}

export class HostCalls {
  readonly #port: HostPort;
  readonly #waiting = new RealMap<number, Waiting>();

  constructor(port: HostPort) {
    this.#port = port;
  }

  /** Asks; `read` makes the result of what came back, `refused` the error. Rejects, too, when the entry has used up its host calls. */
  ask<T>(text: string, attachment: ArrayBuffer | null, read: (value: unknown, attachments: Attachments) => T, refused: (message: string) => Error): Promise<T> {
    return new RealPromise<T>((resolve, reject) => {
      const id = this.#port.ask(text, attachment);
      mapSet(this.#waiting, id, {
        resolve: (value, attachments) => {
          try {
            resolve(read(value, attachments));
          } catch (thrown) {
            reject(thrown);
          }
        },
        reject: (message) => reject(refused(message)),
      });
    });
  }

  /** Takes an answer; one that nobody waits for is dropped. */
  answer(hostCallId: number, resumeText: string, attachments: Attachments): void {
    const waiting = mapGet(this.#waiting, hostCallId);
    if (waiting === undefined) return;
    mapDelete(this.#waiting, hostCallId);
    const { error, value }: { readonly error: string | null; readonly value: unknown } = jsonParse(resumeText);
    if (error === null) waiting.resolve(value, attachments);
    else waiting.reject(error);
  }
}
