import { cronProblem, namesBothDays } from './cron.ts';
import { problem, warning } from './rule.ts';
import type { Complaint, Rule } from './rule.ts';

/** A schedule with a mistake in it is a night that never comes, and nobody would be told. */
export const scheduleEverRuns: Rule = ({ schedule }) => {
  const complaints: Complaint[] = [];
  const cron = cronProblem(schedule.cron);
  if (cron !== null) {
    const allowed = 'a cron expression of five fields, for example "30 2 * * *"';
    complaints.push(
      problem(['schedule', 'cron'], allowed, `${schedule.cron} was given; ${allowed} is allowed: ${cron}`),
    );
  }
  if (cron === null && namesBothDays(schedule.cron)) {
    const message =
      'gives a day of the month and a day of the week; Temporal runs only on days that are both, unlike classic cron';
    complaints.push(warning(['schedule', 'cron'], 'one of the two', message));
  }
  if (!isTimeZone(schedule.timezone)) {
    const allowed = 'an IANA time zone such as UTC or Europe/Berlin';
    complaints.push(
      problem(['schedule', 'timezone'], allowed, `${schedule.timezone} was given; ${allowed} is allowed`),
    );
  }
  return complaints;
};

/** Offsets such as +02:00 are valid for JavaScript, but they are not names of zones and know no summer time. */
function isTimeZone(name: string): boolean {
  if (/^[+-]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false; // RangeError is the answer that the name is unknown
  }
}
