// The frame of flow files: a header for the file and one before each record, with lengths and checksums, so that a torn or damaged
// record is found and measured. docs/saved-flows.md describes it byte by byte. Pure; it knows nothing of flows.
import { crc32 } from "node:zlib";
import { savedLimits } from "./record-limits.ts";

/** A byte above 127, the name, CR LF, end-of-file of old systems, LF: whoever treats the file as text breaks it visibly (as PNG does). */
export const magic: Buffer = Buffer.from("\x89FLOWCELL\r\n\x1a\n", "latin1");
export const formatVersion = 1;
/** Magic (13), version (1), two bytes that are 0. */
export const fileHeaderBytes = 16;
export const recordHeaderBytes = 20;
const recordMark = 0x46_4c_57_52; // "FLWR"

export function fileHeader(): Buffer {
  const header = Buffer.alloc(fileHeaderBytes);
  magic.copy(header);
  header[magic.length] = formatVersion;
  return header;
}

export type FileKind = { readonly kind: "flows" } | { readonly kind: "other-version"; readonly version: number } | { readonly kind: "unknown" };

/** What the first bytes of a file say it is. */
export function fileKind(first: Buffer): FileKind {
  if (first.length < fileHeaderBytes || !first.subarray(0, magic.length).equals(magic)) return { kind: "unknown" };
  const version = first.readUIntBE(magic.length, 3);
  return version === formatVersion << 16 ? { kind: "flows" } : { kind: "other-version", version: first[magic.length] ?? 0 };
}

export interface RecordSize {
  /** Of the JSON, and of everything after the record's header. */
  readonly headBytes: number;
  readonly bytes: number;
  readonly checksum: number;
}

/** The header of a record of that JSON and those blobs. */
export function recordHeader(head: Buffer, blobs: readonly Buffer[]): Buffer {
  const header = Buffer.allocUnsafe(recordHeaderBytes);
  let bytes = head.length;
  let checksum = crc32(head);
  for (const blob of blobs) {
    bytes += blob.length;
    checksum = crc32(blob, checksum);
  }
  header.writeUInt32BE(recordMark, 0);
  header.writeUInt32BE(bytes, 4);
  header.writeUInt32BE(head.length, 8);
  header.writeUInt32BE(checksum, 12);
  header.writeUInt32BE(crc32(header.subarray(0, 16)), 16);
  return header;
}

/** Null: these bytes are no header of a record. */
export function readRecordHeader(bytes: Buffer, at = 0): RecordSize | null {
  if (bytes.length - at < recordHeaderBytes || bytes.readUInt32BE(at) !== recordMark) return null;
  const size: RecordSize = { bytes: bytes.readUInt32BE(at + 4), headBytes: bytes.readUInt32BE(at + 8), checksum: bytes.readUInt32BE(at + 12) };
  const isSound = crc32(bytes.subarray(at, at + 16)) === bytes.readUInt32BE(at + 16);
  return isSound && size.headBytes <= size.bytes && size.headBytes <= savedLimits.headBytes && size.bytes <= savedLimits.recordBytes ? size : null;
}

export const isSoundPayload = (payload: Buffer, { checksum }: RecordSize): boolean => crc32(payload) === checksum;
