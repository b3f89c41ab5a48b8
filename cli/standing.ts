import { nightScheduleId, sweepScheduleId } from '../domain/names.ts';
import type { NightResult } from '../domain/requests.ts';
import type { PopulationRow } from '../domain/facts.ts';
import type { Instant } from '../domain/units.ts';
import type { ControlPlane, FoundSchedule, Run } from './control-plane.ts';
import { nightsOf } from './runs.ts';
import type { LoadedPolicy } from './world.ts';

/** Nights that are looked through for the last verified one. */
const NIGHTS = 14;

/** How one resource stands: its newest slot, and the newest slot in which it was verified. */
export interface ResourceStanding {
  readonly resource: string;
  readonly last: PopulationRow | null;
  readonly lastVerified: Instant | null;
}

export interface NightStanding {
  readonly run: string;
  readonly status: Run['status'];
  readonly startedAt: Instant;
  readonly endedAt: Instant | null;
  readonly verdict: NightResult['verdict'] | null;
  readonly seal: NightResult['seal'] | null;
}

/** The answer to `lifeboat status`; a stable shape for programs. */
export interface Standing {
  readonly at: Instant;
  readonly policy: string;
  readonly temporal: { readonly address: string; readonly namespace: string };
  readonly schedules: readonly {
    readonly schedule: string;
    readonly state: 'active' | 'paused' | 'missing';
    readonly note: string | null;
    readonly next: Instant | null;
    readonly missed: number;
    /** False when the schedule still runs another version of the policy: `lifeboat apply` is due. */
    readonly current: boolean;
  }[];
  readonly resources: readonly ResourceStanding[];
  readonly nights: readonly NightStanding[];
  readonly running: readonly Run[];
}

/** Reads what Temporal knows. Nights older than its retention are in the ledger (`lifeboat evidence list`). */
export async function standingOf(plane: ControlPlane, loaded: LoadedPolicy, now: Date): Promise<Standing> {
  const { policy } = loaded;
  const ids = [nightScheduleId(policy.name), sweepScheduleId(policy.name)];
  const [runs, running, schedules] = await Promise.all([
    nightsOf(plane, policy.name, NIGHTS),
    plane.running(),
    Promise.all(ids.map((id) => plane.schedule(id))),
  ]);
  const nights = await Promise.all(runs.map((run) => nightOf(plane, run)));
  return {
    at: now.toISOString(),
    policy: policy.name,
    temporal: { address: plane.address, namespace: plane.namespace },
    schedules: schedules.map((found, index) => scheduleStanding(ids[index] ?? '', found, loaded)),
    resources: policy.resources.map(({ name }) => resourceStanding(name, nights)),
    nights: nights.map(({ run, result }) => ({
      run: run.id,
      status: run.status,
      startedAt: run.startedAt,
      endedAt: run.endedAt,
      verdict: result?.verdict ?? null,
      seal: result?.seal ?? null,
    })),
    running,
  };
}

interface Night {
  readonly run: Run;
  readonly result: NightResult | null;
}

async function nightOf(plane: ControlPlane, run: Run): Promise<Night> {
  return { run, result: run.status === 'completed' ? await plane.result<NightResult>(run.id) : null };
}

function resourceStanding(resource: string, nights: readonly Night[]): ResourceStanding {
  const rows = nights.flatMap(
    ({ result }) => result?.population.filter((row) => row.resource === resource) ?? [],
  );
  return {
    resource,
    last: rows[0] ?? null,
    lastVerified: rows.find(({ end }) => end === 'passed')?.slot ?? null,
  };
}

function scheduleStanding(
  schedule: string,
  found: FoundSchedule | null,
  { policySha256 }: LoadedPolicy,
): Standing['schedules'][number] {
  if (found === null)
    return { schedule, state: 'missing', note: null, next: null, missed: 0, current: false };
  const { paused, note, next, missed, argument } = found;
  const applied = (argument as { readonly policySha256?: string } | undefined)?.policySha256;
  return {
    schedule,
    state: paused ? 'paused' : 'active',
    note: note === '' ? null : note,
    next: paused ? null : next,
    missed,
    current: applied === policySha256,
  };
}
