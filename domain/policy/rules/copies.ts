import { duration } from '../../units.ts';
import type { Policy, VaultLocation } from '../schema.ts';
import type { PathSegment } from '../problem.ts';
import { roleIn } from './accounts.ts';
import { problem, warning } from './rule.ts';
import type { Complaint, Rule } from './rule.ts';

const DAY = 86_400;

interface Stop {
  readonly path: readonly PathSegment[];
  readonly vault: VaultLocation;
}

/** The way of a recovery point: made in production, carried hop by hop, and at its end where nobody can delete it. */
export const copiesEndUnderLock: Rule = (policy) => {
  const stops: Stop[] = [
    { path: ['backup'], vault: policy.backup },
    ...policy.copies.map((vault, i) => ({ path: ['copies', i], vault })),
  ];
  return [
    ...startsInProduction(policy),
    ...stops.flatMap(({ path, vault }) =>
      roleIn(policy, vault.account, [...path, 'serviceRole'], vault.serviceRole),
    ),
    ...stops.flatMap((stop, i) => hop(stops.slice(0, i), stop)),
    ...stops.flatMap((stop) => keepFits(policy, stop)),
    ...endsUnderLock(policy),
  ];
};

function startsInProduction({ backup }: Policy): Complaint[] {
  const complaints: Complaint[] = [];
  if (backup.account !== 'production') {
    const message = `${backup.account} was given; only production is allowed: a backup is made beside its resource and copied from there`;
    complaints.push(problem(['backup', 'account'], 'production', message));
  }
  if (backup.lock === 'none') {
    const message =
      'is none: until the first copy has arrived, the newest point can be deleted by whoever administers production; lock this vault, too, if you can';
    complaints.push(warning(['backup', 'lock'], 'compliance', message));
  }
  return complaints;
}

/** One step changes the region or the account. Older AWS Backup refuses both at once for RDS, so both at once is refused here. */
function hop(before: readonly Stop[], { path, vault }: Stop): Complaint[] {
  const previous = before.at(-1)?.vault;
  if (previous === undefined) return [];
  const complaints: Complaint[] = [];
  if (vault.account === 'drill') {
    const message =
      'is drill: the drill account must not hold lasting copies; it gets one for the time of a drill (drill.transitVault)';
    complaints.push(problem([...path, 'account'], 'production or vault', message));
  }
  if (vault.account !== previous.account && vault.region !== previous.region) {
    const message = `goes to another region (${previous.region} → ${vault.region}) and another account (${previous.account} → ${vault.account}) in one step; put a copy in between that changes only one of them, for example a relay vault of ${previous.account} in ${vault.region}`;
    complaints.push(problem(path, 'a hop to another region or another account', message));
  }
  const twice = before.some(({ vault: other }) => sameVault(other, vault));
  if (twice) {
    const message = `names the vault ${vault.name} in ${vault.account}, ${vault.region}, a second time; a copy must go to another vault`;
    complaints.push(problem(path, 'a vault that the point is not in yet', message));
  }
  return complaints;
}

function sameVault(a: VaultLocation, b: VaultLocation): boolean {
  return a.account === b.account && a.region === b.region && a.name === b.name;
}

/** AWS counts retention in whole days. */
function keepFits({ retention }: Policy, { path, vault }: Stop): Complaint[] {
  if (vault.keep === undefined) return [];
  const keep = duration(vault.keep);
  const allowed = `whole days from 1d to ${retention.days}d`;
  if (keep >= DAY && keep % DAY === 0 && keep <= retention.days * DAY) return [];
  const why =
    keep > retention.days * DAY
      ? `longer than retention.days (${retention.days}), after which every point must be gone`
      : 'AWS Backup keeps points for whole days, at least one';
  return [problem([...path, 'keep'], allowed, `${vault.keep} was given; ${allowed} is allowed: ${why}`)];
}

function endsUnderLock({ copies, retention }: Policy): Complaint[] {
  const i = copies.length - 1;
  const last = copies[i];
  if (last === undefined) return [];
  const complaints: Complaint[] = [];
  if (last.account !== 'vault') {
    const message = `is ${last.account}: the last copy must lie in the vault account, where production cannot reach it`;
    complaints.push(problem(['copies', i, 'account'], 'vault', message));
  }
  if (last.lock !== 'compliance') {
    const message = `is ${last.lock}: the vault of the last copy must have a compliance lock, so that nobody can delete what it holds`;
    complaints.push(problem(['copies', i, 'lock'], 'compliance', message));
  }
  if (last.keep !== undefined && duration(last.keep) < retention.days * DAY) {
    const message = `${last.keep} was given for the last copy, but retention.days promises ${retention.days} days; leave keep out here`;
    complaints.push(problem(['copies', i, 'keep'], `${retention.days}d`, message));
  }
  return complaints;
}
