// Bounds that the guest sets itself and no operator can change: they keep one call's by-products small. Limits that belong to
// the operator are in schema/limits.ts and come with `prepare`.

/** Characters of a fault's one-line message. */
export const messageChars = 1_024;
/** Characters of a fault's stack. */
export const stackChars = 8_192;
/** Call sites that an Error keeps. */
export const stackFrames = 16;
/** Nesting of plain data (manifest, structuredClone, inspection of logged values). */
export const dataDepth = 32;
export const inspectDepth = 3;
/** Values in one piece of plain data. */
export const dataValues = 100_000;
/** Entries of one object that a log line shows. */
export const inspectEntries = 50;
/** Characters of an exported manifest. */
export const manifestChars = 262_144;
/** At most this many messages of a TCP flow or a WebSocket stay readable, or this many bytes; half of them go when they are too many, all when too large. */
export const historyMessages = 256;
export const historyBytes = 1_048_576;
/** Chunks that a stream function may return at once. */
export const streamChunks = 1_000;
/** Warnings that one load reports. */
export const loadWarnings = 20;
/** Parts of a multipart form. */
export const multipartParts = 1_000;
