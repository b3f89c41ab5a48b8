import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { killRepeatedly } from '../../local-aws/test/support/kills/rounds.ts';

/** Hundreds of deaths, each followed by a look at everything that was promised. */
export async function benchKills(args: readonly string[]): Promise<number> {
  const options = {
    count: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
  } as const;
  const { values } = parseArgs({ args: [...args], options });
  const count = Number(values.count);
  if (!Number.isInteger(count) || count < 1)
    throw new Error(`--count: '${values.count}' is not a whole number above 0.`);
  const folder = mkdtempSync(join(tmpdir(), 'local-aws-kills-'));
  chmodSync(folder, 0o711);
  const started = Date.now();
  const report = await killRepeatedly({
    ...{ folder, count, seed: values.seed },
    onRound: (round, how, answered) =>
      process.stdout.write(`kill ${round} of ${count}: ${how}; ${answered} answers of 2xx are there\n`),
  });
  const minutes = ((Date.now() - started) / 60_000).toFixed(1);
  process.stdout.write(`${JSON.stringify(report.ways, undefined, 2)}\n`);
  for (const wrong of report.broken) process.stdout.write(`BROKEN ${wrong}\n`);
  process.stdout.write(
    `${report.kills} kills in ${minutes} min, ${report.answered} answers of 2xx, ${report.broken.length} not kept (seed ${values.seed})\n`,
  );
  if (report.broken.length > 0) {
    process.stdout.write(`The state is kept in ${folder}.\n`);
    return 1;
  }
  rmSync(folder, { recursive: true, force: true });
  return 0;
}
