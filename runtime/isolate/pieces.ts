// Texts on their way into an isolate, cut so that they are copied into its heap. Pure.

/**
 * PERF: isolated-vm passes a string of 1,024 bytes or more as an external one, whose making and collecting costs 10 µs an event;
 * shorter ones are copied into the heap (bench/cell-hop). An ordinary head is one to three thousand bytes.
 */
const pieceChars = 1_000;
const mostPieces = 4;

/** The source of a function that puts the pieces of a text together inside and dispatches it. Primitives: nothing can intercept their joining. */
export const pieceJoiner = `(() => { const { dispatch } = $guest; return (call, keys, a, b = "", c = "", d = "") => dispatch(call, keys, a + b + c + d); })()`;

/** Whether it goes in pieces; what is longer than all of them goes as one. */
export const isSplit = (text: string): boolean => text.length > pieceChars && text.length <= mostPieces * pieceChars;

/** Adds a text, in pieces or as one; their number. */
export function addPieces(pieces: string[], text: string): number {
  if (!isSplit(text)) {
    pieces.push(text);
    return 1;
  }
  const before = pieces.length;
  for (let at = 0; at < text.length; at += pieceChars) pieces.push(text.slice(at, at + pieceChars));
  return pieces.length - before;
}

export function piecesOf(text: string): readonly string[] {
  const pieces: string[] = [];
  addPieces(pieces, text);
  return pieces;
}
