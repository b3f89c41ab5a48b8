/**
 * Does some work for each item, so much of it at a time.
 * @param after gets the results of each batch in the order of the items.
 * @throws the first failure of a batch, when all of the batch has ended.
 */
export async function inBatches<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  size: number,
  work: (item: T) => Promise<R>,
  after: (results: R[]) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  let batch: T[] = [];
  const flush = async (): Promise<void> => {
    const ends = await Promise.allSettled(batch.map(work));
    batch = [];
    await after(
      ends.map((end) => {
        if (end.status === 'rejected') throw end.reason;
        return end.value;
      }),
    );
  };
  for await (const item of items) {
    batch.push(item);
    if (batch.length >= size) await flush();
  }
  await flush();
}
