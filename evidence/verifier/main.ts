import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { renderVerifyReport } from './report.ts';
import { verifyExport } from './verify-export.ts';
import type { VerifyReport } from './report.ts';

const USAGE = `Usage: node verify.mjs [DIR] [--key FILE] [--trusted-seal SHA256] [--json]
  DIR             the export; default: where this file lies
  --key           public key (PEM) that reached you by another way than the export
  --trusted-seal  SHA-256 of the last seal of an earlier verification: the chain must continue it
Exit status: 0 verified, 1 not verified, 2 could not check.
`;

const options = {
  key: { type: 'string' },
  'trusted-seal': { type: 'string' },
  json: { type: 'boolean' },
} as const;
try {
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const { key, 'trusted-seal': trustedSeal, json = false } = values;
  const [dir = dirname(fileURLToPath(import.meta.url)), ...more] = positionals;
  if (more.length > 0) throw new Error('one folder at a time');
  const report: VerifyReport = verifyExport(dir, {
    ...(key === undefined ? {} : { key }),
    ...(trustedSeal === undefined ? {} : { trustedSeal }),
  });
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : renderVerifyReport(report));
  process.exitCode = report.exitCode;
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
  process.exitCode = 2;
}
