import type { CheckSummary } from './requests.ts';
import type { CheckResult, Coverage } from './verdict.ts';

const SAID = 5;

/** The part of a check's result that fits a terminal; everything is in the statement. */
export function summaryOf({
  check,
  status,
  examined,
  coverage,
  durationMs,
  findings,
}: CheckResult): CheckSummary {
  // What the anomaly check finds changes no verdict, and is all that it is asked for.
  const loudest = findings
    .filter(({ severity }) => severity !== 'note' || check === 'anomaly')
    .slice(0, SAID);
  const says = loudest.map(({ message, where }) => (where === undefined ? message : `${message} (${where})`));
  return {
    check,
    status,
    examined,
    ...(coverage === undefined ? {} : { coverage: withoutTables(coverage) }),
    durationMs,
    says,
  };
}

/** Results of a large fleet travel together, and must stay small: the tables are in the statement. */
function withoutTables({ remembered, ...coverage }: Coverage): Coverage {
  if (remembered === undefined) return coverage;
  const tablesOmitted = remembered.tablesOmitted + remembered.tables.length;
  return { ...coverage, remembered: { ...remembered, tables: [], tablesOmitted } };
}
