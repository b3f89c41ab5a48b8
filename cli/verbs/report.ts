import type { DrillFact, ProtectionFact } from '../../domain/facts.ts';
import type { ReadStatement } from '../../activities/ledger/index.ts';
import { CouldNot, EXIT, type ExitStatus } from '../exit-status.ts';
import { drillFactLines, protectionFactLines } from '../print/facts.ts';
import type { LoadedPolicy, World } from '../world.ts';
import { when } from '../words.ts';
import { withLedger } from './ledger.ts';

/** A drill, and the protection of the same slot when there is one: by hand, an older point may be drilled. */
export interface DrillReport {
  readonly drill: ReadStatement;
  readonly protection: ReadStatement | null;
}

/**
 * `lifeboat report drill [RESOURCE|STATEMENT-KEY]`: one drill as its signed statement tells it; the newest one when none is named.
 * Exit status 1 when its verdict is not `passed`.
 */
export async function reportDrill(world: World, which: string | undefined): Promise<ExitStatus> {
  const loaded = world.policy();
  const found = await findDrill(loaded, which);
  const { terminal } = world;
  const fact = found.drill.statement.predicate as DrillFact;
  const protection = found.protection?.statement.predicate as ProtectionFact | undefined;
  terminal.result({
    key: found.drill.key,
    versionId: found.drill.versionId,
    sha256: found.drill.sha256,
    signedBy: found.drill.signedBy,
    drill: fact,
    protection: protection ?? null,
  });
  terminal.say(
    terminal.paint('bold', `Drill of ${fact.resource.name}, ${when(fact.slot)} (${fact.trigger})`),
  );
  terminal.say(`point: ${fact.point?.arn ?? 'none'}`);
  if (protection !== undefined)
    for (const line of protectionFactLines(terminal, protection, loaded.policy)) terminal.say(line);
  for (const line of drillFactLines(terminal, fact)) terminal.say(line);
  terminal.say(`statement: ${found.drill.key}`);
  terminal.say(`  sha256 ${found.drill.sha256}, signed by ${found.drill.signedBy.join(', ')}`);
  return fact.verdict === 'passed' ? EXIT.ok : EXIT.notVerified;
}

async function findDrill({ policy }: LoadedPolicy, which: string | undefined): Promise<DrillReport> {
  return withLedger(async (ledger) => {
    const keys = (await ledger.listStatements({ policy })).map(({ key }) => key);
    const key = which?.includes('/') === true ? which : newestDrill(keys, which);
    if (key === undefined)
      throw new CouldNot(
        `There is no drill${which === undefined ? '' : ` of "${which}"`} in the ledger ${policy.ledger.bucket}.`,
        'See what there is with `lifeboat evidence list`; make one with `lifeboat drill RESOURCE`.',
      );
    const drill = await ledger.readStatement({ policy, key });
    const fact = drill.statement.predicate;
    if (fact.type !== 'drill')
      throw new CouldNot(
        `${key} is a statement of another kind (${fact.type}).`,
        'Name one whose key ends in "drill".',
      );
    const before = keys.find(
      (other) => isOf(other, 'protection', fact.resource.name) && other.includes(fact.slot),
    );
    const protection = before === undefined ? null : await ledger.readStatement({ policy, key: before });
    return { drill, protection };
  });
}

/** Keys sort by day only; within a day the slot in the name decides. */
function newestDrill(keys: readonly string[], resource: string | undefined): string | undefined {
  return keys
    .filter((key) => isOf(key, 'drill', resource))
    .sort((a, b) => (slotIn(a) < slotIn(b) ? -1 : 1))
    .at(-1);
}

const NAME = /\/(?:protect|drill)-([a-z0-9-]+)-(\d{4}-\d{2}-\d{2}T[^/]+Z)\/(protection|drill)/;
const slotIn = (key: string): string => NAME.exec(key)?.[2] ?? '';

function isOf(key: string, kind: 'protection' | 'drill', resource: string | undefined): boolean {
  const [, name, , what] = NAME.exec(key) ?? [];
  return what === kind && (resource === undefined || name === resource);
}
