// The mark of a cell: which call runs in which instance, in a small file that the cell writes and the host reads when the cell has died or
// hangs. It says only what could not be told by an answer yet; the host believes it where that very call is outstanding. Pure.

/** Size of the file in bytes, and the least that is given to either function; the jail lets a cell's files grow no further than 512. */
export const markBytes = 8;

export interface Mark { readonly call: number; readonly instance: number }

export function writeMark(bytes: Uint8Array, call: number, instance: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(0, call, true);
  view.setUint32(4, instance, true);
}

/** Both 0 where nothing has been marked. */
export function readMark(bytes: Uint8Array): Mark {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { call: view.getUint32(0, true), instance: view.getUint32(4, true) };
}
