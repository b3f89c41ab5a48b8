import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { checksOf } from '../../domain/policy/checks.ts';
import { formatProblems, parsePolicy } from '../../domain/policy/parse.ts';
import { cronProblem } from '../../domain/policy/rules/cron.ts';
import { SCHEMA_FILE, policyJsonSchema } from '../../scripts/write-policy-schema.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const read = async (name: string): Promise<string> => readFile(`${EXAMPLES}/${name}`, 'utf8');
const minimal = await read('minimal.yaml');

/** The minimal example with one text replaced by another; a text that is not there would make a test that cannot fail. */
function altered(from: string | RegExp, to: string, text = minimal): string {
  const changed = text.replace(from, to);
  if (changed === text) throw new Error(`${String(from)} is not in the example`);
  return changed;
}

function said(text: string): string[] {
  const parsed = parsePolicy(text, 'lifeboat.yaml');
  return parsed.ok ? [] : formatProblems(parsed.problems).split('\n');
}

test('every example is a valid policy, names its schema for editors and gives no cause for warnings', async () => {
  const names = (await readdir(EXAMPLES)).filter((name) => name.endsWith('.yaml'));
  expect(names.length).toBeGreaterThanOrEqual(2);
  for (const name of names) {
    const text = await read(name);
    expect(text).toMatch(/^# yaml-language-server: \$schema=\.\.\/docs\/lifeboat\.schema\.json\n/);
    const parsed = parsePolicy(text, name);
    const warnings = parsed.ok ? parsed.warnings.map(({ message }) => message) : null;
    expect([name, warnings?.filter((said) => !said.startsWith('cannot be proven yet'))]).toEqual([name, []]);
    // What cannot be fulfilled yet is named by the example itself, too.
    expect([name, text.includes('Not yet:')]).toEqual([name, warnings!.length > 0]);
  }
});

test('the JSON Schema for editors is that of the code', async () => {
  expect(await readFile(SCHEMA_FILE, 'utf8')).toBe(await policyJsonSchema());
});

test('the full example says every setting that the schema has', async () => {
  const schema = JSON.parse(await policyJsonSchema()) as { properties: Record<string, unknown> };
  const full = parsePolicy(await read('full.yaml'), 'full.yaml');
  expect(full.ok && Object.keys(full.policy).sort()).toEqual(Object.keys(schema.properties).sort());
});

test('what the minimal example leaves out has its default', () => {
  const parsed = parsePolicy(minimal, 'lifeboat.yaml');
  expect(parsed.ok && parsed.policy).toMatchObject({
    schedule: { timezone: 'UTC', catchUpWindow: '6h', sweepEvery: '1h' },
    retention: { lingerGrace: '48h' },
    drill: { expiresAfter: '12h' },
    probers: { production: 'lifeboat-prober-production', drill: 'lifeboat-prober-drill' },
    ledger: { keep: '400d' },
    exclude: [],
  });
  expect(parsed.ok && parsed.policy.resources.map(checksOf)).toEqual([
    ['boot', 'pages', 'structure', 'schema', 'content', 'freshness'],
  ]);
});

/** The minimal example with a bucket in place of its database. */
const bucketed = (resource: string): string =>
  minimal.replace(/resources:\n(?:[ ].*\n)+/, `resources:\n${resource}`);

test('a bucket is protected without credentials, and asked the checks of buckets', () => {
  const parsed = parsePolicy(
    bucketed('  - { name: papers, kind: s3-bucket, arn: "arn:aws:s3:::papers-of-people" }\n'),
    'lifeboat.yaml',
  );
  expect(parsed.ok && parsed.policy.resources.map(checksOf)).toEqual([['objects', 'content', 'metadata']]);
});

test.each([
  ['arn: "arn:aws:rds:eu-central-1:111111111111:db:orders"', 'is not the ARN of a bucket'],
  ['arn: "arn:aws:s3:::papers", checks: [pages]', 'pages cannot be asked of the kind s3-bucket'],
  [
    'arn: "arn:aws:s3:::papers", load: { quietHours: [{ from: "08:00", to: "18:00" }] }',
    'means nothing for the kind s3-bucket; leave load.quietHours out',
  ],
  [
    'arn: "arn:aws:s3:::papers", credentials: "arn:aws:secretsmanager:eu-central-1:111111111111:secret:x"',
    'means nothing for a bucket, which the prober reads with its own role',
  ],
])('what means nothing for a bucket is refused: %s', (keys, says) => {
  const parsed = parsePolicy(bucketed(`  - { name: papers, kind: s3-bucket, ${keys} }\n`), 'lifeboat.yaml');
  expect(parsed.ok ? [] : formatProblems(parsed.problems)).toContain(says);
});

test('a database without credentials is refused', () => {
  const parsed = parsePolicy(minimal.replace(/ +credentials:.*\n/, ''), 'lifeboat.yaml');
  expect(parsed.ok ? [] : formatProblems(parsed.problems)).toContain('has no credentials');
});

const P = '111111111111';
const V = '222222222222';
const D = '333333333333';

test.each<[mistake: string, text: string, says: string]>([
  [
    'a number out of range',
    altered('days: 90', 'days: 0'),
    '8:9 retention.days: 0 was given; a whole number from 1 to 36500 is allowed',
  ],
  [
    'a number with a fraction',
    altered('days: 90', 'days: 1.5'),
    '8:9 retention.days: 1.5 was given; a whole number from 1 to 36500 is allowed',
  ],
  [
    'a duration without a unit',
    altered('rto: 4h', 'rto: 4'),
    '10:8 objectives.rto: 4 was given; a whole number and one of s, m, h, d, for example 15m, 4h or 90d, is allowed',
  ],
  [
    'an account without quotes',
    altered(`'${P}'`, P),
    `13:21 accounts.production.id: ${P} was given; the 12 digits of an AWS account, in quotes, is allowed`,
  ],
  [
    'a value that is not one of the list',
    altered('lock: compliance', 'lock: complaince'),
    '21:9 backup.lock: complaince was given; one of compliance, none is allowed (did you mean compliance?)',
  ],
  ['an unknown version', altered('version: 1', 'version: 2'), '3:10 version: 2 was given; only 1 is allowed'],
  [
    'a missing key',
    altered('  rpo: 24h\n', ''),
    '9:1 objectives.rpo: is missing; a whole number and one of s, m, h, d, for example 15m, 4h or 90d is needed here',
  ],
  [
    'a missing section',
    altered(/ledger:\n(?: .*\n)+/, ''),
    '3:1 ledger: is missing; a map of keys and values is needed here',
  ],
  [
    'a key without a value',
    altered('  rpo: 24h', '  rpo:'),
    '11:3 objectives.rpo: nothing was given; a whole number and one of s, m, h, d, for example 15m, 4h or 90d, is allowed',
  ],
  [
    'a misspelt key',
    altered('transitVault:', 'transitVualt:'),
    '36:3 drill.transitVualt: there is no such key; did you mean transitVault? Allowed is one of the keys region, transitVault, restoreRole, instanceClass, subnetGroup, securityGroups, expiresAfter, freshFor, mustNotReach',
  ],
  [
    'an unknown key in a list',
    altered('    kind: rds', '    colour: blue\n    kind: rds'),
    '47:5 resources[0].colour: there is no such key; allowed is one of the keys name, kind, arn, credentials, tier, owner, freshness, checks, assertions, applicationChecks, load',
  ],
  [
    'a list where a map belongs',
    altered(/drill:\n(?: .*\n)+/, 'drill: [a]\n'),
    '34:1 drill: a list was given; a map of keys and values is allowed',
  ],
  [
    'an empty list',
    altered('[sg-0123456789abcdef0]', '[]'),
    '40:3 drill.securityGroups: an empty list was given; a list of at least one security group is allowed',
  ],
  [
    'a kind that is not there yet',
    altered('kind: rds-instance', 'kind: aurora-cluster'),
    '47:11 resources[0].kind: aurora-cluster was given; one of rds-instance, s3-bucket is allowed',
  ],
  [
    'a name with a capital',
    altered('name: night', 'name: Night'),
    '4:7 name: Night was given; a name of 2 to 32 lower-case letters, digits and single hyphens, starting with a letter, is allowed',
  ],

  [
    'an hour that does not exist',
    altered("'30 2 * * *'", "'30 25 * * *'"),
    '6:9 schedule.cron: 30 25 * * * was given; a cron expression of five fields, for example "30 2 * * *" is allowed: "25" is not an hour (0 to 23)',
  ],
  [
    'an unknown time zone',
    altered("cron: '30 2 * * *'", "cron: '30 2 * * *'\n  timezone: Europe/Berlim"),
    '7:13 schedule.timezone: Europe/Berlim was given; an IANA time zone such as UTC or Europe/Berlin is allowed',
  ],
  [
    'an offset as a time zone',
    altered("cron: '30 2 * * *'", "cron: '30 2 * * *'\n  timezone: '+02:00'"),
    '7:13 schedule.timezone: +02:00 was given; an IANA time zone such as UTC or Europe/Berlin is allowed',
  ],
  [
    'no time for a restore',
    altered('rto: 4h', 'rto: 0s'),
    '10:8 objectives.rto: 0s was given; at least 1m is allowed: no restore is faster',
  ],

  [
    'a role of another account',
    altered(`role: arn:aws:iam::${V}`, `role: arn:aws:iam::${P}`),
    `14:38 accounts.vault.role: is a role of account ${P}, but vault is account ${V}; give a role of that account`,
  ],
  [
    'a user instead of a role',
    altered(`${D}:role/lifeboat-control`, `${D}:user/me`),
    `15:38 accounts.drill.role: arn:aws:iam::${D}:user/me was given; the ARN of a role in account ${D} is allowed`,
  ],
  [
    'a last copy without a lock',
    altered(/lock: compliance\ndrill/, 'lock: none\ndrill'),
    '33:11 copies[1].lock: is none: the vault of the last copy must have a compliance lock, so that nobody can delete what it holds',
  ],
  [
    'a relay that keeps half a day',
    altered('keep: 2d', 'keep: 36h'),
    '28:11 copies[0].keep: 36h was given; whole days from 1d to 90d is allowed: AWS Backup keeps points for whole days, at least one',
  ],
  [
    'a relay that keeps longer than the policy',
    altered('keep: 2d', 'keep: 91d'),
    '28:11 copies[0].keep: 91d was given; whole days from 1d to 90d is allowed: longer than retention.days (90), after which every point must be gone',
  ],
  [
    'a drill far from the last copy',
    altered('drill:\n  region: us-east-1', 'drill:\n  region: eu-west-1'),
    '35:11 drill.region: is eu-west-1, but the last copy lies in us-east-1; drills restore in the region of the last copy, as the disaster would make you do',
  ],
  [
    'a sweeper that is too quick',
    altered('[sg-0123456789abcdef0]', '[sg-0123456789abcdef0]\n  expiresAfter: 1h'),
    '41:17 drill.expiresAfter: 1h was given, less than objectives.rto (4h): the sweeper would remove a drill that is still within its time; allow at least the RTO',
  ],
  [
    'a signing key of another region',
    altered('arn:aws:kms:us-east-1', 'arn:aws:kms:eu-central-1'),
    "44:15 ledger.signingKey: is a key in eu-central-1, but the ledger is in us-east-1; use a key of the ledger's region, so that losing another region does not stop the evidence",
  ],
  [
    'a signing key of production',
    altered(`kms:us-east-1:${V}`, `kms:us-east-1:${P}`),
    `44:15 ledger.signingKey: is a key of account ${P}; evidence is signed in the vault account (${V})`,
  ],
  [
    'evidence that goes before the points',
    altered('retention:\n  days: 90', 'retention:\n  days: 900'),
    '41:1 ledger.keep: 400d was given, less than retention.days (900); keep evidence at least as long as the points it speaks of',
  ],
  [
    'an instance of another account',
    altered(`:${P}:db:orders`, `:${V}:db:orders`),
    `48:10 resources[0].arn: is in account ${V}, but accounts.production is ${P}; a policy protects resources of one production account`,
  ],
  [
    'an instance of another region',
    altered('arn:aws:rds:eu-central-1', 'arn:aws:rds:eu-west-1'),
    "48:10 resources[0].arn: is in eu-west-1, but the backup vault is in eu-central-1; AWS Backup backs up into a vault of the resource's region: use a policy per region",
  ],
  [
    'an Aurora cluster',
    altered(':db:orders', ':cluster:orders'),
    `48:10 resources[0].arn: arn:aws:rds:eu-central-1:${P}:cluster:orders is the ARN of an Aurora cluster, which this version does not protect yet; allowed is arn:aws:rds:eu-central-1:${P}:db:NAME`,
  ],
  [
    'a secret out of reach of the prober',
    altered(`secretsmanager:eu-central-1:${P}`, `secretsmanager:us-east-1:${P}`),
    `49:18 resources[0].credentials: is a secret in us-east-1 of account ${P}; the production prober reads it, so it must be the ARN of a secret in eu-central-1 of account ${P}`,
  ],
  [
    'freshness that is laxer than the RPO',
    altered('maxAge: 15m', 'maxAge: 25h'),
    '53:17 resources[0].freshness[0].maxAge: 25h was given; at most 24h is allowed: data older than objectives.rpo breaks the promise, so the check must not call it fresh',
  ],
  [
    'a check that is listed twice',
    `${minimal}    checks: [boot, freshness, boot]\n`,
    '54:31 resources[0].checks[2]: boot is listed twice; remove one',
  ],
  [
    'a resource that is excluded, too',
    `${minimal}exclude:\n  - { arn: 'arn:aws:rds:eu-central-1:${P}:db:orders', reason: by mistake }\n`,
    '55:12 exclude[0].arn: is protected as orders, too; remove it here or there',
  ],
])('%s is named with its line', (_mistake, text, says) => {
  expect(said(text)).toEqual([`lifeboat.yaml:${says}`]);
});

// These make other places wrong, too, which are named beside the cause.
test.each<[mistake: string, text: string, says: string]>([
  [
    'a backup outside production',
    altered('account: production', 'account: vault'),
    '17:12 backup.account: vault was given; only production is allowed: a backup is made beside its resource and copied from there',
  ],
  [
    'a last copy outside the vault account',
    altered('  - account: vault', '  - account: production'),
    '29:14 copies[1].account: is production: the last copy must lie in the vault account, where production cannot reach it',
  ],
  [
    'a hop into the drill account',
    altered('  - account: production', '  - account: drill'),
    '23:14 copies[0].account: is drill: the drill account must not hold lasting copies; it gets one for the time of a drill (drill.transitVault)',
  ],
])('%s is named among what follows from it', (_mistake, text, says) => {
  expect(said(text)).toContain(`lifeboat.yaml:${says}`);
});

test('two accounts that are the same are refused, whatever else is right', () => {
  expect(said(minimal.replaceAll(V, P)).join('\n')).toMatch(
    /14:16 accounts\.vault\.id: is the account of production, too; production, vault and drill must be three different accounts/,
  );
});

test('a hop that changes region and account at once is refused with what to put in between', () => {
  const oneHop = altered(/ {2}- account: production\n(?: {4}.*\n)+/, '');
  expect(said(oneHop)).toEqual([
    expect.stringMatching(
      /^lifeboat\.yaml:\d+:\d+ copies\[0\]: goes to another region .* put a copy in between .* a relay vault of production in us-east-1$/,
    ),
  ]);
});

test('a point is not copied into a vault that it is in already', () => {
  const twice = altered('name: lifeboat-relay', 'name: lifeboat-local').replace(
    'region: us-east-1\n    name: lifeboat-local',
    'region: eu-central-1\n    name: lifeboat-local',
  );
  expect(said(twice).join('\n')).toMatch(
    /copies\[0\]: names the vault lifeboat-local in production, eu-central-1, a second time/,
  );
});

test('two resources with one name or one ARN are refused', () => {
  const twin = minimal.slice(minimal.indexOf('  - name: orders'));
  expect(said(minimal + twin)).toEqual([
    expect.stringContaining('resources[1].name: orders is the name of another resource above'),
    expect.stringContaining('resources[1].arn: is protected as orders above already'),
  ]);
});

test('a resource whose freshness nobody can read is refused before the night, not after it', () => {
  const blind = minimal.slice(0, minimal.indexOf('    freshness:'));
  expect(said(blind)).toEqual([expect.stringContaining('46:5 resources[0]: asks for the check freshness')]);
  expect(said(`${blind}    checks: [boot, content]\n`)).toEqual([]);
});

test('all problems are found in one go, in the order of the file', () => {
  const text = altered('cron:', 'corn:')
    .replace('days: 90', 'days: many')
    .replace('kind: rds-instance', 'kind: mainframe');
  expect(said(text).map((line) => line.split(' ')[1])).toEqual([
    'schedule.corn:',
    'retention.days:',
    'resources[0].kind:',
  ]);
});

test('mistakes of YAML itself are named with their line', () => {
  expect(said(altered('  rpo: 24h', '  rto: 24h'))).toEqual([
    'lifeboat.yaml:11:3 the key rto is given twice; keep one of the two',
  ]);
  expect(said(altered("cron: '30 2 * * *'", 'cron: * * * * *'))[0]).toMatch(
    /^lifeboat\.yaml:6:\d+ not valid YAML: /,
  );
  expect(said(altered('  days: 90', '\tdays: 90'))[0]).toMatch(/^lifeboat\.yaml:8:\d+ not valid YAML: /);
  expect(said('')[0]).toMatch(/^lifeboat\.yaml:1:1 version: is missing/);
  expect(said('just a text')).toEqual([
    'lifeboat.yaml:1:1 just a text was given; a map of keys and values is allowed',
  ]);
});

test('anchors may be used, and a file that explodes through them is refused', () => {
  const role = `arn:aws:iam::${P}:role/lifeboat-backup-service`;
  const anchored = minimal
    .replace(role, `&service ${role}`)
    .replace(new RegExp(`serviceRole: ${role}`), 'serviceRole: *service');
  expect(anchored).toContain('*service');
  expect(said(anchored)).toEqual([]);
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n`;
  expect(said(bomb)).toEqual([expect.stringMatching(/^lifeboat\.yaml:1:1 the YAML cannot be read: /)]);
});

test('what is allowed but worth a look comes as a warning with its line', () => {
  const warned = (text: string): string => {
    const parsed = parsePolicy(text, 'lifeboat.yaml');
    return parsed.ok ? formatProblems(parsed.warnings) : 'refused';
  };
  expect(warned(altered('lock: compliance', 'lock: none'))).toMatch(
    /^lifeboat\.yaml:21:9 backup\.lock: is none/,
  );
  expect(warned(altered("'30 2 * * *'", "'30 2 1 * MON'"))).toMatch(
    /^lifeboat\.yaml:6:9 schedule\.cron: gives a day of the month and/,
  );
  expect(
    warned(altered('days: 90', 'days: 4000').replace('signingKey', 'keep: 4000d\n  signingKey')),
  ).toMatch(/retention\.days: is about 10 years/);
});

test.each([
  '0 0 * * *',
  '*/5 1-3 * * *',
  '30 2 * JAN-MAR MON-FRI',
  '0 2 29 2 *',
  '0,30 2 1,15 * *',
  '0 2 * * 7',
  '5/10 * * * *',
])('cron expression %s runs', (cron) => {
  expect(cronProblem(cron)).toBeNull();
});

test.each([
  ['0 2 * *', /4 fields found/],
  ['0 2 * * * *', /6 fields found/],
  ['@daily', /1 field found/],
  ['60 2 * * *', /"60" is not a minute/],
  ['0 2 0 * *', /"0" is not a day of the month/],
  ['0 2 * 13 *', /"13" is not a month/],
  ['0 2 * * 8', /"8" is not a day of the week/],
  ['0 5-3 * * *', /the range runs backwards/],
  ['*/0 2 * * *', /a step must be at least 1/],
  ['0 2 30 2 *', /it would never run/],
  ['0 2 31 4,6 *', /it would never run/],
  ['0 2 * FOO *', /"FOO" is not a month/],
  ['0, 2 * * *', /"" is not a minute/],
])('cron expression %s is refused', (cron, why) => {
  expect(cronProblem(cron)).toMatch(why);
});

test('no text whatsoever makes the parser throw, and each problem has a place in the file', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), cutAndPasted()), (text) => {
      const parsed = parsePolicy(text, 'lifeboat.yaml');
      if (parsed.ok) return;
      expect(parsed.problems.length).toBeGreaterThan(0);
      for (const { line, column, message } of parsed.problems) {
        expect(line).toBeGreaterThanOrEqual(1);
        expect(column).toBeGreaterThanOrEqual(1);
        expect(line).toBeLessThanOrEqual(text.split('\n').length);
        expect(message).not.toBe('');
      }
    }),
    { numRuns: 300 },
  );
});

/** The example with a piece of it cut out and pasted somewhere else: nearly right is where parsers stumble. */
function cutAndPasted(): fc.Arbitrary<string> {
  const at = fc.nat({ max: minimal.length });
  return fc.tuple(at, fc.nat({ max: 60 }), at).map(([from, length, to]) => {
    const piece = minimal.slice(from, from + length);
    const rest = minimal.slice(0, from) + minimal.slice(from + length);
    return rest.slice(0, to) + piece + rest.slice(to);
  });
}
