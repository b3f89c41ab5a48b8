import { type AwsError, awsError } from '../wire/errors.ts';

/**
 * Errors as RDS words them. What can go wrong later, while nobody waits, is decided by fault rules at named points (`src/faults`):
 * every life of an instance or snapshot runs as a job of service `rds`, its `resource` is the id, and a `fail-job` rule's `outcome`
 * is the status that it ends in.
 *
 * | job | when | without an outcome it ends as |
 * | --- | --- | --- |
 * | `create-instance` `restore-instance` `restore-to-time` | before the server is made | `failed` `restore-error` `incompatible-restore` |
 * | `modify-instance` `reboot-instance` `start-instance` `stop-instance` `recover-instance` | before it begins | `failed` |
 * | `run-instance` | about every second of an available instance; only rules that name it | `storage-full` |
 * | `delete-instance` | before the final snapshot | `failed` |
 * | `load-blocks` | once a restored instance is available; only rules that name it; while it is stalled, blocks are missing and each new session is a second late | |
 * | `upgrade-snapshot` | before the new version is written down | `available`, as it was |
 * | `snapshot` `copy-snapshot` `delete-snapshot` | before the first byte | `failed` |
 *
 * Outcomes in which no server runs are those of `statuses.ts`: `insufficient-capacity`, `incompatible-network` and so on. A `stall-job` rule
 * keeps a job where it is, `creating` or `copying` without progress, until it is cleared. No rule is needed for
 * `inaccessible-encryption-credentials-recoverable` (disable the key; seven days later it is final), `incompatible-parameters` (parameters
 * that PostgreSQL refuses) and `incompatible-restore` (archived WAL that is damaged or gone).
 */

interface Modelled<E> {
  new (options: { message: string; $metadata: Record<string, never> }): E;
}

/** One of the SDK's own error classes, as the server throws it. */
export function fault<E>(kind: Modelled<E>, message: string): E {
  return new kind({ message, $metadata: {} });
}

export function invalidValue(message: string): AwsError {
  return awsError({ code: 'InvalidParameterValue', message, status: 400, service: 'rds' });
}

export function invalidCombination(message: string): AwsError {
  return awsError({ code: 'InvalidParameterCombination', message, status: 400, service: 'rds' });
}

/** The value of a member that the operation cannot do without. */
export function required(value: string | undefined, name: string): string {
  if (value !== undefined && value !== '') return value;
  throw awsError({
    code: 'MissingParameter',
    message: `The request must contain the parameter ${name}.`,
    status: 400,
    service: 'rds',
  });
}
