/**
 * Runs `work` for every item, at most `width` at a time, and starts the next as soon as one ends. The first error stops new starts
 * and is thrown once those that run have ended.
 * @returns results in the order of the items.
 */
export async function slidingWindow<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  let failed: { readonly error: unknown } | null = null;
  const lane = async (): Promise<void> => {
    while (next < items.length && failed === null) {
      const index = next++;
      try {
        results[index] = await work(items[index] as T);
      } catch (error) {
        failed ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  const problem = failed as { readonly error: unknown } | null;
  if (problem !== null) throw problem.error;
  return results;
}
