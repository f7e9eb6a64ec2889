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

/** Where things stand in a whole frame, relative to the frame's first byte. */
export interface FrameLayout extends FrameHead {
  readonly totalBytes: number;
  readonly textStart: number;
  readonly attachmentStarts: readonly number[];
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
 * Writes everything but text and attachments at `start`; gives the layout that says where those go.
 * The caller has made room (`frameSize`) and keeps within `mostWords` and `mostAttachments`.
 */
export function writeFrameHead(view: DataView, start: number, head: FrameHead): FrameLayout {
  if (head.words.length > mostWords || head.attachmentBytes.length > mostAttachments) throw new Error("frame with too many parts");
  const totalBytes = frameSize(head.words.length, head.textBytes, head.attachmentBytes);
  view.setUint32(start, totalBytes - 4, true);
  view.setUint8(start + 4, head.type);
  view.setUint8(start + 5, head.status);
  view.setUint16(start + 6, head.attachmentBytes.length, true);
  view.setUint32(start + 8, head.id, true);
  view.setUint32(start + 12, head.instance, true);
  view.setUint32(start + 16, Math.min(head.cpuMicros, 0xffff_ffff), true);
  view.setUint16(start + 20, head.words.length, true);
  view.setUint16(start + 22, 0, true);
  view.setUint32(start + 24, head.textBytes, true);
  let at = start + frameHeaderBytes;
  for (const word of head.words) { view.setUint32(at, word, true); at += 4; }
  for (const bytes of head.attachmentBytes) { view.setUint32(at, bytes, true); at += 4; }
  return layout(head, totalBytes, at - start);
}

function layout(head: FrameHead, totalBytes: number, textStart: number): FrameLayout {
  const attachmentStarts: number[] = [];
  let at = textStart + head.textBytes;
  for (const bytes of head.attachmentBytes) { attachmentStarts.push(at); at += bytes; }
  return { ...head, totalBytes, textStart, attachmentStarts };
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
  const wordValues: number[] = [];
  let at = start + frameHeaderBytes;
  for (let i = 0; i < words; i++, at += 4) wordValues.push(view.getUint32(at, true));
  const attachmentBytes: number[] = [];
  let sum = tables + textBytes;
  for (let i = 0; i < attachments; i++, at += 4) { const bytes = view.getUint32(at, true); attachmentBytes.push(bytes); sum += bytes; }
  if (sum !== totalBytes) return { kind: "lie", message: "frame whose parts do not add up to its length" };
  const head: FrameHead = {
    type: view.getUint8(start + 4), status: view.getUint8(start + 5), id: view.getUint32(start + 8, true),
    instance: view.getUint32(start + 12, true), cpuMicros: view.getUint32(start + 16, true), words: wordValues, textBytes, attachmentBytes,
  };
  return { kind: "frame", frame: layout(head, totalBytes, tables) };
}
