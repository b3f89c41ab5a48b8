import type { ResourceKind } from '../../domain/policy/schema.ts';
import type { AwsClients } from '../aws/clients.ts';
import type { ResourceDriver } from './driver.ts';
import { rdsInstance } from './rds-instance.ts';

/** Every kind of resource that can be protected. A new kind is a file beside the others and a line here. */
export function createDrivers(clients: AwsClients): Readonly<Record<ResourceKind, ResourceDriver>> {
  return { 'rds-instance': rdsInstance(clients) };
}

export type Drivers = ReturnType<typeof createDrivers>;
