import { accountsAreApart } from './accounts.ts';
import { copiesEndUnderLock } from './copies.ts';
import { drillIsApart } from './drill.ts';
import { durationsAreSensible } from './durations.ts';
import { ledgerOutlivesPoints } from './ledger.ts';
import { peopleAreNamedOnce } from './people.ts';
import { promisesCanBeKept } from './promises.ts';
import { questionsCanBeDecided } from './questions.ts';
import { dataStaysWhereItMay } from './residency.ts';
import { resourcesAreWhereTheySay } from './resources.ts';
import type { Rule } from './rule.ts';
import { scheduleEverRuns } from './schedule.ts';

/** Every rule that looks at more than one value. The order is that of the file. */
export const RULES: readonly Rule[] = [
  scheduleEverRuns,
  durationsAreSensible,
  accountsAreApart,
  copiesEndUnderLock,
  drillIsApart,
  ledgerOutlivesPoints,
  resourcesAreWhereTheySay,
  questionsCanBeDecided,
  dataStaysWhereItMay,
  peopleAreNamedOnce,
  promisesCanBeKept,
];
