import { csvLine } from './population.ts';
import type { RestoreFact } from '../../domain/facts.ts';
import type { Basis, NightRecord } from './source.ts';

export interface RestorePhase {
  readonly phase: RestoreFact['phase'];
  /** S3's date of the statement. */
  readonly at: string;
  readonly key: string;
  readonly sha256: string;
}

/** One request for a restore, as its statements tell it. */
export interface RestoreEntry {
  readonly request: string;
  /** What the last statement of it says. */
  readonly fact: RestoreFact;
  readonly phases: RestorePhase[];
  /** From the hand-over until the end, in seconds, by S3's dates; null when it was not handed over or has not ended. */
  readonly accessSeconds: number | null;
  readonly state: 'ended' | 'handed over and not ended' | 'not handed over and not ended';
  readonly notRecorded: Readonly<Record<string, string>>;
}

export interface RestoreReport {
  readonly format: 'lifeboat-restore-report/v1';
  readonly period: { readonly from: string | null; readonly to: string | null };
  readonly basis: Basis;
  readonly restores: readonly RestoreEntry[];
}

export function restoresOf(basis: Basis, period: RestoreReport['period'], request?: string) {
  const entries = new Map<string, { fact: RestoreFact; phases: RestorePhase[] }>();
  return {
    add({ statements }: Pick<NightRecord, 'statements'>): void {
      const ofNight = [...statements].sort((a, b) => (a.writtenAt < b.writtenAt ? -1 : 1));
      for (const { fact, writtenAt, key, sha256 } of ofNight) {
        if (fact.type !== 'restore' || (request !== undefined && fact.request !== request)) continue;
        const entry = entries.get(fact.request);
        const phases = [...(entry?.phases ?? []), { phase: fact.phase, at: writtenAt, key, sha256 }];
        const latest = entry === undefined || PHASES.indexOf(fact.phase) >= PHASES.indexOf(entry.fact.phase);
        entries.set(fact.request, { fact: latest ? fact : entry.fact, phases });
      }
    },
    report: (): RestoreReport => ({
      format: 'lifeboat-restore-report/v1',
      period,
      basis,
      restores: [...entries].map(([name, { fact, phases }]) => entryOf(name, fact, phases)),
    }),
  };
}

const PHASES: readonly RestoreFact['phase'][] = ['verified', 'handed-over', 'ended'];

function entryOf(request: string, fact: RestoreFact, phases: RestorePhase[]): RestoreEntry {
  const at = (phase: RestoreFact['phase']): string | undefined =>
    phases.find((one) => one.phase === phase)?.at;
  const [given, ended] = [at('handed-over'), at('ended')];
  return {
    request,
    fact,
    phases: phases.toSorted((a, b) => PHASES.indexOf(a.phase) - PHASES.indexOf(b.phase)),
    accessSeconds:
      given === undefined || ended === undefined ? null : (Date.parse(ended) - Date.parse(given)) / 1000,
    state:
      ended !== undefined
        ? 'ended'
        : given !== undefined
          ? 'handed over and not ended'
          : 'not handed over and not ended',
    notRecorded: {
      ...(fact.approvals === undefined ? { approvals: 'the statement names no approvals' } : {}),
      ...(fact.startedAt === undefined
        ? { startedAt: 'the statement does not say when it was asked for' }
        : {}),
    },
  };
}

export function* restoresCsv({ restores }: RestoreReport): Generator<string> {
  yield csvLine([
    'request',
    'resource',
    'requested by',
    'reason',
    'verdict',
    'state',
    'handed over at',
    'ended at',
    'access seconds',
    'how it ended',
    'everything gone',
  ]);
  for (const { request, fact, phases, accessSeconds, state } of restores) {
    const at = (phase: string): string => phases.find((one) => one.phase === phase)?.at ?? '';
    yield csvLine([
      request,
      fact.resource.name,
      fact.requestedBy,
      fact.reason,
      fact.verdict ?? 'none',
      state,
      at('handed-over'),
      at('ended'),
      String(accessSeconds ?? ''),
      fact.ended ?? '',
      fact.teardown === null ? 'not said' : fact.teardown.complete ? 'yes' : 'NO',
    ]);
  }
}
