import type { Engine, FirstQuery, ProbeHooks, ProbeTarget } from '../engine.ts';
import { runCheck } from './checks/run.ts';
import { reach } from './reach.ts';
import { openFirst } from './server.ts';
import { spoil } from './spoil.ts';
import { takeFingerprint } from './take-fingerprint.ts';

export const postgresql: Engine = {
  fingerprint: takeFingerprint,
  check: runCheck,
  firstQuery,
  spoil,
  reach,
};

async function firstQuery(target: ProbeTarget, hooks: ProbeHooks): Promise<FirstQuery> {
  const startedAt = hooks.now();
  hooks.heartbeat('connecting');
  const session = await openFirst(target, hooks.signal);
  try {
    const { version, recovering } = await session.row<{ version: string; recovering: boolean }>(
      'ask the first question',
      `SELECT current_setting('server_version') AS version, pg_is_in_recovery() AS recovering`,
    );
    const at = hooks.now();
    return {
      seconds: (at.getTime() - startedAt.getTime()) / 1000,
      at: at.toISOString(),
      serverVersion: version,
      inRecovery: recovering,
    };
  } finally {
    await session.close();
  }
}
