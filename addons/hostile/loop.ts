// Never returns. Stopped by the CPU limit of the isolate; the second strike moves it to a cell of its own.
export function request(): void {
  for (;;) { /* for ever */ }
}
