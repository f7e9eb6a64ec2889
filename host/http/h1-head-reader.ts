// Reads one head or one trailer section out of chunks that may be cut anywhere: each line is scanned at most twice,
// whatever the chunks, and at most a head's worth of bytes is held. Gives the start-line and the fields.
// It knows limits and syntax only; what a head means for the body is decided in body-framing.
import { HeaderFields } from "./header-fields.ts";
import { MORE, scanEmptyLine, scanFieldLine, scanRequestLine, scanStatusLine } from "./h1-scan.ts";
import type { StartLine } from "./h1-scan.ts";
import type { H1Limits } from "./h1-limits.ts";
import type { FaultCode } from "./http-event.ts";

type Section = "request" | "response" | "trailers";

const LF = 0x0a;
const FIRST_HOLD_BYTES = 2_048;

/** One at a time, used again for the next: `read` until it is done or at fault, take `line` and `fields`, `reset`. */
export class HeadReader {
  /** Of the head just read; written over by the next one. */
  readonly line: StartLine = { method: "", target: "", version: "1.1", status: 0, reason: "" };
  /** The fields, once `read` gave "done". */
  fields: HeaderFields = HeaderFields.from([]);
  readonly #section: Section;
  readonly #limits: H1Limits;
  readonly #sectionBytes: number;
  #held: Buffer | null = null;
  #heldBytes = 0;
  /** Offsets from the beginning of the section: the line being read, and the first field line (-1: not there yet). */
  #at = 0;
  #fieldsAt = -1;
  #emptyLines = 0;
  /** PERF: used again for each head, so that each list gets marks of just its size. */
  readonly #marks: number[] = [];
  #markCount = 0;

  constructor(section: Section, limits: H1Limits) {
    this.#section = section;
    this.#limits = limits;
    this.#sectionBytes = section === "trailers" ? limits.trailerBytes : limits.headBytes;
    this.reset();
  }

  /** Forgets everything and waits for the next section. */
  reset(): void {
    this.#held = null;
    this.#heldBytes = 0;
    this.#at = 0;
    this.#fieldsAt = this.#section === "trailers" ? 0 : -1;
    this.#emptyLines = 0;
    this.#markCount = 0;
  }

  /** True when bytes of a section were read that is not finished; empty lines before a request-line do not count. */
  get isInside(): boolean {
    return this.#heldBytes > this.#at || this.#fieldsAt > 0;
  }

  /** How many bytes are held. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** What is held, for whoever takes the connection over. */
  takeHeld(): Buffer {
    const held = this.#held?.subarray(0, this.#heldBytes) ?? Buffer.alloc(0);
    this.reset();
    return held;
  }

  /** Reads on in chunk from `from`: the offset behind the section when it is complete, MORE when all was taken, or a fault. */
  read(chunk: Buffer, from: number): number | FaultCode {
    if (this.#held === null) {
      const end = this.#scan(chunk, from, chunk.length);
      if (end === MORE) this.#hold(chunk, from);
      return end;
    }
    const before = this.#heldBytes;
    const isWorthScanning = this.#hold(chunk, from);
    const end = isWorthScanning ? this.#scan(this.#held, 0, this.#heldBytes) : MORE;
    return typeof end === "string" || end === MORE ? end : from + end - before;
  }

  /** The fault of a section that will not go on: that of its last line if it has one, or that it was cut off. */
  cutOff(): FaultCode {
    const end = this.#held === null ? MORE : this.#scan(this.#held, 0, this.#heldBytes);
    if (typeof end === "string") return end;
    return this.#section === "trailers" ? "truncated-body" : "truncated-head";
  }

  /** Keeps chunk from `from` on; true when a line may have become complete or too long. Holds one byte beyond the limit at most. */
  #hold(chunk: Buffer, from: number): boolean {
    const taken = Math.min(chunk.length - from, this.#sectionBytes + 1 - this.#heldBytes);
    const needed = this.#heldBytes + taken;
    if (this.#held === null || this.#held.length < needed) {
      const larger = Buffer.allocUnsafe(Math.max(needed, FIRST_HOLD_BYTES, 2 * this.#heldBytes));
      this.#held?.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    chunk.copy(this.#held, this.#heldBytes, from, from + taken);
    this.#heldBytes = needed;
    return chunk.indexOf(LF, from) >= 0 || needed - this.#at > this.#longestLine() || needed > this.#sectionBytes;
  }

  #longestLine(): number {
    const { lineBytes, methodBytes, targetBytes } = this.#limits;
    return this.#fieldsAt < 0 && this.#section === "request" ? methodBytes + targetBytes : lineBytes;
  }

  /** Scans whole lines from the present one on. `base` is where the section begins in bytes. */
  #scan(bytes: Buffer, base: number, end: number): number | FaultCode {
    const limit = Math.min(end, base + this.#sectionBytes);
    const next = this.#fieldsAt < 0 ? this.#scanStart(bytes, base, limit) : base + this.#at;
    const done = typeof next === "string" || next === MORE ? next : this.#scanFields(bytes, base, limit);
    if (done === MORE && end > limit) return this.#section === "trailers" ? "trailers-too-large" : "head-too-large";
    return done;
  }

  #scanStart(bytes: Buffer, base: number, end: number): number | FaultCode {
    let start = base + this.#at;
    let next = scanEmptyLine(bytes, start, end);
    while (next !== 0) {
      if (typeof next === "string" || next === MORE) return next;
      if (this.#section === "response") return "bad-start-line";
      if (++this.#emptyLines > this.#limits.emptyLines) return "too-many-empty-lines";
      this.#at = next - base;
      start = next;
      next = scanEmptyLine(bytes, start, end);
    }
    const after = this.#section === "request"
      ? scanRequestLine(bytes, start, end, this.#limits, this.line)
      : this.#boundLine(start, end, scanStatusLine(bytes, start, Math.min(end, start + this.#limits.lineBytes), this.line));
    if (typeof after === "string" || after === MORE) return after;
    this.#at = this.#fieldsAt = after - base;
    return after;
  }

  #scanFields(bytes: Buffer, base: number, end: number): number | FaultCode {
    const origin = base + this.#fieldsAt;
    const { lineBytes, fields } = this.#limits;
    let start = base + this.#at;
    for (;;) {
      const empty = scanEmptyLine(bytes, start, end);
      if (empty !== 0) {
        if (typeof empty === "number" && empty !== MORE) {
          this.fields = HeaderFields.fromScan(bytes.toString("latin1", origin, start), this.#marks.slice(0, this.#markCount));
        }
        return empty;
      }
      const next = this.#boundLine(start, end, scanFieldLine(bytes, start, Math.min(end, start + lineBytes), origin, this.#marks, this.#markCount));
      if (typeof next === "string" || next === MORE) return next;
      this.#markCount += 2;
      if (this.#markCount > 2 * fields) return "too-many-fields";
      this.#at = next - base;
      start = next;
    }
  }

  /** A line that was cut at the limit of one line, and not at the end of the bytes, is too long. */
  #boundLine(start: number, end: number, next: number | FaultCode): number | FaultCode {
    return next === MORE && end - start > this.#limits.lineBytes ? "line-too-long" : next;
  }
}
