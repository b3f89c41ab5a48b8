import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { CouldNot } from '../../cli/exit-status.ts';
import type { Run } from '../../cli/control-plane.ts';
import type { DrillResult, NightResult, ProtectResult, RestoreState } from '../../domain/requests.ts';
import { fakeTemporal, lifeboat, NOW, POLICY_FILE } from '../support/cli-world.ts';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function policyFile(name: string, change: (text: string) => string): string {
  const file = join(folder, name);
  writeFileSync(file, change(readFileSync(POLICY_FILE, 'utf8')));
  return file;
}

const json = (out: string): unknown => JSON.parse(out);
const NIGHT = 'lifeboat/night/night';
const SWEEP = 'lifeboat/night/sweep';
const RECORD = 'policy/night/2026-11-21T02:30:15Z';

const DRILL: DrillResult = {
  resource: 'orders',
  verdict: 'passed',
  reasons: [],
  checks: [
    {
      check: 'content',
      status: 'passed',
      examined: [{ unit: 'rows', examined: 1200, total: 1200 }],
      coverage: { provenRows: 1150, boundedRows: 50, notExaminedRows: 0 },
      durationMs: 1500,
      says: [],
    },
  ],
  pointArn: 'arn:aws:backup:us-east-1:222222222222:recovery-point:1',
  rto: { available: 12, firstQuery: 13.5, verified: 20 },
  rpoSeconds: 0.4,
  cleanedUp: true,
  statement: null,
  seconds: 31,
};
const FAILED_DRILL: DrillResult = {
  ...DRILL,
  verdict: 'failed',
  reasons: ['content: rows are missing (orders.public.order_line block 812)'],
};
const PROTECTED: ProtectResult = {
  resource: 'orders',
  outcome: 'protected',
  identity: null,
  points: [
    {
      arn: 'arn:aws:backup:us-east-1:222222222222:recovery-point:1',
      location: { accountId: '222222222222', region: 'us-east-1', vault: 'lifeboat' },
      status: 'COMPLETED',
      createdAt: '2026-11-21T02:30:20Z',
      deleteAt: '2027-02-19T02:30:20Z',
      encryptionKeyArn: null,
      sizeBytes: 52_428_800,
      lock: { state: 'immutable', since: '2026-01-01T00:00:00Z', minDays: 90, maxDays: 365 },
    },
  ],
  fingerprints: null,
  statement: null,
  seconds: 12,
};

function night(verdict: NightResult['verdict'], slot = '2026-11-21T02:30:15Z'): NightResult {
  return {
    slot,
    verdict,
    population: [{ resource: 'orders', arn: 'arn:orders', slot, end: verdict, reason: '' }],
    resources: [{ resource: 'orders', protection: null, drill: verdict === 'passed' ? DRILL : FAILED_DRILL }],
    seal: { key: 'seals/1', sequence: 1, sha256: 'ab'.repeat(32), statements: 3 },
  };
}

function run(id: string, type: string, status: Run['status'], startedAt: string): Run {
  return { id, type, status, startedAt, endedAt: status === 'running' ? null : startedAt };
}

describe('validate', () => {
  test('a valid policy is described', async () => {
    const { status, out } = await lifeboat(['validate']);
    expect(status).toBe(0);
    expect(out).toContain(`${POLICY_FILE} is valid: policy night, 1 resource.`);
  });

  test('every problem is named with its line, and nothing is connected to', async () => {
    const file = policyFile('wrong.yaml', (text) =>
      text.replace('days: 90', 'days: 0').replace('rto: 4h', 'rto: 4'),
    );
    const { status, out, err } = await lifeboat(['validate', file]);
    expect(status).toBe(2);
    expect(out).toBe('');
    expect(err).toContain(`${file} has 2 problems:`);
    expect(err).toMatch(/wrong\.yaml:8:9 retention\.days: 0 was given/);
    expect(err).toMatch(/wrong\.yaml:10:8 objectives\.rto/);
    expect(err).not.toMatch(/\n\s+at /);
  });

  test('with --json the problems are data, and standard output holds nothing else', async () => {
    const file = policyFile('wrong.yaml', (text) => text.replace('days: 90', 'days: 0'));
    const { status, out } = await lifeboat(['--json', 'validate', file]);
    expect(status).toBe(2);
    expect(json(out)).toMatchObject({
      error: { problems: [{ line: 8, column: 9, path: 'retention.days' }] },
    });
  });

  test('a policy file that is not there is said in one sentence', async () => {
    const { status, err } = await lifeboat(['--policy', 'nowhere.yaml', 'status']);
    expect(status).toBe(2);
    expect(err).toBe(
      'lifeboat: There is no policy file nowhere.yaml.\n  Name it with --policy FILE or LIFEBOAT_POLICY; examples/ has some to copy.\n',
    );
  });
});

describe('apply', () => {
  test('creates both schedules, once, has the change put on record, and starts no night', async () => {
    const temporal = fakeTemporal();
    const first = await lifeboat(['apply'], temporal);
    expect(first.out).toBe(
      `${NIGHT} created\n${SWEEP} created\nThe control plane puts it on record (run ${RECORD}).\n`,
    );
    expect([...temporal.schedules.keys()]).toEqual([NIGHT, SWEEP]);
    expect(temporal.schedules.get(NIGHT)).toMatchObject({
      type: 'nightlyRun',
      workflowIdPrefix: 'night/night',
      catchUpSeconds: 21_600,
      argument: { policy: { name: 'night' } },
    });
    const argument = { policy: { name: 'night' }, appliedBy: expect.any(String) };
    expect(temporal.started).toMatchObject([{ type: 'recordPolicy', id: RECORD, argument }]);

    const second = await lifeboat(['apply'], temporal);
    expect(second.out).toBe(`${NIGHT} unchanged\n${SWEEP} unchanged\n`);
    expect(temporal.started).toHaveLength(1);
  });

  test('says what a changed policy changes, and leaves a pause alone', async () => {
    const temporal = fakeTemporal();
    await lifeboat(['apply'], temporal);
    const before = temporal.schedules.get(NIGHT)!;
    temporal.schedules.set(NIGHT, { ...before, paused: true, note: 'maintenance' });
    const file = policyFile('other.yaml', (text) => text.replace('days: 90', 'days: 91'));

    const { out } = await lifeboat(['apply', file], temporal);

    expect(out).toContain(`${NIGHT} updated (it is paused and stays so)`);
    expect(out).toContain('retention of new points: 90 days → 91 days');
    expect(temporal.schedules.get(NIGHT)).toMatchObject({
      paused: true,
      argument: { policy: { retention: { days: 91 } } },
    });
  });

  test('--plan says the same and changes nothing', async () => {
    const temporal = fakeTemporal();
    const { out, status } = await lifeboat(['apply', '--plan'], temporal);
    expect(status).toBe(0);
    expect(out).toContain(`${NIGHT} would be created`);
    expect(temporal.schedules.size).toBe(0);
  });

  test('a schedule that somebody changed by hand is put right', async () => {
    const temporal = fakeTemporal();
    await lifeboat(['apply'], temporal);
    temporal.schedules.set(NIGHT, { ...temporal.schedules.get(NIGHT)!, when: null, overlap: 'ALLOW_ALL' });
    const { out } = await lifeboat(['apply'], temporal);
    expect(out).toContain('when: something else → ');
    expect(out).toContain('overlap: ALLOW_ALL → SKIP');
    expect(temporal.schedules.get(NIGHT)).toMatchObject({ overlap: 'SKIP' });
  });
});

describe('runs by hand', () => {
  test('a drill that passes ends with 0 and says what was examined', async () => {
    const temporal = fakeTemporal();
    temporal.results.set('drill/orders/', DRILL);
    const { status, out } = await lifeboat(['drill', 'orders', '--point', 'arn:p'], temporal);
    expect(status).toBe(0);
    expect(temporal.started).toMatchObject([
      {
        type: 'restoreDrill',
        id: 'drill/orders/2026-11-21T02:30:15Z',
        argument: { resource: 'orders', trigger: 'by-hand', pointArn: 'arn:p', slot: '2026-11-21T02:30:15Z' },
      },
    ]);
    expect(out).toContain('1,200 of 1,200 rows');
    expect(out).toContain(
      '1,150 rows proven equal (95.8 %), 50 bounded (written during the backup), 0 not examined',
    );
    expect(out).toContain('RTO: available 12.0 s, first query 13.5 s, verified 20.0 s');
    expect(temporal.closed).toBe(1);
  });

  test.each([
    ['failed', FAILED_DRILL],
    ['inconclusive', { ...DRILL, verdict: 'inconclusive' as const, reasons: ['content: no fingerprint'] }],
  ])('a drill that is %s ends with 1 and names the reason', async (verdict, result) => {
    const temporal = fakeTemporal();
    temporal.results.set('drill/orders/', result);
    const { status, out } = await lifeboat(['drill', 'orders'], temporal);
    expect(status).toBe(1);
    expect(out).toContain(verdict);
    expect(out).toContain(result.reasons[0]);
  });

  test('a run that could not be done ends with 2, its reason and what to do', async () => {
    const temporal = fakeTemporal();
    temporal.results.set('drill/orders/', new CouldNot('There is no point.', 'Make one.'));
    const { status, out, err } = await lifeboat(['--json', 'drill', 'orders'], temporal);
    expect(status).toBe(2);
    expect(json(out)).toEqual({ error: { message: 'There is no point.', action: 'Make one.' } });
    expect(err).toContain('lifeboat: There is no point.\n  Make one.\n');
  });

  test('a backup shows each copy with its lock as it was read back', async () => {
    const temporal = fakeTemporal();
    temporal.results.set('protect/orders/', PROTECTED);
    const { status, out } = await lifeboat(['backup', 'orders'], temporal);
    expect(status).toBe(0);
    expect(out).toMatch(/222222222222 +us-east-1 +lifeboat +COMPLETED +50\.0 MiB/);
    expect(out).toContain('immutable since 2026-01-01 00:00:00 UTC, keeps 90 to 365 days');
  });

  test('a backup that failed could not be done', async () => {
    const temporal = fakeTemporal();
    temporal.results.set('protect/orders/', {
      ...PROTECTED,
      outcome: 'failed',
      reason: 'the copy failed',
      points: [],
    });
    const { status, out } = await lifeboat(['backup', 'orders'], temporal);
    expect(status).toBe(2);
    expect(out).toContain('failed in 12.0 s: the copy failed');
  });

  test('a night tells the end of every resource and its seal', async () => {
    const temporal = fakeTemporal();
    temporal.results.set('night/night-', night('failed'));
    const { status, out } = await lifeboat(['night', '--only', 'drill'], temporal);
    expect(status).toBe(1);
    expect(temporal.started).toMatchObject([
      { id: 'night/night-2026-11-21T02:30:15Z', argument: { only: 'drill' } },
    ]);
    expect(out).toContain('seal: number 1, 3 statements');
  });

  test('an unsealed night says so and why', async () => {
    const temporal = fakeTemporal();
    temporal.results.set('night/night-', {
      ...night('passed'),
      seal: null,
      sealProblem: 'the key is disabled',
    });
    const { out } = await lifeboat(['night'], temporal);
    expect(out).toContain('seal: NOT written: the key is disabled');
  });

  test('--detach starts and returns', async () => {
    const temporal = fakeTemporal();
    const { status, out } = await lifeboat(['--json', 'night', '--detach'], temporal);
    expect(status).toBe(0);
    expect(json(out)).toEqual({ run: 'night/night-2026-11-21T02:30:15Z', detached: true });
  });

  test('Ctrl-C leaves the run alone and says so', async () => {
    const temporal = fakeTemporal();
    temporal.results.set('drill/orders/', new Promise(() => undefined));
    const { status, err } = await lifeboat(['drill', 'orders'], temporal, { interrupt: true });
    expect(status).toBe(130);
    expect(err).toBe(
      'Detached: drill/orders/2026-11-21T02:30:15Z goes on without this terminal. See it with `lifeboat status`.\n',
    );
    expect(temporal.closed).toBe(1);
  });

  test('each step of a run is one line, said once', async () => {
    const temporal = fakeTemporal();
    const at = NOW.toISOString();
    temporal.progress.set('drill/orders/', {
      steps: [
        { step: 'choose point', state: 'done', startedAt: at, endedAt: at, detail: 'the newest' },
        { step: 'restore', state: 'running', startedAt: at, endedAt: null, detail: '' },
        { step: 'checks', state: 'waiting', startedAt: null, endedAt: null, detail: '' },
      ],
    });
    temporal.results.set('drill/orders/', new Promise((resolve) => setTimeout(() => resolve(DRILL), 50)));
    const { out } = await lifeboat(['drill', 'orders'], temporal);
    expect(out.match(/choose point done/g)).toHaveLength(1);
    expect(out).toContain('choose point done (0.0 s): the newest');
    expect(out.match(/restore running/g)).toHaveLength(1);
    expect(out).not.toContain('checks waiting');
  });

  test('with --json progress goes to standard error, so that standard output stays one value', async () => {
    const temporal = fakeTemporal();
    temporal.results.set('drill/orders/', DRILL);
    const { out, err } = await lifeboat(['--json', 'drill', 'orders'], temporal);
    expect(json(out)).toMatchObject({ run: 'drill/orders/2026-11-21T02:30:15Z', verdict: 'passed' });
    expect(err).toContain('Started drill/orders/');
  });

  test('a resource that the policy does not have is answered with those that it has', async () => {
    const { status, err } = await lifeboat(['drill', 'order']);
    expect(status).toBe(2);
    expect(err).toContain(`has no resource "order".\n  It has: orders.`);
  });
});

describe('status', () => {
  test('shows the last slot, the last verified one, and what is not right with the schedules', async () => {
    const temporal = fakeTemporal();
    await lifeboat(['apply'], temporal);
    temporal.schedules.delete(SWEEP);
    temporal.runs.push(
      run('night/night-2026-11-21T02:30:00Z', 'nightlyRun', 'completed', '2026-11-21T02:30:01Z'),
      run('night/night-2026-11-20T02:30:00Z', 'nightlyRun', 'completed', '2026-11-20T02:30:01Z'),
      run('night/night-b-2026-11-21T02:30:00Z', 'nightlyRun', 'completed', '2026-11-21T02:30:02Z'),
      run('drill/orders/x', 'restoreDrill', 'running', '2026-11-21T02:20:00Z'),
    );
    temporal.results.set('night/night-2026-11-21', night('failed', '2026-11-21T02:30:00Z'));
    temporal.results.set('night/night-2026-11-20', night('passed', '2026-11-20T02:30:00Z'));

    const { status, out } = await lifeboat(['--json', 'status'], temporal);

    expect(status).toBe(1);
    expect(json(out)).toMatchObject({
      policy: 'night',
      resources: [{ resource: 'orders', last: { end: 'failed' }, lastVerified: '2026-11-20T02:30:00Z' }],
      schedules: [
        { schedule: NIGHT, state: 'active', current: true },
        { schedule: SWEEP, state: 'missing', current: false },
      ],
      nights: [{ verdict: 'failed' }, { verdict: 'passed' }],
      running: [{ id: 'drill/orders/x' }],
    });
    const words = await lifeboat(['status'], temporal);
    expect(words.out).toContain('missing; run `lifeboat apply`');
    expect(words.out).toMatch(/orders +2026-11-21 02:30:00 UTC +just now +failed +24 h ago/);
  });

  test('a resource that was never drilled is not verified', async () => {
    const { status, out } = await lifeboat(['status']);
    expect(status).toBe(1);
    expect(out).toMatch(/orders +never +- +unknown +never/);
  });

  test('Temporal that does not answer is one sentence', async () => {
    const temporal = {
      ...fakeTemporal(),
      refuses: new CouldNot('Temporal at x does not answer.', 'Start it.'),
    };
    const { status, err } = await lifeboat(['status'], temporal);
    expect(status).toBe(2);
    expect(err).toBe('lifeboat: Temporal at x does not answer.\n  Start it.\n');
  });
});

describe('restore', () => {
  const HANDED_OVER: RestoreState = {
    phase: 'handed-over',
    verdict: 'passed',
    reasons: [],
    endpoint: '127.20.1.5:5432',
    secretArn: 'arn:aws:secretsmanager:us-east-1:333333333333:secret:x',
    deadline: '2026-11-21T10:30:00Z',
    approval: null,
  };
  const ASK = ['restore', 'request', 'orders', '--reason', 'a bad deploy', '--name', 'bad-deploy'];

  test('an approval goes to the request, and what it still waits for is said', async () => {
    const temporal = fakeTemporal();
    const approval = {
      needed: 2,
      approvers: ['grace', 'linus'],
      decisions: [{ by: 'grace', decision: 'approved', reason: '' }],
      until: '2026-11-21T06:30:00.000Z',
    };
    temporal.runs.push({
      ...{ id: 'restore/bad-deploy', type: 'restoreRequest', status: 'running' },
      ...{ startedAt: NOW.toISOString(), endedAt: null },
    });
    temporal.queries.set('restore/bad-deploy decide', {
      ...HANDED_OVER,
      phase: 'awaiting-approval',
      approval,
    });
    const { status, out } = await lifeboat(['restore', 'approve', 'bad-deploy', '--as', 'grace'], temporal);
    expect(status).toBe(0);
    expect(temporal.updates).toEqual([
      {
        id: 'restore/bad-deploy',
        name: 'decide',
        argument: { by: 'grace', decision: 'approved', reason: '' },
      },
    ]);
    expect(out).toContain('grace approved bad-deploy.');
    expect(out).toContain(
      'waits until 2026-11-21 06:30:00 UTC for 2 approvals of grace, linus; grace agreed',
    );
    expect((await lifeboat(['restore', 'deny', 'bad-deploy'], temporal)).err).toContain('--reason');
    expect((await lifeboat(['restore', 'approve', 'nothing'], temporal)).err).toContain(
      'There is no restore request',
    );
  });

  test('a request is handed over with endpoint, secret, deadline and how to end it', async () => {
    const temporal = fakeTemporal();
    temporal.queries.set('restore/bad-deploy state', HANDED_OVER);
    temporal.results.set('restore/bad-deploy', new Promise(() => undefined));
    const { status, out } = await lifeboat(
      [...ASK, '--as', 'grace', '--at', '2026-11-21T09:58:00+01:00'],
      temporal,
    );
    expect(status).toBe(0);
    expect(temporal.started).toMatchObject([
      {
        type: 'restoreRequest',
        id: 'restore/bad-deploy',
        argument: {
          requestedBy: 'grace',
          reason: 'a bad deploy',
          at: '2026-11-21T08:58:00.000Z',
          keepSeconds: 28_800,
          acceptUnverified: false,
        },
      },
    ]);
    expect(out).toContain('endpoint: 127.20.1.5:5432');
    expect(out).toContain('lifeboat restore finish bad-deploy');
  });

  test('a copy that was handed over unverified ends with 1', async () => {
    const temporal = fakeTemporal();
    temporal.queries.set('restore/bad-deploy state', {
      ...HANDED_OVER,
      verdict: 'failed',
      reasons: ['content: no'],
    });
    temporal.results.set('restore/bad-deploy', new Promise(() => undefined));
    const { status, out } = await lifeboat([...ASK, '--accept-unverified'], temporal);
    expect(status).toBe(1);
    expect(out).toContain('content: no');
  });

  test.each([
    [['--keep', '25h'], '--keep 25h is not possible.'],
    [['--keep', 'long'], '--keep "long" is not a length of time.'],
    [['--at', 'yesterday'], '--at "yesterday" is not an instant.'],
    [['--at', '2026-11-21T09:58:00'], '--at "2026-11-21T09:58:00" is not an instant.'],
  ])('%j is refused before anything starts', async (more, says) => {
    const temporal = fakeTemporal();
    const { status, err } = await lifeboat([...ASK, ...more], temporal);
    expect(status).toBe(2);
    expect(err).toContain(says);
    expect(temporal.started).toEqual([]);
  });

  test('finish names who ends it and waits for the proof', async () => {
    const temporal = fakeTemporal();
    temporal.runs.push(run('restore/bad-deploy', 'restoreRequest', 'running', '2026-11-21T02:00:00Z'));
    temporal.results.set('restore/bad-deploy', {
      ended: 'finished by ada',
      cleanedUp: true,
      verdict: 'passed',
    });
    const { status, out } = await lifeboat(['restore', 'finish', 'bad-deploy'], temporal);
    expect(status).toBe(0);
    expect(temporal.updates).toEqual([{ id: 'restore/bad-deploy', name: 'finish', argument: { by: 'ada' } }]);
    expect(out).toContain('each absence was seen');
  });

  test('finishing what does not exist says so', async () => {
    const { status, err } = await lifeboat(['restore', 'finish', 'nothing']);
    expect(status).toBe(2);
    expect(err).toContain('There is no restore request "nothing".');
  });

  test('a reason is asked for', async () => {
    const { status, err } = await lifeboat(['restore', 'request', 'orders']);
    expect(status).toBe(2);
    expect(err).toContain("required option '--reason <text>' not specified");
  });
});

describe('hold', () => {
  const POINT = 'arn:aws:rds:us-east-1:222222222222:snapshot:awsbackup:copyjob-1';
  const placed = () => {
    const temporal = fakeTemporal();
    temporal.pollers.set('lifeboat', 1);
    temporal.results.set('hold/night/court/', {
      ...{ key: 'statements/2026-11-21/hold-night-court/placed.json', versionId: 'v1' },
      ...{ sha256: 'ab', type: 'hold' },
    });
    return temporal;
  };
  const ask = ['hold', 'place', POINT, '--reason', 'a lawsuit', '--name', 'court', '--owner', 'grace'];

  test('a hold is asked of the control plane, and how it ends is said', async () => {
    const temporal = placed();
    const { status, out } = await lifeboat([...ask, '--until', '2027-06-30'], temporal);
    expect(status).toBe(0);
    expect(temporal.started).toMatchObject([
      {
        type: 'changeHold',
        id: expect.stringMatching(/^hold\/night\/court\/[0-9a-f]{8}$/),
        argument: {
          ...{ action: 'place', hold: 'court', pointArn: POINT, by: 'grace', reason: 'a lawsuit' },
          until: '2027-06-30T23:59:59Z',
        },
      },
    ]);
    expect(out).toContain(
      'ends by nothing but `lifeboat hold release court`; look at it by 2027-06-30 23:59:59 UTC',
    );
  });

  test('a release names the hold and no point', async () => {
    const temporal = placed();
    const { status } = await lifeboat(['hold', 'release', 'court', '--reason', 'settled'], temporal);
    expect(status).toBe(0);
    expect(temporal.started).toMatchObject([
      { type: 'changeHold', argument: { action: 'release', hold: 'court', by: 'ada', reason: 'settled' } },
    ]);
  });

  test('days that are none, names that cannot be, and a control plane without workers start nothing', async () => {
    const temporal = placed();
    expect((await lifeboat([...ask, '--until', 'tomorrow'], temporal)).err).toContain(
      '--until "tomorrow" is not a day',
    );
    const named = ['hold', 'release', 'The Court', '--reason', 'settled'];
    expect((await lifeboat(named, temporal)).err).toContain('cannot be the name of a hold');
    temporal.pollers.clear();
    expect((await lifeboat([...ask, '--until', '2027-06-30'], temporal)).err).toContain(
      'No worker is there to do it',
    );
    expect(temporal.started).toEqual([]);
  });
});
