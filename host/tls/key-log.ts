// The keys of TLS sessions, with clients and with servers, in the form that Wireshark reads (SSLKEYLOGFILE; draft-ietf-tls-keylogfile).
// Whoever has the file can read what was recorded of the traffic: only the operator's environment turns it on.
import { createWriteStream } from "node:fs";
import type { TLSSocket } from "node:tls";
import type { Log } from "../log.ts";

export interface KeyLog {
  /** Writes the keys of that socket's handshakes; before they begin. */
  watch(socket: TLSSocket): void;
  /** Writes out what is left and lets go of the file. */
  close(): Promise<void>;
}

/** LIMIT: lines that wait for a slow disk, in bytes; more are lost, which is said once. */
const mostWaitingBytes = 1_048_576;

/** Appends to `file`, made for its owner alone where it is not there. What cannot be written is said once and stops nothing. */
export function openKeyLog(file: string, log: Log): KeyLog {
  const out = createWriteStream(file, { flags: "a", mode: 0o600 });
  let isLosing = false;
  const lose = (why: string): void => {
    if (!isLosing) log.warn(`TLS keys are not written to ${file} (SSLKEYLOGFILE): ${why}`, { event: "key-log", file });
    isLosing = true;
  };
  out.on("error", (error) => lose(error.message));
  out.on("drain", () => { isLosing = false; });
  const note = (line: Buffer): void => {
    if (out.destroyed) return;
    if (out.writableLength > mostWaitingBytes) lose("the disk is too slow");
    else out.write(line);
  };
  return {
    watch: (socket) => void socket.on("keylog", note),
    close: () => new Promise((resolve) => (out.destroyed ? resolve() : out.end(() => resolve()))),
  };
}
