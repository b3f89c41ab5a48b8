import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { BUCKET_CHECK_IDS, type BucketCheckId } from '../../domain/verdict.ts';
import { BucketLab } from '../../scripts/lab/s3/base.ts';
import { examineBucket } from '../../scripts/lab/s3/examine.ts';
import { healthyBucketRound } from '../../scripts/lab/s3/healthy.ts';
import { BUCKET_CONTROL, BUCKET_DAMAGE_KINDS } from '../../scripts/lab/s3/kinds.ts';
import { bucketNight, type BucketNight } from '../../scripts/lab/s3/night.ts';

// The fast part of `npm run lab -- damage --of buckets` and of `npm run lab -- healthy --of buckets`.
const SEED = 'fixed';

let lab: BucketLab;
let night: BucketNight;
let promised: ReadonlyMap<string, Readonly<Record<BucketCheckId, string>>>;

beforeAll(async () => {
  promised = await promises();
  lab = await BucketLab.open();
  night = await bucketNight(lab);
}, 120_000);

afterAll(() => lab.end());

/** The table of `docs/verification.md` for buckets: per kind of damage, which check sees it always (`yes`) or sometimes (`some`). */
async function promises(): Promise<Map<string, Record<BucketCheckId, string>>> {
  const text = await readFile('docs/verification.md', 'utf8');
  const section = /^### Damage to a bucket\n(.*?)^##/ms.exec(text)?.[1] ?? '';
  const [head = [], , ...rows] = (section.match(/^\|.*\|$/gm) ?? []).map(cells);
  expect(head.slice(1)).toEqual(BUCKET_CHECK_IDS);
  return new Map(
    rows.map(([kind = '', ...marks]) => [
      kind,
      Object.fromEntries(BUCKET_CHECK_IDS.map((id, n) => [id, marks[n] ?? ''])) as Record<
        BucketCheckId,
        string
      >,
    ]),
  );
}

function cells(line: string): string[] {
  return line
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim());
}

test('the copy of a bucket as it came passes every check', async () => {
  expect(await examineBucket(night, BUCKET_CONTROL, SEED)).toMatchObject({
    status: 'passed',
    reasons: [],
    doubtedBy: [],
  });
});

test('the documentation lists exactly the damages to buckets that the laboratory can do', () => {
  expect([...promised.keys()]).toEqual(BUCKET_DAMAGE_KINDS.map(({ name }) => name));
});

test.each(BUCKET_DAMAGE_KINDS)(
  '$name: fails, by the checks that the documentation names, and the objects are named',
  async (kind) => {
    const { status, caughtBy, what, unnamed } = await examineBucket(night, kind, SEED);
    const marks = promised.get(kind.name)!;
    const marked = (...as: readonly string[]) => BUCKET_CHECK_IDS.filter((id) => as.includes(marks[id]));
    expect({ what, status, unnamed }).toEqual({ what, status: 'failed', unnamed: [] });
    expect(caughtBy).toEqual(expect.arrayContaining(marked('yes')));
    expect(marked('yes', 'some')).toEqual(expect.arrayContaining([...caughtBy]));
  },
);

test.each([1, 2, 3])('round %i: the copy of a bucket that is written to all the while passes', async (n) => {
  const { status, reasons, provenRows, notExaminedRows, written } = await healthyBucketRound(
    lab,
    n,
    `fixed/${n}`,
  );
  expect({ status, reasons, notExaminedRows }).toEqual({ status: 'passed', reasons: [], notExaminedRows: 0 });
  expect(provenRows).toBeGreaterThan(0);
  expect(written).toBeGreaterThan(5);
});
