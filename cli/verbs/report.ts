import { writeFile } from 'node:fs/promises';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { drillFactLines, protectionFactLines } from '../print/facts.ts';
import { drillReportOf } from '../../evidence/reports/drill.ts';
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
  { html }: { readonly html?: string } = {},
): Promise<ExitStatus> {
  const { policy } = world.policy();
  const evidence = await withLedger((ledger) => ledger.findDrill({ policy, which }));
  const report = drillReportOf(evidence);
  const { fact, protection, drill, seal } = evidence;
  const { terminal } = world;
  if (html !== undefined) {
    await writeFile(html, drillReportPage(report));
    terminal.note(`${html}: written; it can be printed, and needs nothing else.`);
  }
  terminal.result(report);
  terminal.say(
    terminal.paint('bold', `Drill of ${fact.resource.name}, ${when(fact.slot)} (${fact.trigger})`),
  );
  terminal.say(`point: ${fact.point?.arn ?? 'none'}`);
  if (protection !== null)
    for (const line of protectionFactLines(terminal, protection.fact, policy)) terminal.say(line);
  for (const line of drillFactLines(terminal, fact)) terminal.say(line);
  terminal.say(`statement: ${drill.key}`);
  terminal.say(`  sha256 ${drill.sha256}, signed by ${drill.signedBy.join(', ')}`);
  terminal.say(
    seal === null ? '  not sealed yet' : `  sealed by number ${seal.sequence} at ${when(seal.sealedAt)}`,
  );
  return report.verdict === 'passed' ? EXIT.ok : EXIT.notVerified;
}
