import type { ResourceKind } from '../../domain/policy/schema.ts';
import type { AwsClients } from '../aws/clients.ts';
import type { ResourceDriver } from './driver.ts';
import { rdsInstance } from './rds-instance.ts';
import { s3Bucket } from './s3-bucket.ts';

/** Every kind of resource that can be protected. A new kind is a file beside the others and a line here. */
export function createDrivers(clients: AwsClients): Readonly<Record<ResourceKind, ResourceDriver>> {
  return { 'rds-instance': rdsInstance(clients), 's3-bucket': s3Bucket(clients) };
}

export type Drivers = ReturnType<typeof createDrivers>;
