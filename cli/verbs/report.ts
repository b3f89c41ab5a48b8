import { CouldNot, EXIT, type ExitStatus } from '../exit-status.ts';
import { folder, toStandardOutput, writeReport, type OutputOptions } from '../report-output.ts';
import { drillIn } from '../../evidence/reports/find-drill.ts';
import { drillFactLines, protectionFactLines } from '../print/facts.ts';
import { drillCsv, drillReportOf } from '../../evidence/reports/drill.ts';
import { drillReportPage } from '../../evidence/reports/drill-page.ts';
import type { World } from '../world.ts';
import { when } from '../../domain/words.ts';
import { withLedger } from './ledger.ts';

/**
 * `lifeboat report drill [RESOURCE|STATEMENT-KEY]`: one drill as its signed statements tell it; the newest one when none is named.
 * Exit status 1 when its verdict is not `passed`.
 */
export async function reportDrill(
  world: World,
  which: string | undefined,
  options: OutputOptions,
): Promise<ExitStatus> {
  const { dir } = options;
  const { evidence, basis } =
    dir === undefined ? await fromLedger(world, which) : await fromFolder(dir, which);
  const report = drillReportOf(evidence);
  const { fact, protection, drill, seal } = evidence;
  const { terminal } = world;
  await writeReport(world, options, {
    report,
    html: () => drillReportPage(report, basis),
    csv: () => drillCsv(report),
  });
  const status =
    report.verdict === 'passed' && (basis?.problems.length ?? 0) === 0 ? EXIT.ok : EXIT.notVerified;
  if (toStandardOutput(options)) return status;
  terminal.say(
    terminal.paint('bold', `Drill of ${fact.resource.name}, ${when(fact.slot)} (${fact.trigger})`),
  );
  terminal.say(`point: ${fact.point?.arn ?? 'none'}`);
  if (protection !== null)
    for (const line of protectionFactLines(
      terminal,
      protection.fact,
      dir === undefined ? world.policy().policy : undefined,
    ))
      terminal.say(line);
  for (const line of drillFactLines(terminal, fact)) terminal.say(line);
  terminal.say(`statement: ${drill.key}`);
  terminal.say(`  sha256 ${drill.sha256}, signed by ${drill.signedBy.join(', ')}`);
  terminal.say(
    seal === null ? '  not sealed yet' : `  sealed by number ${seal.sequence} at ${when(seal.sealedAt)}`,
  );
  for (const problem of basis?.problems.slice(0, 10) ?? [])
    terminal.warn(`evidence that does not hold: ${problem}`);
  return status;
}

async function fromLedger(world: World, which: string | undefined) {
  const { policy } = world.policy();
  return { evidence: await withLedger((ledger) => ledger.findDrill({ policy, which })), basis: undefined };
}

/** @throws CouldNot when the folder is no export or holds no such drill. */
async function fromFolder(dir: string, which: string | undefined) {
  const found = await drillIn(folder(dir), which);
  if (found === null)
    throw new CouldNot(
      `${dir} holds no drill${which === undefined ? '' : ` of ${which}`}.`,
      'Export a longer period, or name another resource.',
    );
  return found;
}
