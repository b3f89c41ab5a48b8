import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { promiseReport, promisesCsv } from '../../evidence/promises/report.ts';
import { recordOf } from '../../evidence/promises/record.ts';
import { drillCsv, drillReportOf } from '../../evidence/reports/drill.ts';
import { drillReportPage } from '../../evidence/reports/drill-page.ts';
import { drillIn } from '../../evidence/reports/find-drill.ts';
import { monthlyCsv, monthlyOf } from '../../evidence/reports/monthly.ts';
import { monthlyPage } from '../../evidence/reports/monthly-page.ts';
import { csvLine, populationCsv, populationOf } from '../../evidence/reports/population.ts';
import { populationPage } from '../../evidence/reports/population-page.ts';
import { promisesPage } from '../../evidence/reports/promises-page.ts';
import { restoresCsv, restoresOf } from '../../evidence/reports/restores.ts';
import { restoresPage } from '../../evidence/reports/restores-page.ts';
import { basisOf, readNights, sourceInFolder } from '../../evidence/reports/source.ts';
import { exportOf, newSigner, slotOfNight } from './evidence-export.ts';
import { nightFact } from './evidence-facts.ts';
import { monthOfNights } from './evidence-month.ts';
import type { NightRecord } from '../../evidence/reports/source.ts';

const ALL = { from: null, to: null };
const dir = mkdtempSync(join(tmpdir(), 'report-'));
let nights: NightRecord[] = [];
let basis = basisOf({ bucket: '', region: '', where: '' } as never);
const pages = new Map<string, string>();

beforeAll(async () => {
  await exportOf(monthOfNights(newSigner()), dir);
  const source = sourceInFolder(dir);
  basis = basisOf(source);
  nights = await all(readNights(source, basis));
  const found = await drillIn(source, 'customers');
  pages.set('drill', drillReportPage(drillReportOf(found!.evidence), found!.basis));
  pages.set('population', populationPage(population().report()));
  pages.set('monthly', monthlyPage(monthly()));
  pages.set('restore', restoresPage(restores()));
  pages.set('promises', promisesPage(promises()));
});

afterAll(() => rmSync(dir, { recursive: true }));

function population() {
  const collected = populationOf(basis, ALL);
  for (const night of nights) collected.add(night);
  return collected;
}

function monthly() {
  const collected = monthlyOf(basis, ALL);
  for (const night of nights) collected.add(night);
  return collected.report();
}

function restores() {
  const collected = restoresOf(basis, ALL);
  for (const night of nights) collected.add(night);
  return collected.report();
}

function promises() {
  const collected = recordOf(basis);
  for (const night of nights) collected.add(night);
  const holds = [
    { kind: 'backed-up', every: '24h' },
    { kind: 'immutable' },
    { kind: 'point-in-time' },
  ] as const;
  const period = { from: '2026-11-21', to: '2026-12-21' };
  return promiseReport('Promises', [{ name: 'all', says: 'all is well', holds }], collected.record(), period);
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const KINDS = ['drill', 'population', 'monthly', 'restore', 'promises'] as const;
const VOID = new Set(['meta', 'rect', 'line', 'circle', 'path', 'br']);

test.each(KINDS)(
  'the page of the %s report is well-formed: every element that opens closes, in order',
  (kind) => {
    const page = pages.get(kind)!.replace(/<style>[^]*?<\/style>/, '');
    const open: string[] = [];
    for (const [, slash, name, rest] of page.matchAll(/<(\/?)([a-z][a-z0-9]*)([^<>]*)>/g)) {
      if (slash === '/') expect(open.pop()).toBe(name);
      else if (rest!.trim().endsWith('/')) expect(VOID.has(name!)).toBe(true);
      else open.push(name!);
    }
    expect(open).toEqual([]);
    expect(page.replaceAll(/<[^<>]*>/g, '')).not.toMatch(/[<>]|&(?!#?\w+;)/);
    expect(page).not.toMatch(/undefined|NaN|\[object|null/);
  },
);

test.each(KINDS)(
  'the page of the %s report can be read by everybody: headings in order, captions, scopes, names of pictures',
  (kind) => {
    const page = pages.get(kind)!;
    const levels = [...page.matchAll(/<h([1-6])>/g)].map(([, level]) => Number(level));
    expect(levels[0]).toBe(1);
    expect(levels.filter((level) => level === 1)).toHaveLength(1);
    levels.reduce((before, level) => {
      expect(level).toBeLessThanOrEqual(before + 1);
      return level;
    });
    const tables = page.match(/<table>[^]*?<\/table>/g)!;
    for (const table of tables) expect(table).toMatch(/^<table>\s*<caption>\s*\S[^<]*<\/caption>\s*<thead>/);
    expect(page.match(/<th(?! scope="(?:col|row)")[ >]/g)).toBeNull();
    for (const [svg] of page.matchAll(/<svg[^>]*>/g))
      expect(svg).toMatch(/role="img"[^>]*aria-label="[^"]+"|aria-hidden="true"/s);
    expect(page).toContain('<html lang="en">');
    expect(page).toMatch(/<title>[^<]+<\/title>/);
  },
);

test.each(KINDS)('the page of the %s report needs nothing but itself', (kind) => {
  const page = pages.get(kind)!;
  expect(page).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|\ssrc=|\shref=|https?:\/\/|\son\w+=/);
});

test.each(KINDS)(
  'the page of the %s report says what was not tested or not proven, and until when it is fresh',
  (kind) => {
    const page = pages.get(kind)!;
    expect(page).toMatch(/<h2>What (was not tested|could not be proven)<\/h2>/);
    if (kind === 'drill') expect(page).toMatch(/<dt>Fresh until<\/dt>/);
    if (kind === 'population' || kind === 'monthly') expect(page).toContain('<h2>Fresh until</h2>');
  },
);

/** Relative luminance and contrast of WCAG 2.2. */
function contrast(one: string, other: string): number {
  const luminance = (hex: string): number => {
    const full = hex.length === 4 ? hex.replaceAll(/[0-9a-f]/gi, '$&$&') : hex;
    const parts = [1, 3, 5].map((at) => parseInt(full.slice(at, at + 2), 16) / 255);
    const [r, g, b] = parts.map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const [bright, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (bright! + 0.05) / (dark! + 0.05);
}

test('every text has a contrast of 4.5 or more on its ground: in the light, in the dark and on paper', () => {
  const style = /<style>([^]*?)<\/style>/.exec(pages.get('monthly')!)![1]!;
  const schemes = [...style.matchAll(/:root \{([^}]*)\}/g)].map(([, body]) => {
    const colours = new Map<string, string>();
    for (const [, name, value] of body!.matchAll(/--([a-z-]+): (#[0-9a-f]+)/g)) colours.set(name!, value!);
    return (name: string): string => colours.get(name)!;
  });
  expect(schemes).toHaveLength(3);
  const pairs = [
    ['ink', 'paper'],
    ['ink', 'panel'],
    ['soft', 'paper'],
    ['soft', 'panel'],
    ...['good', 'bad', 'open'].flatMap((name) => [
      [name, `${name}-paper`],
      [name, 'paper'],
    ]),
  ];
  for (const scheme of schemes)
    for (const [text, ground] of pairs)
      expect([text, ground, contrast(scheme(text!), scheme(ground!)) >= 4.5]).toEqual([text, ground, true]);
  // Forms in pictures need 3.
  for (const scheme of schemes) expect(contrast(scheme('bar'), scheme('paper'))).toBeGreaterThanOrEqual(3);
  expect(contrast('#000000', '#ffffff')).toBe(21);
});

test('a page prints: no fixed paper size, heads of tables repeat, rows and pictures are not cut', () => {
  const style = /<style>([^]*?)<\/style>/.exec(pages.get('population')!)![1]!;
  expect(style).toMatch(/@page \{ margin: 15mm; \}/);
  for (const rule of ['display: table-header-group', 'tr { break-inside: avoid', 'svg { break-inside: avoid'])
    expect(style).toContain(rule);
});

test('the population has a cell for every resource and slot, counts that reconcile, and a row for silence', () => {
  const report = population().report();
  expect(report.slots).toHaveLength(30);
  expect(report.cells).toBe(30 * 6 + 11);
  expect(report.counts).toEqual({ passed: 147, failed: 1, inconclusive: 2, excluded: 30, 'not-covered': 11 });
  expect(report.slots.every(({ listed, counted }) => listed === counted)).toBe(true);
  expect(report.silence).toEqual([
    { policy: 'sample', after: slotOfNight(16), before: slotOfNight(18), slots: 1 },
  ]);
  const stock = report.resources.find(({ resource }) => resource === 'stock')!;
  expect(stock.runs.map(({ end, first, last }) => [end, first, last])).toEqual([
    ['passed', 0, 4],
    ['inconclusive', 5, 6],
    ['passed', 7, 29],
  ]);
  const lines = [...populationCsv(report)];
  expect(lines).toHaveLength(report.cells + 1);
  expect(lines.filter((line) => line.includes(',failed,'))).toEqual([
    expect.stringMatching(
      /^sample,customers,arn:aws:rds:\S+,2026-12-02T02:30:00Z,failed,content: 3 blocks.*,12\r\n$/,
    ),
  ]);
});

test('a seal whose counts are not those of its rows is named by the population', () => {
  const collected = population();
  const { seal } = nights[0]!;
  const slot = slotOfNight(40);
  collected.add({
    seal: { ...seal, night: { ...seal.night, slot }, counts: { ...seal.counts, population: { passed: 99 } } },
  });
  expect(populationPage(collected.report())).toContain('1 seal with counts that are not those of the rows.');
});

test('a year of a thousand resources is a page of a few megabytes, and every cell is in the CSV', () => {
  const collected = populationOf(basis, ALL);
  const { seal } = nights[0]!;
  const names = Array.from({ length: 1000 }, (_, n) => `db-${n}`);
  for (let n = 0; n < 365; n += 1) {
    const night = nightFact(names, slotOfNight(n));
    const rows = night.population.map((row, at) =>
      (at * 7 + n) % 101 === 0 ? { ...row, end: 'failed' as const, reason: 'content differs' } : row,
    );
    collected.add({
      seal: {
        ...seal,
        sequence: n + 1,
        night: { ...night, population: rows },
        counts: { statements: 0, population: {} },
      },
    });
  }
  const report = collected.report();
  expect(report.cells).toBe(365_000);
  const page = populationPage(report);
  expect(page.length).toBeLessThan(6_000_000);
  const note = /Shown are 5,000 of [0-9,]+\s+lines; all of them are in\s+the CSV/.exec(page);
  expect(note?.[0]).toBeDefined();
  let lines = 0;
  for (const line of populationCsv(report)) lines += line.length > 0 ? 1 : 0;
  expect(lines).toBe(365_001);
});

test('the drill report has a value or a reason for every field that a reader may look for', async () => {
  const found = await drillIn(sourceInFolder(dir), 'statements/2026-12-02/customers/drill.json');
  const report = drillReportOf(found!.evidence);
  expect(report.verdict).toBe('failed');
  expect(report.identity).toMatchObject({
    requestedBy: 'the schedule of the policy',
    recordedBy: { version: '0.1.0', confidence: 'real' },
  });
  expect(Object.keys(report.notRecorded).sort()).toEqual(
    [
      'approvedBy',
      'deletableBy',
      'freshUntil',
      'lastVerifiedAt',
      'manualSteps',
      'objectivesSource',
      'owner',
      'retentionEffect',
      'retries',
      'seed',
      'tier',
    ].sort(),
  );
  expect(report.moments.map(({ at }) => at)).not.toContain(null);
  expect(report.hops).toHaveLength(3);
  const page = drillReportPage(report);
  for (const why of Object.values(report.notRecorded)) expect(page).toContain(why);
  expect([...drillCsv(report)].join('')).toContain('not recorded,seed,,the choice was not random');
});

test('fields that a drill does record are shown, and are not called missing', async () => {
  const found = await drillIn(sourceInFolder(dir), 'orders');
  const { evidence } = found!;
  const scope = {
    tier: 'tier one',
    owner: 'payments',
    objectivesSource: { document: 'BIA 7', date: '2026-01-02' },
  };
  const more = {
    scope,
    requestedBy: 'ada',
    approvedBy: ['grace'],
    retries: [],
    manualSteps: ['opened a ticket'],
    retentionEffect: [],
    freshUntil: '2026-12-28T02:30:00Z',
  };
  const selection = { ...evidence.fact.selection, seed: '1f2e', lastVerifiedAt: null };
  const report = drillReportOf({ ...evidence, fact: { ...evidence.fact, ...more, selection } });
  expect(report.notRecorded).toEqual({ deletableBy: 'the policies of vaults and keys were not read' });
  const page = drillReportPage(report);
  for (const said of [
    'tier one',
    'payments',
    'BIA 7',
    'ada',
    'grace',
    'opened a ticket',
    '1f2e',
    '2026-12-28 02:30:00',
  ])
    expect(page).toContain(said);
});

test('waivers in force and sign-offs belong to the drill that they speak of', async () => {
  const after = await drillIn(sourceInFolder(dir), 'customers');
  expect(after!.evidence.waivers.map(({ fact }) => fact.waiver)).toEqual(['w-7']);
  const before = await drillIn(sourceInFolder(dir), 'statements/2026-11-30/customers/drill.json');
  expect(before!.evidence.waivers).toEqual([]);
  expect(await drillIn(sourceInFolder(dir), 'nobody')).toBeNull();
});

test('the restore report tells each request from its phases, with how long access lasted', () => {
  const report = restores();
  expect(report.restores).toHaveLength(1);
  expect(report.restores[0]).toMatchObject({ request: 'r-2026-11-29', state: 'ended', accessSeconds: 0 });
  expect(report.restores[0]!.phases.map(({ phase }) => phase)).toEqual(['verified', 'handed-over', 'ended']);
  expect([...restoresCsv(report)]).toHaveLength(2);
});

test('a restore that was handed over and has no end on record is said so', () => {
  const collected = restoresOf(basis, ALL);
  for (const night of nights)
    collected.add({
      statements: night.statements.filter(({ fact }) => fact.type !== 'restore' || fact.phase !== 'ended'),
    });
  const [entry] = collected.report().restores;
  expect(entry).toMatchObject({ state: 'handed over and not ended', accessSeconds: null });
  expect(restoresPage(collected.report())).toContain('whether it was taken down; it has no end on record');
});

test('the monthly summary counts what did not pass, what was not tested, and the nights without evidence', () => {
  const report = monthly();
  expect(report).toMatchObject({
    drills: 148,
    restores: 1,
    provenGone: 30,
    failures: [{ resource: 'customers', verdict: 'failed' }],
  });
  expect(report.notTested[0]).toEqual({ what: 'schema: comments on objects', drills: 148 });
  expect(pages.get('monthly')).toContain(
    'Not everything was proven: 2 slots inconclusive, 1 slot failed, 11 slots not-covered, 1 night without any evidence.',
  );
  expect([...monthlyCsv(report)]).toHaveLength(31);
});

test('evidence that does not hold is left out, named first, and makes every promise unprovable', async () => {
  const source = sourceInFolder(dir);
  const damaged = {
    ...source,
    statement: async (one: Parameters<typeof source.statement>[0]) =>
      one.key === 'statements/2026-12-02/customers/drill.json' ? Buffer.from('{}') : source.statement(one),
  };
  const wrong = basisOf(damaged);
  const read = await all(readNights(damaged, wrong));
  expect(wrong.problems).toEqual([
    'statements/2026-12-02/customers/drill.json: its bytes are not those that its seal lists',
  ]);
  const month = monthlyOf(wrong, ALL);
  const record = recordOf(wrong);
  for (const night of read) {
    month.add(night);
    record.add(night);
  }
  expect(monthlyPage(month.report())).toContain('Some of the evidence does not hold.');
  const holds = [{ kind: 'encrypted' }] as const;
  const period = { from: '2026-11-21', to: '2026-12-01' };
  const asked = [{ name: 'a', says: 'b c', resources: ['orders'], holds }];
  expect(promiseReport('P', asked, record.record(), period).promises[0]!.answer).toBe('not provable');
});

test('a missing seal and a seal of another chain are found while a report is read', async () => {
  const source = sourceInFolder(dir);
  const skipping = {
    ...source,
    async *seals() {
      for await (const seal of source.seals()) if (!seal.key.endsWith('0005.json')) yield seal;
    },
  };
  const wrong = basisOf(skipping);
  await all(readNights(skipping, wrong, () => false));
  expect(wrong.problems).toEqual(['seals/000000000006.json: seal 6 follows seal 4; some are missing']);
});

test('cells of a CSV cannot become formulas or break their line', () => {
  expect(csvLine(['=1+1', 'a,b', 'say "x"', 'two\nlines', '-3.5', '-x'])).toBe(
    '\'=1+1,"a,b","say ""x""","two\nlines",-3.5,\'-x\r\n',
  );
  expect([...promisesCsv(promises())].length).toBeGreaterThan(3);
});

test('isolation and teardown are shown with the roles, the inventories and the cost where they are on record, and said to be missing elsewhere', async () => {
  const source = sourceInFolder(dir);
  const told = await drillIn(source, 'statements/2026-12-03/invoices/drill.json');
  const page = drillReportPage(drillReportOf(told!.evidence));
  expect(told!.evidence.proofs.isolation?.key).toBe('statements/2026-12-03/invoices/isolation.json');
  for (const said of ['role/lifeboat-prober', 'subgrp:lifeboat-drill', '0.42 USD, rates of 2026-11-01'])
    expect(page).toContain(said);
  const silent = await drillIn(source, 'statements/2026-12-04/invoices/drill.json');
  expect(silent!.evidence.proofs).toEqual({ isolation: null, teardown: null });
  expect(drillReportPage(drillReportOf(silent!.evidence))).toContain(
    'there is no statement about them beside the drill',
  );
});

test('a spoilt drill that the checks did not catch is in the monthly summary', () => {
  expect(monthly().knownBad).toEqual({
    drills: 1,
    notCaught: ['2026-12-03T02:30:00Z: one row changed in orders'],
  });
  expect(pages.get('monthly')).toContain('1 of 1 were NOT caught');
});
