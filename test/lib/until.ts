/** Resolves to the first truthy value of `condition`; rejects with what it was last when the time is up. */
export async function until<T>(
  condition: () => T | Promise<T>,
  {
    timeoutMs = 30_000,
    everyMs = 20,
    what = 'the condition',
  }: {timeoutMs?: number; everyMs?: number; what?: string} = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline)
      throw new Error(`${what} did not come true within ${timeoutMs} ms; last: ${String(value)}`);
    await new Promise(resolve => setTimeout(resolve, everyMs));
  }
}
