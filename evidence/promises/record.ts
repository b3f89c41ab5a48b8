import type {
  DrillFact,
  ProtectionFact,
  RecoveryPointFacts,
  ResourceIdentity,
  RestoreFact,
  RetentionFact,
} from '../../domain/facts.ts';
import type { Basis, NightRecord } from '../reports/source.ts';

/** A statement by which a promise is shown kept or broken. */
export interface Shown {
  readonly key: string;
  /** Which part of it, as a JSON Pointer; absent: all of it. */
  readonly part?: string;
  readonly says: string;
}

export interface Backup {
  readonly slot: number;
  readonly key: string;
  readonly resource: ResourceIdentity;
  readonly points: readonly PointOfBackup[];
}

/** What promises ask of a point. */
export type PointOfBackup = Pick<
  RecoveryPointFacts,
  'arn' | 'location' | 'createdAt' | 'deleteAt' | 'encryptionKeyArn' | 'lock'
>;

export interface Recovery {
  readonly slot: number;
  readonly key: string;
  readonly passed: boolean;
  readonly rto: number | null;
  readonly rpo: number | null;
  readonly regions: readonly string[];
}

export interface Access {
  readonly request: string;
  readonly resource: string;
  /** Null when it was never handed over. */
  readonly givenAt: number | null;
  readonly endedAt: number | null;
  readonly keys: readonly string[];
}

export interface OfResource {
  readonly name: string;
  /** First and last slot in which a population names it. */
  readonly first: number;
  last: number;
  /** How it ended in some slot, with the last seal that says so. */
  readonly ends: Map<string, string>;
  readonly backups: Backup[];
  readonly recoveries: Recovery[];
}

/** What promises are decided by: what is said of each point and no more, so that a year of a thousand resources fits into memory. */
export interface PromiseRecord {
  readonly basis: Basis;
  readonly resources: ReadonlyMap<string, OfResource>;
  readonly retention: readonly { readonly key: string; readonly fact: RetentionFact }[];
  readonly access: ReadonlyMap<string, Access>;
  /** Regions in which restored or copied data of a restore by hand was. */
  readonly restores: readonly {
    readonly key: string;
    readonly resource: string;
    readonly regions: readonly string[];
  }[];
  /** Opened before the first statement that this record knows of; everything since is in it, when the chain holds. */
  readonly from: number | null;
  /** When the last seal was made; nothing is known of what came after. */
  readonly to: number | null;
  /** Slots of nights, in order. */
  readonly slots: readonly number[];
  /** True when the record begins with the first seal of the ledger: nothing was there before. */
  readonly fromTheFirst: boolean;
}

export function recordOf(basis: Basis, policy?: string) {
  const resources = new Map<string, OfResource>();
  const retention: PromiseRecord['retention'][number][] = [];
  const access = new Map<string, Access>();
  const restores: PromiseRecord['restores'][number][] = [];
  const slots = new Set<number>();
  /** Backups of one resource are alike in most of what they say; what is equal is kept once. */
  const shared = new Map<string, unknown>();
  const one = <T>(value: T): T => {
    const text = JSON.stringify(value);
    const known = shared.get(text) as T | undefined;
    if (known === undefined) shared.set(text, value);
    return known ?? value;
  };

  function ofResource(name: string, slot: number): OfResource {
    const known = resources.get(name) ?? {
      name,
      first: slot,
      last: slot,
      ends: new Map<string, string>(),
      backups: [],
      recoveries: [],
    };
    known.last = Math.max(known.last, slot);
    resources.set(name, known);
    return known;
  }

  function protection(key: string, fact: ProtectionFact): void {
    if (fact.outcome !== 'protected' || fact.points.length === 0) return;
    const slot = Date.parse(fact.slot);
    const points = fact.points.map(({ arn, location, createdAt, deleteAt, encryptionKeyArn, lock }) => ({
      arn,
      location: one(location),
      createdAt,
      deleteAt,
      encryptionKeyArn: one(encryptionKeyArn),
      lock: one(lock),
    }));
    ofResource(fact.resource.name, slot).backups.push({ slot, key, resource: one(fact.resource), points });
  }

  function drill(key: string, fact: DrillFact): void {
    const slot = Date.parse(fact.slot);
    const regions = [fact.point?.location.region, fact.restoredArn?.split(':')[3]];
    ofResource(fact.resource.name, slot).recoveries.push({
      slot,
      key,
      passed: fact.verdict === 'passed',
      rto: fact.rto.verified,
      rpo: fact.rpoSeconds,
      regions: one(regions.flatMap((region) => (region === undefined || region === '' ? [] : region))),
    });
  }

  function restore(key: string, fact: RestoreFact, writtenAt: string): void {
    const at = Date.parse(writtenAt);
    const resource = fact.resource.name;
    // S3's dates are whole seconds, so that the end may be read before the beginning.
    const known = access.get(fact.request) ?? {
      request: fact.request,
      resource,
      givenAt: null,
      endedAt: null,
      keys: [],
    };
    access.set(fact.request, {
      ...known,
      keys: [...known.keys, key],
      ...(fact.phase === 'handed-over' ? { givenAt: at } : {}),
      ...(fact.phase === 'ended' ? { endedAt: at } : {}),
    });
    if (fact.point !== null) restores.push({ key, resource, regions: [fact.point.location.region] });
  }

  return {
    add({ seal, statements, key: sealKey }: NightRecord): void {
      if (policy === undefined || seal.night.policy === policy) {
        slots.add(Date.parse(seal.night.slot));
        for (const { resource, arn, slot, end } of seal.night.population)
          if (arn !== seal.night.policy && resource !== 'inventory' && resource !== 'retention')
            ofResource(resource, Date.parse(slot)).ends.set(end, sealKey);
      }
      const inOrder = [...statements].sort((a, b) => (a.writtenAt < b.writtenAt ? -1 : 1));
      for (const { key, fact, writtenAt } of inOrder) {
        if (policy !== undefined && fact.policy !== policy) continue;
        if (fact.type === 'protection') protection(key, fact);
        if (fact.type === 'drill') drill(key, fact);
        if (fact.type === 'restore') restore(key, fact, writtenAt);
        if (fact.type === 'retention') retention.push({ key, fact });
      }
    },
    record: (): PromiseRecord => ({
      basis,
      resources,
      retention,
      access,
      restores,
      from: basis.first === null ? null : Math.min(Date.parse(basis.first.openedAt), ...slots),
      to: basis.last === null ? null : Date.parse(basis.last.sealedAt),
      slots: [...slots].sort((a, b) => a - b),
      fromTheFirst: basis.first?.sequence === 1,
    }),
  };
}
