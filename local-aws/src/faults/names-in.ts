/** What a call's resources may be called: the texts among its parameters, the last parts of ARNs, and `bucket/key`. */
export function namesIn(input: object): string[] {
  const names: string[] = [];
  const { Bucket, Key } = input as { Bucket?: unknown; Key?: unknown };
  if (typeof Bucket === 'string' && typeof Key === 'string') names.push(`${Bucket}/${Key}`);
  for (const value of Object.values(input) as unknown[]) {
    if (typeof value !== 'string') continue;
    names.push(value);
    if (value.startsWith('arn:'))
      names.push(value.split(':').slice(6).join(':'), value.slice(value.lastIndexOf('/') + 1));
  }
  return names;
}
