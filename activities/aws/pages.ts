/**
 * Reads a list to its very end. Destructive decisions are only made on complete lists, so a page whose list is missing (an empty
 * 200 answer) is an error to be retried, never "nothing there".
 * @param page asks for one page; `next` is undefined for the first.
 */
export async function allPages<T>(
  page: (next: string | undefined) => Promise<{ items: T[] | undefined; next: string | undefined }>,
): Promise<T[]> {
  const all: T[] = [];
  let next: string | undefined;
  do {
    const answer = await page(next);
    if (answer.items === undefined) throw new Error('AWS answered a list request without a list');
    all.push(...answer.items);
    next = answer.next === '' ? undefined : answer.next;
  } while (next !== undefined);
  return all;
}
