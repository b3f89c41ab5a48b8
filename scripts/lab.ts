import { writeFile } from 'node:fs/promises';
import { damageRun } from './lab/damage.ts';
import { healthyRun } from './lab/healthy.ts';
import { matrixInWords } from './lab/matrix.ts';
import { healthyBucketsRun } from './lab/s3/healthy.ts';
import { BUCKETS, DATABASES } from './lab/wards.ts';
import { type LabOptions, USAGE, labOptions } from './lab/options.ts';

// `npm run lab`: attacks the verification of restored copies, in both directions. Exit status 1 when it was fooled or cried wolf.
const say = (line: string) => process.stdout.write(`${line}\n`);

async function main(options: LabOptions): Promise<number> {
  return options.what === 'damage' ? damage(options) : healthy(options);
}

async function damage(options: LabOptions): Promise<number> {
  const result =
    options.of === 'buckets'
      ? await damageRun(BUCKETS, options, say)
      : await damageRun(DATABASES, options, say);
  await keep(options, result);
  say(matrixInWords(result.matrix));
  say(
    `${result.count} damages with seed ${result.seed} in ${result.seconds} s: ${result.failed} failed, ${result.inconclusive} inconclusive, ${result.passed} PASSED`,
  );
  return result.passed === 0 ? 0 : 1;
}

async function healthy(options: LabOptions): Promise<number> {
  const result =
    options.of === 'buckets' ? await healthyBucketsRun(options, say) : await healthyRun(options, say);
  await keep(options, result);
  say(
    `${result.count} healthy restores under ${result.statementsWritten} statements in ${result.seconds} s: ${result.passed} passed, ${result.inconclusive} inconclusive, ${result.failed} FAILED; ${(result.provenShare * 100).toFixed(1)} % of ${options.of === 'buckets' ? 'objects' : 'rows'} proven exactly, ${(result.rememberedShare * 100).toFixed(1)} % not read again at the source`,
  );
  return result.failed === 0 ? 0 : 1;
}

async function keep({ json }: LabOptions, result: object): Promise<void> {
  if (json !== null) await writeFile(json, `${JSON.stringify(result, null, 1)}\n`);
}

let options: LabOptions | null = null;
try {
  options = labOptions(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
if (options !== null) process.exitCode = await main(options);
