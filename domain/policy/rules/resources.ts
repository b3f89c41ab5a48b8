import { duration } from '../../units.ts';
import { parseArn } from '../arn.ts';
import { CHECKS_OF_KIND } from '../checks.ts';
import type { Policy, ProtectedResource } from '../schema.ts';
import { problem } from './rule.ts';
import type { Complaint, Rule } from './rule.ts';

/** Resources are in production, where the backup vault is, each once, and their checks can find something to look at. */
export const resourcesAreWhereTheySay: Rule = (policy) => [
  ...policy.resources.flatMap((resource, i) => [
    ...named(policy.resources, resource, i),
    ...arnOf(policy, resource, ['resources', i, 'arn']),
    ...credentials(policy, resource, i),
    ...checks(resource, i),
    ...onlyOfDatabases(resource, i),
    ...freshness(policy, resource, i),
    ...load(resource, i),
  ]),
  ...policy.exclude.flatMap(({ arn }, i) => excluded(policy, arn, i)),
];

function named(all: readonly ProtectedResource[], { name, arn }: ProtectedResource, i: number): Complaint[] {
  const earlier = all.slice(0, i);
  const complaints: Complaint[] = [];
  if (earlier.some((other) => other.name === name)) {
    const message = `${name} is the name of another resource above; each needs its own, since workflows and evidence go by it`;
    complaints.push(problem(['resources', i, 'name'], 'a name of its own', message));
  }
  const twin = earlier.find((other) => other.arn.toLowerCase() === arn.toLowerCase());
  if (twin !== undefined) {
    const message = `is protected as ${twin.name} above already; remove one of the two`;
    complaints.push(problem(['resources', i, 'arn'], 'each resource once', message));
  }
  return complaints;
}

function instance(
  { accounts, backup }: Policy,
  arn: string,
  path: readonly (string | number)[],
): Complaint[] {
  const { account, region, resource } = parseArn(arn);
  const allowed = `arn:aws:rds:${backup.region}:${accounts.production.id}:db:NAME`;
  if (!/^db:[a-z][a-z0-9-]*$/i.test(resource)) {
    const what = resource.startsWith('cluster:')
      ? 'the ARN of an Aurora cluster, which this version does not protect yet'
      : 'not the ARN of an instance';
    return [problem(path, allowed, `${arn} is ${what}; allowed is ${allowed}`)];
  }
  if (account !== accounts.production.id) {
    const message = `is in account ${account}, but accounts.production is ${accounts.production.id}; a policy protects resources of one production account`;
    return [problem(path, allowed, message)];
  }
  if (region !== backup.region) {
    const message = `is in ${region}, but the backup vault is in ${backup.region}; AWS Backup backs up into a vault of the resource's region: use a policy per region`;
    return [problem(path, allowed, message)];
  }
  return [];
}

/** The ARN must be one of its kind. */
function arnOf(
  policy: Policy,
  { kind, arn }: ProtectedResource,
  path: readonly (string | number)[],
): Complaint[] {
  switch (kind) {
    case 'rds-instance':
      return instance(policy, arn, path);
    case 's3-bucket':
      return bucket(arn, path);
  }
}

function bucket(arn: string, path: readonly (string | number)[]): Complaint[] {
  if (/^arn:aws[a-z-]*:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(arn)) return [];
  const allowed = 'arn:aws:s3:::NAME';
  return [problem(path, allowed, `${arn} is not the ARN of a bucket; allowed is ${allowed}`)];
}

/** Keys that mean nothing for a bucket are refused, not ignored. */
function onlyOfDatabases(resource: ProtectedResource, i: number): Complaint[] {
  if (resource.kind !== 's3-bucket') return [];
  const given = [
    ...(resource.freshness.length > 0 ? [['freshness']] : []),
    ...(resource.assertions === undefined ? [] : [['assertions']]),
    ...(resource.applicationChecks === undefined ? [] : [['applicationChecks']]),
    ...(['statementTimeout', 'quietHours', 'rereadWithin', 'stopWhen'] as const)
      .filter((key) => resource.load?.[key] !== undefined)
      .map((key) => ['load', key]),
  ];
  return given.map((keys) =>
    problem(
      ['resources', i, ...keys],
      'no such key for a bucket',
      `means nothing for the kind s3-bucket; leave ${keys.join('.')} out`,
    ),
  );
}

function credentials({ accounts, backup }: Policy, resource: ProtectedResource, i: number): Complaint[] {
  const path = ['resources', i, 'credentials'];
  if (resource.kind === 's3-bucket')
    return resource.credentials === undefined
      ? []
      : [
          problem(
            path,
            'no credentials',
            'means nothing for a bucket, which the prober reads with its own role; leave it out',
          ),
        ];
  if (resource.credentials === undefined)
    return [
      problem(
        ['resources', i],
        'credentials',
        'has no credentials; add the ARN of a secret with JSON {"username","password"} of a role that may read every table',
      ),
    ];
  const { account, region } = parseArn(resource.credentials);
  if (account === accounts.production.id && region === backup.region) return [];
  const allowed = `the ARN of a secret in ${backup.region} of account ${accounts.production.id}`;
  const message = `is a secret in ${region} of account ${account}; the production prober reads it, so it must be ${allowed}`;
  return [problem(path, allowed, message)];
}

function checks({ kind, checks: listed, freshness: rules }: ProtectedResource, i: number): Complaint[] {
  const { possible, standard } = CHECKS_OF_KIND[kind];
  const asked = listed ?? standard;
  const complaints = asked.flatMap((check, n) => {
    const path = ['resources', i, 'checks', n];
    if (!possible.includes(check)) {
      const allowed = possible.join(', ');
      return [problem(path, allowed, `${check} cannot be asked of the kind ${kind}; allowed are ${allowed}`)];
    }
    return asked.indexOf(check) < n
      ? [problem(path, 'each check once', `${check} is listed twice; remove one`)]
      : [];
  });
  if (asked.includes('freshness') && rules.length === 0) {
    const message =
      'asks for the check freshness (it is on unless checks leaves it out), but names no column to read; add freshness with a table and a column, or list the other checks in checks';
    complaints.push(problem(['resources', i], 'a freshness rule, or checks without freshness', message));
  }
  return complaints;
}

function freshness({ objectives }: Policy, { freshness: rules }: ProtectedResource, i: number): Complaint[] {
  return rules.flatMap(({ maxAge }, n) => {
    if (duration(maxAge) <= duration(objectives.rpo)) return [];
    const allowed = `at most ${objectives.rpo}`;
    const message = `${maxAge} was given; ${allowed} is allowed: data older than objectives.rpo breaks the promise, so the check must not call it fresh`;
    return [problem(['resources', i, 'freshness', n, 'maxAge'], allowed, message)];
  });
}

function load({ load: asked }: ProtectedResource, i: number): Complaint[] {
  const complaints: Complaint[] = [];
  if (asked?.rereadWithin !== undefined && asked.everyNights !== undefined) {
    const message =
      'both everyNights and rereadWithin are given: the one leaves parts of tables out, the other looks at every block and reads again what changed; keep one of the two';
    complaints.push(problem(['resources', i, 'load'], 'everyNights or rereadWithin', message));
  }
  if (asked?.replica !== undefined) {
    const message =
      'fingerprints cannot be taken from a read replica yet: it lags behind, and it knows neither the positions of sequences nor the statistics that the checks compare with, so healthy copies would be called damaged; leave it out, and use rereadWithin, rowsPerSecond or everyNights to spare the source';
    complaints.push(problem(['resources', i, 'load', 'replica'], 'no replica', message));
  }
  return complaints;
}

function excluded(policy: Policy, arn: string, i: number): Complaint[] {
  const path = ['exclude', i, 'arn'];
  const twin = policy.resources.find((resource) => resource.arn.toLowerCase() === arn.toLowerCase());
  if (twin === undefined)
    return parseArn(arn).service === 's3' ? bucket(arn, path) : instance(policy, arn, path);
  return [
    problem(
      path,
      'a resource that is not protected',
      `is protected as ${twin.name}, too; remove it here or there`,
    ),
  ];
}
