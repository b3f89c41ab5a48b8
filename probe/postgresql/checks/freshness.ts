import type { FreshnessRule } from '../../../domain/policy/schema.ts';
import { duration } from '../../../domain/units.ts';
import type { Finding } from '../../../domain/verdict.ts';
import type { CheckContext } from '../../engine.ts';
import { QueryRefused } from '../../errors.ts';
import { displayName } from '../fingerprint.ts';
import { catalogueName, qualified, quoted } from '../names.ts';
import { withCopySession } from '../session.ts';
import { type Check, type CheckHooks, doubt, failure, note } from './check.ts';

/** Values up to this much after the backup count: clocks differ, and commits were under way. Later ones are plans, not data. */
const CLOCK_TOLERANCE_SECONDS = 60;

const HOW_TO_ADD =
  'the policy names no freshness column for this resource, so nobody can tell how old its newest data is: ' +
  'add for example `freshness: [{ table: public.heartbeat, column: at, maxAge: 15m }]`, or take `freshness` out of its checks';

/** How old is the newest data really? */
export const freshness: Check = {
  id: 'freshness',
  question: 'How old was the newest data at the instant of the backup?',

  async run(context, hooks) {
    const { freshness: rules, rpoSeconds } = context;
    if (rules.length === 0) {
      return {
        findings: [doubt('no-freshness-rule', HOW_TO_ADD)],
        examined: [{ unit: 'facts', examined: 0, total: 1 }],
        notTested: ['how old the newest data is'],
      };
    }
    const answers = [];
    for (const rule of rules) answers.push(await ask(rule, context, hooks));
    const known = answers.filter((answer) => answer.ageSeconds !== null);
    const ages = known.map(({ ageSeconds }) => ageSeconds ?? 0);
    const findings = answers.flatMap((answer) => answer.findings);
    const measured: Record<string, string | number> = {};
    for (const { what, ageSeconds, newest } of known) {
      measured[`age of ${what}`] = ageSeconds ?? 0;
      measured[`newest ${what}`] = newest ?? '';
    }
    if (ages.length > 0) {
      const dataLossSeconds = Math.min(...ages);
      measured.dataLossSeconds = dataLossSeconds;
      if (dataLossSeconds > rpoSeconds) {
        const words = `the newest data was ${dataLossSeconds} s old, more than the RPO of ${rpoSeconds} s`;
        findings.push(note('older-than-rpo', `${words}; only a heartbeat could tell loss from silence`));
      }
    }
    return {
      findings,
      examined: [{ unit: 'facts', examined: known.length, total: rules.length }],
      notTested: [],
      measured,
    };
  },
};

interface Answer {
  readonly what: string;
  readonly ageSeconds: number | null;
  readonly newest: string | null;
  readonly findings: readonly Finding[];
}

async function ask(rule: FreshnessRule, context: CheckContext, { signal, say }: CheckHooks): Promise<Answer> {
  const [schema = '', table = ''] = rule.table.split('.');
  const database = databaseOf(rule, context);
  const what = displayName(database, schema, table, rule.column);
  const unknown = (finding: Finding): Answer => ({
    what,
    ageSeconds: null,
    newest: null,
    findings: [finding],
  });
  say(`${what}: looking for the newest value`);
  const backupAt = Date.parse(context.backupAt) / 1000;
  try {
    const { newest, from_now: later } = await withCopySession(context.target, database, signal, (session) =>
      session.row<{ newest: number | null; from_now: boolean }>(
        `read the newest ${what}`,
        `SELECT extract(epoch FROM max(v) FILTER (WHERE v <= to_timestamp($1::float8)))::float8 AS newest,
           coalesce(bool_or(v > to_timestamp($1::float8)), false) AS from_now
         FROM (SELECT ${quoted(rule.column)}::timestamptz AS v FROM ${qualified(schema, table)}) x WHERE isfinite(v)`,
        [backupAt + CLOCK_TOLERANCE_SECONDS],
      ),
    );
    const notes = later
      ? [note('values-from-the-future', 'values later than the backup were left out', what)]
      : [];
    if (newest === null) {
      const finding = failure('no-data', 'there is no value up to the instant of the backup', what);
      return { what, ageSeconds: null, newest: null, findings: [finding, ...notes] };
    }
    const ageSeconds = Math.max(0, Math.round(backupAt - newest));
    const tooOld = ageSeconds > duration(rule.maxAge);
    const message = `the newest value was ${inWords(ageSeconds)} old at the backup; at most ${rule.maxAge} is allowed`;
    return {
      what,
      ageSeconds,
      newest: new Date(newest * 1000).toISOString(),
      findings: tooOld ? [failure('too-old', message, what), ...notes] : notes,
    };
  } catch (error) {
    if (!(error instanceof QueryRefused)) throw error;
    const gone = ['3D000', '3F000', '42P01', '42703'].includes(error.sqlState);
    if (error.meansDamage) return unknown(failure('cannot-read', error.message, what));
    if (gone && atSource(context, database, catalogueName(schema, table, rule.column))) {
      return unknown(failure('column-missing', 'the column is at the source and not on the copy', what));
    }
    return unknown(
      doubt(
        'cannot-read',
        gone ? 'the policy names a column that the source does not have' : error.message,
        what,
      ),
    );
  }
}

/** The database of the rule; else the only one of the source that has the table, else the first one. */
function databaseOf(rule: FreshnessRule, { after, target }: CheckContext): string {
  if (rule.database !== undefined) return rule.database;
  const holders = after.databases.filter(({ tables }) =>
    tables.some((table) => `${table.schema}.${table.name}` === rule.table),
  );
  return holders[0]?.name ?? target.database ?? 'postgres';
}

function atSource({ after }: CheckContext, database: string, column: string): boolean {
  const objects = after.databases.find(({ name }) => name === database)?.catalogue.objects;
  return objects?.has(`column ${column}`) ?? false;
}

function inWords(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3_600)} h`;
}
