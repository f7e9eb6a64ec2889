// Sits inside one built-in that V8 cannot interrupt. The host's watchdog kills the cell.
export function request(): void {
  "a".repeat(8e6).indexOf("ab" + "a".repeat(3e5));
}
