// The bounds of saved flows: what a file may make its reader do. They hold for files of strangers as for our own, and are larger than
// anything the writer makes.

const MiB = 1024 * 1024;

export const savedLimits = {
  /** One record of a flow file, heads and bodies together. */
  recordBytes: 2_050 * MiB,
  /** The JSON at the beginning of a record. */
  headBytes: 16 * MiB,
  /** Bodies and messages of one flow. */
  blobs: 100_000,
  /** Fields of one head. */
  fields: 10_000,
  /** A HAR file: it is one JSON text, and read as a whole. */
  harBytes: 400 * MiB,
  harEntries: 100_000,
  /** Texts that are no protocol text: comments, errors, names. */
  textChars: MiB,
} as const;
