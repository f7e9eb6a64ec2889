// Plain bytes in both directions, pulled and not pushed, whatever carries them: a socket (plain-duplex.ts), or a stream of HTTP/2. What
// relays and protocols inside a tunnel need of it; whose it is, and who closes it for good, is not said here.

export interface BytePipe {
  /** Called at bytes, end, room to send and close. It may be replaced at any time; it must not throw. */
  onNews: () => void;
  /** Why it broke, if it did. */
  readonly error: Error | null;
  /** The next unread chunk, or null when there is none now. It is the caller's to write to. */
  take(): Buffer | null;
  /** The peer will send nothing more and everything was taken. */
  readonly isEnded: boolean;
  /** The peer said that it sends nothing more, whether or not its last bytes were taken. */
  readonly hasEnd: boolean;
  /** Gone in both directions. Bytes that came before can still be taken. */
  readonly isClosed: boolean;
  /** More is waiting to be sent than should be: stop writing until the next news. */
  readonly isBlocked: boolean;
  /** Adds to what the next `flush` sends. */
  write(data: Buffer): void;
  /** As `write`, for bytes that were taken from another pipe and at which nobody looks again: their memory may be freed once they are sent. */
  pass(data: Buffer): void;
  /** To be called before every wait. */
  flush(): void;
  /** Sends what was written, then ends our direction only. Idempotent. */
  end(): void;
  /** Closes so that the peer sees that it was cut. */
  reset(): void;
}
