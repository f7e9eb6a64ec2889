// permessage-deflate for one side of a WebSocket: ws's, with what it leaves to its own sockets. It inflates only when there is room for
// what comes out, remembers that a message was compressed, and is not taken apart while zlib works for it: ws would never hear of the
// end, and all connections share its ten places at zlib.
import { PerMessageDeflate } from "ws";
import type { DeflateTerms } from "./extensions.ts";

/** PERF: each chunk is a trip to the thread pool and back; Node's 16 KiB make a large message wait for hundreds. */
const inflateChunkBytes = 65_536;

type Callback = (error: Error | null, data: Buffer) => void;

export class SideDeflate extends PerMessageDeflate {
  /** The message that is being received, or was received last, is compressed. */
  isInUse = false;
  readonly #hasRoom: () => boolean;
  readonly #onWaiting: () => void;
  /** An inflation that waits for room. */
  #waiting: (() => void) | null = null;
  #running = 0;
  #isDisposed = false;

  /** `isServer`: we are the server of that connection. `hasRoom`: what comes out can be kept; where it cannot, `onWaiting` is called. LIMIT messageBytes: of one message. */
  constructor(terms: DeflateTerms, isServer: boolean, messageBytes: number, room: { readonly hasRoom: () => boolean; readonly onWaiting: () => void }) {
    super({ isServer, maxPayload: messageBytes, zlibInflateOptions: { chunkSize: inflateChunkBytes } });
    this.#hasRoom = room.hasRoom;
    this.#onWaiting = room.onWaiting;
    this.params = {
      ...(terms.serverNoContextTakeover && { server_no_context_takeover: true }), ...(terms.clientNoContextTakeover && { client_no_context_takeover: true }),
      ...(terms.serverMaxWindowBits !== null && { server_max_window_bits: terms.serverMaxWindowBits }), ...(terms.clientMaxWindowBits !== null && { client_max_window_bits: terms.clientMaxWindowBits }),
    };
  }

  override decompress(data: Buffer, fin: boolean, callback: Callback): void {
    this.isInUse = true;
    const inflate = (): void => super.decompress(data, fin, this.#counted(callback));
    if (this.#hasRoom()) return inflate();
    this.#waiting = inflate;
    this.#onWaiting();
  }

  override compress(data: Buffer, fin: boolean, callback: Callback): void {
    super.compress(data, fin, this.#counted(callback));
  }

  /** There may be room again. */
  goOn(): void {
    const waiting = this.#waiting;
    if (waiting === null || !this.#hasRoom()) return;
    this.#waiting = null;
    waiting();
  }

  /** Gives zlib's memory back, when it is done with what it was given. */
  dispose(): void {
    this.#isDisposed = true;
    this.#waiting = null;
    if (this.#running === 0) this.cleanup();
  }

  #counted(callback: Callback): Callback {
    this.#running++;
    return (error, data) => {
      this.#running--;
      if (!this.#isDisposed) return callback(error, data);
      if (this.#running === 0) this.cleanup();
      callback(error ?? new Error("the WebSocket has ended"), data);
    };
  }
}
