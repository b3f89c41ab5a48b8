/** One thing in the drill account, as some inventory lists it. */
export interface Listed {
  readonly arn: string;
  /** Which call listed it. */
  readonly source: string;
  /** Value of the drill tag, when the source shows tags and the thing has it. */
  readonly drill: string | null;
}

export interface Inventory {
  readonly things: readonly Listed[];
  /** Inventories that could not be read, each with the reason: what they would have shown is unknown. */
  readonly unread: readonly { readonly source: string; readonly reason: string }[];
}

/** Kinds of things that their own service lists, and the call that does. */
const LISTED_BY_OWNER: readonly (readonly [RegExp, string])[] = [
  [/^arn:[^:]+:rds:[^:]*:\d+:db:/, 'rds:DescribeDBInstances'],
  [/^arn:[^:]+:rds:[^:]*:\d+:snapshot:/, 'rds:DescribeDBSnapshots'],
  [/^arn:[^:]+:secretsmanager:/, 'secretsmanager:ListSecrets'],
  [/^arn:[^:]+:s3:::/, 's3:ListBuckets'],
];

/** The tagging service goes on listing what is deleted, for hours: of what a service lists itself, that list decides if it was read. */
function isOutdated({ arn, source }: Listed, { unread }: Inventory): boolean {
  const owner = LISTED_BY_OWNER.find(([form]) => form.test(arn))?.[1];
  return source === TAG_LIST && owner !== undefined && !unread.some((one) => one.source === owner);
}

export const BUCKET_LIST = 's3:ListBuckets';
export const TAG_LIST = 'tag:GetResources';

/**
 * What a drill left behind: everything that was not there before and is there now, and that carries the drill's tag or the name of its
 * copy. What others made meanwhile is none of it.
 */
export function leftoversOf(
  before: Inventory,
  after: Inventory,
  { drill, copyName, arns }: { drill: string; copyName: string; arns: readonly string[] },
): string[] {
  const known = new Set(before.things.map(({ arn }) => arn));
  const ours = ({ arn, drill: tag }: Listed): boolean =>
    tag === drill || arn.includes(copyName) || arns.includes(arn);
  return [
    ...new Set(
      after.things
        .filter((thing) => !known.has(thing.arn) && ours(thing) && !isOutdated(thing, after))
        .map(({ arn }) => arn),
    ),
  ];
}
