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
    ...new Set(after.things.filter((thing) => !known.has(thing.arn) && ours(thing)).map(({ arn }) => arn)),
  ];
}
