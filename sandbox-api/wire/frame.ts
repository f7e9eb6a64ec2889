// The frame codec between host and cell: lays one message into bytes and finds messages in a stream of bytes. Pure and without
// Node types; knows sizes, not meanings. Every size is checked before anything is read, so a lying peer costs nothing.
//
//   u32 length of what follows | u8 type | u8 status | u16 attachments | u32 id | u32 instance | u32 cpuMicros
//   | u16 words | u16 reserved (0) | u32 textBytes | u32 × words | u32 × attachments (sizes) | text | attachments
//   all little endian; text is latin1.

export const frameHeaderBytes = 28;
export const mostAttachments = 1_024;
export const mostWords = 4_096;

export interface FrameHead {
  readonly type: number;
  readonly status: number;
  readonly id: number;
  readonly instance: number;
  readonly cpuMicros: number;
  readonly words: readonly number[];
  readonly textBytes: number;
  readonly attachmentBytes: readonly number[];
}

/** A whole frame, and where its text starts relative to its first byte; attachments follow the text, in order. */
export interface FrameLayout extends FrameHead {
  readonly totalBytes: number;
  readonly textStart: number;
}

export type FrameResult =
  | { readonly kind: "need-more"; readonly bytes: number }
  | { readonly kind: "frame"; readonly frame: FrameLayout }
  | { readonly kind: "lie"; readonly message: string };

/** Bytes that a frame takes in all. */
export function frameSize(words: number, textBytes: number, attachmentBytes: readonly number[]): number {
  let total = frameHeaderBytes + 4 * (words + attachmentBytes.length) + textBytes;
  for (const bytes of attachmentBytes) total += bytes;
  return total;
}

/**
 * Writes everything but text and attachments at `start`; gives where the text goes, relative to `start` (attachments follow it).
 * The caller has made room (`frameSize`) and keeps within `mostWords` and `mostAttachments`.
 */
export function writeFrameHead(view: DataView, start: number, head: FrameHead): number {
  const { words, attachmentBytes } = head;
  if (words.length > mostWords || attachmentBytes.length > mostAttachments) throw new Error("frame with too many parts");
  view.setUint32(start, frameSize(words.length, head.textBytes, attachmentBytes) - 4, true);
  view.setUint8(start + 4, head.type);
  view.setUint8(start + 5, head.status);
  view.setUint16(start + 6, attachmentBytes.length, true);
  view.setUint32(start + 8, head.id, true);
  view.setUint32(start + 12, head.instance, true);
  view.setUint32(start + 16, Math.min(head.cpuMicros, 0xffff_ffff), true);
  view.setUint16(start + 20, words.length, true);
  view.setUint16(start + 22, 0, true);
  view.setUint32(start + 24, head.textBytes, true);
  let at = start + frameHeaderBytes;
  for (const word of words) { view.setUint32(at, word, true); at += 4; }
  for (const bytes of attachmentBytes) { view.setUint32(at, bytes, true); at += 4; }
  return at - start;
}

// PERF: most frames have neither words nor attachments; they share one empty list (bench/cell-hop).
const none: readonly number[] = Object.freeze([]);

function readNumbers(view: DataView, at: number, count: number): readonly number[] {
  if (count === 0) return none;
  const numbers: number[] = [];
  for (let i = 0; i < count; i++) numbers.push(view.getUint32(at + 4 * i, true));
  return numbers;
}

/**
 * Finds the frame that begins at `start` in `view`, of which `available` bytes are there. `largestFrameBytes` bounds the
 * length before it is believed. A `lie` means the peer cannot be talked to any more.
 */
export function readFrame(view: DataView, start: number, available: number, largestFrameBytes: number): FrameResult {
  if (available < frameHeaderBytes) return { kind: "need-more", bytes: frameHeaderBytes };
  const totalBytes = view.getUint32(start, true) + 4;
  if (totalBytes > largestFrameBytes) return { kind: "lie", message: `frame of ${totalBytes} bytes, at most ${largestFrameBytes} allowed` };
  const attachments = view.getUint16(start + 6, true);
  const words = view.getUint16(start + 20, true);
  const textBytes = view.getUint32(start + 24, true);
  const tables = frameHeaderBytes + 4 * (words + attachments);
  if (attachments > mostAttachments || words > mostWords || view.getUint16(start + 22, true) !== 0) return { kind: "lie", message: "frame with too many parts" };
  if (tables + textBytes > totalBytes) return { kind: "lie", message: "frame shorter than its parts" };
  if (available < totalBytes) return { kind: "need-more", bytes: totalBytes };
  const attachmentTable = start + frameHeaderBytes + 4 * words;
  const attachmentBytes = readNumbers(view, attachmentTable, attachments);
  let sum = tables + textBytes;
  for (const bytes of attachmentBytes) sum += bytes;
  if (sum !== totalBytes) return { kind: "lie", message: "frame whose parts do not add up to its length" };
  const frame: FrameLayout = {
    type: view.getUint8(start + 4), status: view.getUint8(start + 5), id: view.getUint32(start + 8, true),
    instance: view.getUint32(start + 12, true), cpuMicros: view.getUint32(start + 16, true),
    words: readNumbers(view, start + frameHeaderBytes, words), textBytes, attachmentBytes, totalBytes, textStart: tables,
  };
  return { kind: "frame", frame };
}
