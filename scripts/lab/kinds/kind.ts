import type { PostgresServer } from 'lifeboat-local-aws/pg';
import { sql } from '../../../test/support/probe-lab.ts';
import { DATABASE } from '../../../test/support/probe-sample.ts';
import type { Base, Place } from '../base.ts';
import type { Random } from '../random.ts';

/** A copy with one thing wrong, not started or running, and what was done to it in words. */
export interface Patient {
  readonly server: PostgresServer;
  readonly what: string;
}

/** One kind of damage; the seed decides where it strikes. */
export interface DamageKind {
  /** As the table of `docs/verification.md` names it. */
  readonly name: string;
  make(base: Base, random: Random): Promise<Patient>;
}

/**
 * What else happens to a copy after statements damaged it. `wiped` also takes away what tells that the copy was written to after its
 * recovery: its statistics and the checkpoint that ended recovery.
 */
export type Aftermath = 'running' | 'restarted' | 'wiped';

export async function withStatements(
  { lab, atRest }: Base,
  statements: readonly string[],
  aftermath: Aftermath,
): Promise<Patient> {
  const server = await lab.duplicate(atRest);
  await server.start();
  const all = aftermath === 'wiped' ? [...statements, 'SELECT pg_stat_reset()'] : statements;
  try {
    await sql(lab, server, all, DATABASE);
  } catch (cause) {
    throw new Error(`The laboratory could not run: ${all.join('; ')}`, { cause });
  }
  if (aftermath !== 'running') await server.stop('fast');
  return { server, what: `${statements.join('; ')} (${aftermath})` };
}

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
export const at = ({ block, item }: Place): string => `ctid = '(${block},${item})'`;
