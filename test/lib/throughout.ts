/** Checks again and again until `end` resolves, then resolves to the same; rejects as soon as a check rejects. */
export async function throughout<T>(end: Promise<T>, check: () => unknown): Promise<T> {
  let isOver = false;
  const over = end.finally(() => {
    isOver = true;
  });
  over.catch(() => undefined); // told below, unless a check failed before
  while (!isOver) {
    await check();
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  return over;
}
