import type { Coverage } from '../index.ts';

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
