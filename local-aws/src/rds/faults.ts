import { type AwsError, awsError } from '../wire/errors.ts';

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
