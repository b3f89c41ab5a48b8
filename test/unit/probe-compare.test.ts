import { expect, test } from '@jest/globals';
import { compareBlocks, type CopiedTable } from '../../probe/postgresql/checks/content-compare.ts';
import { tableFindings } from '../../probe/postgresql/checks/content-findings.ts';
import { blocksInWords, grouped } from '../../probe/postgresql/checks/ranges.ts';
import type { BlockDigests, TableFingerprint } from '../../probe/postgresql/fingerprint.ts';

type Block = readonly [count: number, digest: number];

function blocks(of: readonly Block[]): BlockDigests {
  return {
    counts: Uint16Array.from(of.map(([count]) => count)),
    digests: BigUint64Array.from(of.map(([, digest]) => BigInt(digest))),
  };
}

function source(of: readonly Block[], changes: Partial<TableFingerprint> = {}): TableFingerprint {
  const rows = of.reduce((sum, [count]) => sum + count, 0);
  const fixed = {
    schema: 'public',
    name: 't',
    kind: 'table',
    unlogged: false,
    signature: 's',
    fileNode: '1',
    rewrittenWhileRead: false,
    vacuums: 0,
  } as const;
  return { ...fixed, sizeBlocks: of.length, rows, blocks: blocks(of), ...changes };
}

function copy(of: readonly Block[], changes: Partial<CopiedTable> = {}): CopiedTable {
  const rows = of.reduce((sum, [count]) => sum + count, 0);
  return {
    sizeBlocks: of.length,
    rows,
    late: 0,
    writesSinceRecovery: 0,
    blocks: blocks(of),
    unreadable: [],
    vacuums: 0,
    ...changes,
  };
}

const QUIET = source([
  [10, 1],
  [10, 2],
  [10, 3],
]);

test('blocks that are the same on all three sides are proven, row by row', () => {
  const result = compareBlocks(
    QUIET,
    QUIET,
    copy([
      [10, 1],
      [10, 2],
      [10, 3],
    ]),
  );
  expect(result).toMatchObject({
    provenRows: 30,
    quietBlocks: 3,
    movedBlocks: 0,
    wrongBlocks: [],
    wrongRows: 0,
    missingBlocks: 0,
  });
});

test.each<[string, readonly Block[], object]>([
  [
    'a changed row',
    [
      [10, 1],
      [10, 9],
      [10, 3],
    ],
    { wrongBlocks: [1], wrongRows: 1, missingRows: 0 },
  ],
  [
    'missing rows',
    [
      [10, 1],
      [4, 9],
      [10, 3],
    ],
    { wrongBlocks: [1], wrongRows: 6, missingRows: 6 },
  ],
  [
    'rows too many',
    [
      [10, 1],
      [11, 9],
      [10, 3],
    ],
    { wrongBlocks: [1], wrongRows: 1, extraRows: 1 },
  ],
  [
    'a missing end',
    [
      [10, 1],
      [10, 2],
    ],
    { wrongBlocks: [2], missingRows: 10, missingBlocks: 1 },
  ],
  [
    'old rows where there were none',
    [
      [10, 1],
      [10, 2],
      [10, 3],
      [5, 7],
    ],
    { wrongBlocks: [3], extraRows: 5 },
  ],
])('%s in a quiet block is found', (_, of, expected) => {
  expect(compareBlocks(QUIET, QUIET, copy(of))).toMatchObject(expected);
});

test('a block that moved and is as one of the passes saw it is proven, and one with as many rows that are others is wrong', () => {
  const [before, after] = [source([[10, 1]]), source([[6, 2]])];
  expect(compareBlocks(before, after, copy([[10, 1]]))).toMatchObject({ wrongBlocks: [], provenRows: 10 });
  expect(compareBlocks(before, after, copy([[6, 2]]))).toMatchObject({ wrongBlocks: [], provenRows: 6 });
  expect(compareBlocks(before, after, copy([[10, 2]]))).toMatchObject({ wrongBlocks: [0], wrongRows: 1 });
  expect(compareBlocks(before, after, copy([[6, 1]]))).toMatchObject({ wrongBlocks: [0], provenRows: 0 });
});

test('in a block that moved, old rows may become fewer down to the second pass, and no further', () => {
  const [before, after] = [source([[10, 1]]), source([[6, 2]])];
  expect(compareBlocks(before, after, copy([[8, 5]]))).toMatchObject({
    wrongBlocks: [],
    provenRows: 0,
    movedBlocks: 1,
  });
  expect(compareBlocks(before, after, copy([[5, 5]]))).toMatchObject({ wrongBlocks: [0], missingRows: 1 });
  expect(compareBlocks(before, after, copy([[11, 5]]))).toMatchObject({ wrongBlocks: [0], extraRows: 1 });
});

test('a table that was rewritten between the passes is bounded as a whole', () => {
  const [before, after] = [
    source([
      [10, 1],
      [10, 2],
    ]),
    source([[15, 4]], { fileNode: '2' }),
  ];
  expect(
    compareBlocks(
      before,
      after,
      copy([
        [9, 8],
        [9, 9],
      ]),
    ),
  ).toMatchObject({ wrongRows: 0, provenRows: 0 });
  expect(compareBlocks(before, after, copy([[9, 8]]))).toMatchObject({ missingRows: 6 });
});

test('a heap is too short only when nothing can have shortened it', () => {
  const young = source([
    [10, 1],
    [0, 0],
  ]);
  expect(compareBlocks(young, young, copy([[10, 1]])).missingBlocks).toBe(1);
  const vacuumed = source([[10, 1]], { vacuums: 1 });
  expect(compareBlocks(young, vacuumed, copy([[10, 1]])).missingBlocks).toBe(0);
  expect(compareBlocks(young, young, copy([[10, 1]], { vacuums: 1 })).missingBlocks).toBe(0);
});

test('blocks that PostgreSQL cannot read count as lost', () => {
  const result = compareBlocks(
    QUIET,
    QUIET,
    copy(
      [
        [10, 1],
        [0, 0],
        [10, 3],
      ],
      { unreadable: [1] },
    ),
  );
  expect(result).toMatchObject({ wrongBlocks: [1], missingRows: 10, provenRows: 20 });
});

test('a finding names the rows and the blocks', () => {
  const table = copy([
    [10, 1],
    [4, 9],
    [10, 3],
  ]);
  const [finding] = tableFindings(
    'orders.public.order_line',
    { ...QUIET, rows: 90_112 },
    table,
    compareBlocks(QUIET, QUIET, table),
    true,
  );
  expect(finding).toMatchObject({
    severity: 'failure',
    message: '6 of 90 112 rows are not those of the source (6 missing)',
    where: 'orders.public.order_line block 1',
  });
});

test('rows written after the restore are a failure of their own', () => {
  const table = copy(
    [
      [10, 1],
      [10, 2],
      [10, 3],
    ],
    { late: 2 },
  );
  const findings = tableFindings('a.b.c', QUIET, table, compareBlocks(QUIET, QUIET, table), true);
  expect(findings.map(({ code }) => code)).toEqual(['rows-after-restore']);
});

test('block numbers are told as ranges, and long lists are cut with their number', () => {
  expect(blocksInWords([44, 12, 13, 14, 13])).toBe('blocks 12–14, 44');
  expect(blocksInWords([7])).toBe('block 7');
  expect(blocksInWords(Array.from({ length: 20 }, (_, n) => n * 2))).toBe(
    'blocks 0, 2, 4, 6, 8, 10, 12, 14 and 12 more',
  );
  expect([0, 999, 1_000, 1_234_567].map(grouped)).toEqual(['0', '999', '1 000', '1 234 567']);
});
