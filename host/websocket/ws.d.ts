// What of the package `ws` is used here and its types leave out: the classes that frame and compress. As in its sources (8.23).
import type { Writable } from "node:stream";

declare module "ws" {
  /** Parameters of the extension, as agreed on (RFC 7692 §7.1). */
  export interface PerMessageDeflateParameters {
    server_no_context_takeover?: true;
    client_no_context_takeover?: true;
    server_max_window_bits?: number;
    client_max_window_bits?: number;
  }

  type DeflateCallback = (error: Error | null, data: Buffer) => void;

  export class PerMessageDeflate {
    constructor(options?: { readonly isServer?: boolean; readonly maxPayload?: number; readonly zlibInflateOptions?: { readonly chunkSize: number } });
    params: PerMessageDeflateParameters | null;
    compress(data: Buffer, fin: boolean, callback: DeflateCallback): void;
    decompress(data: Buffer, fin: boolean, callback: DeflateCallback): void;
    cleanup(): void;
  }

  export interface ReceiverOptions {
    readonly isServer: boolean;
    readonly extensions: { readonly "permessage-deflate"?: PerMessageDeflate };
    readonly maxPayload: number;
    readonly maxFragments: number;
    readonly maxBufferedChunks: number;
  }

  export class Receiver extends Writable {
    constructor(options: ReceiverOptions);
    on(event: "message", listener: (data: Buffer, isBinary: boolean) => void): this;
    on(event: "ping" | "pong", listener: (data: Buffer) => void): this;
    on(event: "conclude", listener: (code: number, reason: Buffer) => void): this;
    on(event: string, listener: (...args: unknown[]) => void): this;
  }

  export interface FrameOptions {
    readonly fin: true;
    readonly opcode: number;
    readonly mask: boolean;
    /** `data` may not be written to. */
    readonly readOnly: boolean;
    readonly rsv1: boolean;
  }

  export class Sender {
    static frame(data: Buffer, options: FrameOptions): Buffer[];
  }

  /** The values of `Sec-WebSocket-Extensions`: by name, the parameters of each time it stands there. `parse` throws a SyntaxError. */
  export const extension: {
    parse(header: string): { readonly [name: string]: readonly { readonly [parameter: string]: readonly (string | true)[] }[] };
  };
}
