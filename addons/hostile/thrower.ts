// Throws something whose getters run for ever when somebody looks at it. Flattened inside the timed call.
export function request(): void {
  throw { get message() { for (;;) { /* for ever */ } }, get stack() { throw this; } };
}
