import * as SNS from '@aws-sdk/client-sns';
import { KeyNotUsable } from '../platform.ts';

export function invalid(what: string): Error {
  return new SNS.InvalidParameterException({ message: `Invalid parameter: ${what}`, $metadata: {} });
}

export function noTopic(): Error {
  return new SNS.NotFoundException({ message: 'Topic does not exist', $metadata: {} });
}

export function noSubscription(): Error {
  return new SNS.NotFoundException({ message: 'Subscription does not exist', $metadata: {} });
}

/** What a key that cannot be used is called on a topic. */
export function keyFault(err: unknown): unknown {
  if (!(err instanceof KeyNotUsable)) return err;
  const details = { message: `${err.message} (Service: AWSKMS)`, $metadata: {} };
  switch (err.reason) {
    case 'not-found':
      return new SNS.KMSNotFoundException(details);
    case 'disabled':
      return new SNS.KMSDisabledException(details);
    case 'pending-deletion':
      return new SNS.KMSInvalidStateException(details);
    case 'denied':
      return new SNS.KMSAccessDeniedException(details);
  }
}
