import { partsOf } from '../../evidence/parts-of.ts';
import { sentenceOf } from '../../evidence/statement-kinds.ts';
import { renderVerifyReport } from '../../evidence/verifier/report.ts';
import { verifyExport } from '../../evidence/verifier/verify-export.ts';
import { CouldNot, EXIT, type ExitStatus } from '../exit-status.ts';
import { painted, table } from '../terminal.ts';
import type { World } from '../world.ts';
import { size, some, when } from '../../domain/words.ts';
import { withLedger } from './ledger.ts';

interface Period {
  readonly from?: string;
  readonly to?: string;
}

/** `lifeboat evidence list`. */
export async function listEvidence(world: World, asked: Period): Promise<ExitStatus> {
  const period = periodOf(asked);
  const { policy } = world.policy();
  const { seals, statements } = await withLedger(async (ledger) => ({
    seals: await ledger.listSeals({ policy, ...period }),
    statements: await ledger.listStatements({ policy, ...period }),
  }));
  const { terminal } = world;
  terminal.result({ bucket: policy.ledger.bucket, region: policy.ledger.region, seals, statements });
  terminal.say(`ledger ${policy.ledger.bucket} (${policy.ledger.region})`);
  const sealRows = seals.map(
    ({ sequence, slot, verdict, statements: n, sealedAt, sha256, irregularities }) => [
      String(sequence),
      when(slot),
      painted(terminal, verdict),
      String(n),
      when(sealedAt),
      `${sha256.slice(0, 16)}…`,
      irregularities === 0 ? '' : terminal.paint('red', `${irregularities} irregularities`),
    ],
  );
  terminal.say();
  for (const line of table(['seal', 'night', 'verdict', 'statements', 'sealed', 'sha256', ''], sealRows))
    terminal.say(line);
  terminal.say();
  const rows = statements.map(({ key, writtenAt, bytes }) => [key, when(writtenAt), size(bytes)]);
  for (const line of table(['statement', 'written', 'size'], rows)) terminal.say(line);
  return EXIT.ok;
}

/** `lifeboat evidence show STATEMENT`: one statement in sentences, part by part where it tells several facts. */
export async function showStatement(world: World, key: string): Promise<ExitStatus> {
  const { policy } = world.policy();
  const { statement, ...place } = await withLedger((ledger) => ledger.readStatement({ policy, key }));
  const fact = statement.predicate;
  const parts = fact.type === 'protection' ? partsOf(fact) : [];
  const { terminal } = world;
  const told = parts.map((part) => ({ pointer: part.pointer, says: sentenceOf(part.fact), fact: part.fact }));
  terminal.result({ ...place, says: sentenceOf(fact), parts: told, statement });
  terminal.say(sentenceOf(fact));
  if (told.length > 0)
    for (const line of table(
      ['part', 'says'],
      told.map(({ pointer, says }) => [pointer, says]),
    ))
      terminal.say(line);
  terminal.say(`${place.key}, version ${place.versionId}, sha256 ${place.sha256}`);
  terminal.say(`signed by ${place.signedBy.join(', ')}`);
  return EXIT.ok;
}

/** `lifeboat evidence export --out DIR`. */
export async function exportEvidence(
  world: World,
  { out, ...asked }: Period & { readonly out: string },
): Promise<ExitStatus> {
  const period = periodOf(asked);
  const { policy } = world.policy();
  const done = await withLedger((ledger) => ledger.exportEvidence({ policy, out, ...period }));
  world.terminal.result({ out, ...done });
  world.terminal.say(
    `${out}: seals ${done.firstSeal} to ${done.lastSeal}, ${some(done.statements, 'statement')}, ` +
      `${when(done.from)} to ${when(done.to)}.`,
  );
  world.terminal.say(`Verify it anywhere: lifeboat evidence verify ${out}   (or: node ${out}/verify.mjs)`);
  return EXIT.ok;
}

/** `lifeboat evidence verify DIR`: offline. Exit status 0 verified, 1 not verified, 2 could not check. */
export function verifyEvidence(
  world: World,
  dir: string,
  options: { readonly key?: string; readonly trustedSeal?: string },
): ExitStatus {
  const report = verifyExport(dir, options);
  world.terminal.result(report);
  world.terminal.say(renderVerifyReport(report).trimEnd());
  return report.exitCode;
}

function periodOf({ from, to }: Period): Period {
  for (const [flag, day] of [
    ['--from', from],
    ['--to', to],
  ] as const)
    if (day !== undefined && !/^\d{4}-\d{2}-\d{2}$/.test(day))
      throw new CouldNot(`${flag} "${day}" is not a day.`, 'Write it as 2026-11-21.');
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}
