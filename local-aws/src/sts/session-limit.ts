import type { KeyStore } from '../auth/key-store.ts';
import { AdminRefusal, type AdminRegistry, type Clock } from '../platform.ts';

/** For rehearsals: no session lives longer than this, whatever was asked for; 43200 (AWS's own limit) unless set. */
export interface SessionLimit {
  seconds(): number;
}

const LONGEST_SECONDS = 43_200;

/**
 * Two switches at the admin endpoint, since nobody wants to wait 15 minutes for a session to expire:
 * `POST /sessions/limit {seconds}` shortens those to come, `POST /sessions/expire {role?}` ends those that live.
 */
export function createSessionLimit(keys: KeyStore, clock: Clock, admin: AdminRegistry): SessionLimit {
  let limit = LONGEST_SECONDS;
  admin.route('POST', '/sessions/limit', async ({ seconds }) => {
    const wanted = Number(seconds);
    if (!Number.isInteger(wanted) || wanted < 1 || wanted > LONGEST_SECONDS)
      throw new AdminRefusal(`seconds must be a whole number from 1 to ${LONGEST_SECONDS}.`);
    limit = wanted;
    return { seconds: limit };
  });
  admin.route('POST', '/sessions/expire', async ({ role }) => {
    if (role !== undefined && !(typeof role === 'string' && role.startsWith('arn:aws:iam::')))
      throw new AdminRefusal('role must be the ARN of a role; without it every session ends.');
    return { expired: await keys.expireSessions(clock.real(), role) };
  });
  return { seconds: () => limit };
}
