// Floods the log and the host with calls. Rate-limited, counted, and failed after too many calls in one event.
export function request(): void {
  for (let i = 0; i < 1e6; i += 1) console.log("x".repeat(1e4));
}
