// Awaits something that never comes. The wall-clock limit ends it.
export async function request(): Promise<void> {
  await new Promise<never>(() => {});
}
