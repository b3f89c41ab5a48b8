import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Cloud, HOME, openCloud, PRODUCTION } from './support/database-cloud.ts';

const run = promisify(execFile);
const HERE = fileURLToPath(new URL('boto3/', import.meta.url));
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/', import.meta.url));
const REQUIREMENTS = join(HERE, 'requirements.txt');

/** A Python with the pinned boto3, kept between runs; or why there is none. */
async function preparePython(): Promise<{ python: string } | { missing: string }> {
  const wanted = readFileSync(REQUIREMENTS, 'utf8').trim();
  const folder = join(CACHE, `local-aws-${wanted.replace('==', '-')}`);
  const python = join(folder, 'bin', 'python');
  const complete = join(folder, 'complete');
  if (existsSync(complete)) return { python };
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(CACHE, { recursive: true });
    await run('python3', ['-m', 'venv', folder], { timeout: 120_000 });
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--timeout', '20'];
    await run(python, [...pip, '--retries', '1', '-r', REQUIREMENTS], { timeout: 240_000 });
    writeFileSync(complete, wanted);
    return { python };
  } catch (err) {
    rmSync(folder, { recursive: true, force: true });
    return {
      missing: `${wanted} cannot be installed here: ${err instanceof Error ? err.message : String(err)}`,
    };
  }
}

const found = await preparePython();
if ('missing' in found)
  process.stderr.write(`\nSKIPPED, NOT PASSED: the smoke test with boto3. ${found.missing}\n\n`);
const withPython = 'python' in found ? test : test.skip;

let cloud: Cloud;
beforeAll(async () => (cloud = await openCloud()));
afterAll(() => cloud.end());

withPython(
  'boto3 finds what it expects of STS, S3, IAM, KMS, Secrets Manager, RDS and AWS Backup',
  async () => {
    if (!('python' in found)) throw new Error('There is no Python.');
    const key = cloud.aws.accounts[PRODUCTION];
    const { stdout } = await run(found.python, [join(HERE, 'smoke.py')], {
      timeout: 200_000,
      env: {
        AWS_ENDPOINT_URL: cloud.aws.endpoint,
        AWS_REGION: HOME,
        AWS_ACCESS_KEY_ID: key?.accessKeyId,
        AWS_SECRET_ACCESS_KEY: key?.secretAccessKey,
        AWS_EC2_METADATA_DISABLED: 'true',
      },
    });
    const passed = stdout.split('\n').filter((line) => line.includes(' ok '));
    const parts = ['sts', 's3', 'iam', 'kms', 'secretsmanager', 'rds', 'backup'];
    expect(passed.map((line) => line.split(' ')[0])).toEqual(parts);
  },
  300_000,
);
