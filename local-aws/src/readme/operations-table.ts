import type { Coverage } from '../index.ts';

export const BEGIN = '<!-- operations: begin, written by src/readme/write.ts -->';
export const END = '<!-- operations: end -->';

const NAMES: Readonly<Record<string, string>> = {
  backup: 'AWS Backup',
  cloudtrail: 'CloudTrail',
  monitoring: 'CloudWatch',
  sns: 'SNS',
  tagging: 'Resource Groups Tagging',
  ec2: 'EC2',
  iam: 'IAM',
  kms: 'KMS',
  rds: 'RDS',
  s3: 'S3',
  secretsmanager: 'Secrets Manager',
  sts: 'STS',
};

/** The README's table of what is implemented, from the handlers themselves. */
export function operationsTable(operations: Readonly<Record<string, Coverage>>): string {
  const rows = Object.entries(operations)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([service, { implemented, inModel }]) => {
      const list = implemented.map((name) => `\`${name}\``).join(' ');
      return `| ${NAMES[service] ?? service} | ${implemented.length} of ${inModel} | ${list} |`;
    });
  return ['| service | operations | implemented |', '| --- | --- | --- |', ...rows].join('\n');
}

/** @throws Error when the README has lost its markers. */
export function withTable(readme: string, table: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin === -1 || end < begin) throw new Error(`The README needs the lines ${BEGIN} and ${END}.`);
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${readme.slice(end)}`;
}
