// Finds the ends of HTTP/1 responses in a byte stream, with the least work that still checks status and length. For the load
// generator only: it trusts what it reads and would be a smuggler's delight in a proxy.

export class ResponseScanner {
  /** Body bytes of the response that is being read or was read last. */
  bodyBytes = 0;
  status = 0;
  /** Head of the response that is being read or was read last, as latin1. */
  head = "";
  #isInBody = false;
  /** Bytes still to come; -1: chunked. */
  #left = 0;
  #held: Buffer | null = null;

  /** Takes bytes; true when they end a response (nothing may follow it: the client does not pipeline). Throws at what it cannot read. */
  push(chunk: Buffer): boolean {
    let bytes = chunk;
    if (!this.#isInBody) {
      if (this.#held !== null) bytes = Buffer.concat([this.#held, chunk]);
      this.#held = null;
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0) {
        this.#held = bytes;
        return false;
      }
      this.#readHead(bytes.toString("latin1", 0, end + 2));
      bytes = bytes.subarray(end + 4);
    }
    return this.#left < 0 ? this.#readChunks(bytes) : this.#readSized(bytes);
  }

  #readHead(head: string): void {
    this.head = head;
    this.status = Number(head.slice(9, 12));
    this.bodyBytes = 0;
    this.#isInBody = true;
    const length = /\r\ncontent-length: *(\d+)\r\n/i.exec(head);
    this.#left = length !== null ? Number(length[1]) : /\r\ntransfer-encoding: *chunked\r\n/i.test(head) ? -1 : 0;
  }

  #readSized(bytes: Buffer): boolean {
    this.bodyBytes += bytes.length;
    this.#left -= bytes.length;
    if (this.#left < 0) throw surplus(bytes.subarray(this.#left));
    if (this.#left > 0) return false;
    this.#isInBody = false;
    return true;
  }

  /** Chunk by chunk; what is not whole is kept. */
  #readChunks(fresh: Buffer): boolean {
    let bytes = this.#held === null ? fresh : Buffer.concat([this.#held, fresh]);
    this.#held = null;
    for (;;) {
      const line = bytes.indexOf("\r\n");
      const size = line < 0 ? Number.NaN : Number.parseInt(bytes.toString("latin1", 0, line), 16);
      if (line < 0 || bytes.length < line + 2 + size + 2) {
        this.#held = bytes;
        return false;
      }
      if (Number.isNaN(size)) throw new Error("a chunk without a size");
      this.bodyBytes += size;
      bytes = bytes.subarray(line + 2 + size + 2);
      if (size > 0) continue;
      if (bytes.length > 0) throw surplus(bytes);
      this.#isInBody = false;
      return true;
    }
  }
}

function surplus(bytes: Buffer): Error {
  return new Error(`${bytes.length} bytes follow a response: ${JSON.stringify(bytes.toString("latin1", 0, 100))}`);
}
