import type { Place } from '../platform.ts';
import { invalidValue } from './faults.ts';

export type RdsKind =
  'db' | 'snapshot' | 'subgrp' | 'pg' | 'og' | 'auto-backup' | 'cluster' | 'cluster-snapshot' | 'cluster-pg';

export function rdsArn(place: Place, kind: RdsKind, id: string): string {
  return `arn:aws:rds:${place.region}:${place.accountId}:${kind}:${id}`;
}

/** How records are keyed: accounts and regions are partitions. */
export function keyOf(place: Place, id: string): string {
  return `${place.accountId}/${place.region}/${id}`;
}

/** The parts of a key made by `keyOf`. */
export function placeOf(key: string): Place {
  const [accountId = '', region = ''] = key.split('/');
  return { accountId, region };
}

export function idOf(key: string): string {
  return key.split('/').slice(2).join('/');
}

export interface ParsedArn extends Place {
  readonly kind: string;
  readonly id: string;
}

/** `arn:aws:rds:<region>:<account>:<kind>:<id>`; the id itself may hold colons (`awsbackup:job-…`). */
export function parseRdsArn(arn: string): ParsedArn | undefined {
  const match = /^arn:aws[a-z-]*:rds:([a-z0-9-]+):(\d{12}):([a-z-]+):(.+)$/.exec(arn);
  if (!match) return undefined;
  const [, region = '', accountId = '', kind = '', id = ''] = match;
  return { region, accountId, kind, id };
}

/** Lower-cased, as RDS stores it. @throws InvalidParameterValue */
export function identifier(value: string, parameter: string, maxLength = 63): string {
  const id = value.toLowerCase();
  if (id.length <= maxLength && /^[a-z](-?[a-z0-9])*$/.test(id)) return id;
  throw invalidValue(
    `The parameter ${parameter} is not a valid identifier. Identifiers must begin with a letter; must contain only ASCII ` +
      'letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.',
  );
}
