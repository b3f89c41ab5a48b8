import { MissingParameterValueException } from '@aws-sdk/client-backup';

interface Modelled<E> {
  new (options: { message: string; Message: string; $metadata: Record<string, never> }): E;
}

/** One of the SDK's own error classes, as the server throws it. */
export function fault<E>(kind: Modelled<E>, message: string): E {
  return new kind({ message, Message: message, $metadata: {} });
}

/** The value of a member that the operation cannot do without. @throws MissingParameterValueException */
export function required<T>(value: T | undefined, name: string): T {
  if (value !== undefined && value !== '') return value;
  throw fault(MissingParameterValueException, `Required parameter ${name} is missing.`);
}

/** A background job that ends FAILED with this text, as AWS shows it in StatusMessage. */
export class JobFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'JobFailure';
  }
}
