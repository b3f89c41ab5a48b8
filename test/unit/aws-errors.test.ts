import { expect, test } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import { DBInstanceNotFoundFault, SnapshotQuotaExceededFault } from '@aws-sdk/client-rds';
import { classOf, refuse } from '../../activities/aws/errors.ts';
import { allPages } from '../../activities/aws/pages.ts';
import { withoutContent } from '../../activities/probe-errors.ts';
import { DatabaseUnreachable } from '../../probe/errors.ts';

function awsError(name: string, httpStatusCode?: number): Error {
  return Object.assign(new Error('said'), {
    name,
    $metadata: httpStatusCode === undefined ? {} : { httpStatusCode },
  });
}

test.each([
  ['ThrottlingException', 429, 'transient'],
  ['Throttling', 400, 'transient'],
  ['InternalFailure', 500, 'transient'],
  ['Unknown', 200, 'transient'],
  ['ExpiredTokenException', 400, 'credentials'],
  ['ExpiredToken', 400, 'credentials'],
  ['InvalidClientTokenId', 403, 'credentials'],
  ['CredentialsProviderError', undefined, 'credentials'],
  ['AccessDeniedException', 400, 'denied'],
  ['AccessDenied', 403, 'denied'],
  ['SnapshotQuotaExceededFault', 400, 'quota'],
  ['DBClusterQuotaExceededFault', 403, 'quota'],
  ['LimitExceededException', 400, 'quota'],
  ['InsufficientDBInstanceCapacityFault', 400, 'quota'],
  ['InvalidParameterValueException', 400, 'permanent'],
  ['NotImplemented', 501, 'permanent'],
  ['TypeError', undefined, 'transient'],
])('%s with status %s is %s', (name, status, expected) => {
  expect(classOf(awsError(name, status))).toBe(expected);
});

const context = { doing: 'do it', otherwise: 'BackupFailed' as const };

function refusal(error: unknown, forget?: () => void): unknown {
  try {
    return refuse(error, { ...context, ...(forget === undefined ? {} : { forget }) });
  } catch (thrown) {
    return thrown;
  }
}

test('what may pass is passed on to the retry policy as it is', () => {
  const error = awsError('ThrottlingException', 429);
  expect(refusal(error)).toBe(error);
});

test('a permanent refusal is a failure that nobody retries, and says what could not be done', () => {
  const error = new DBInstanceNotFoundFault({
    message: 'gone',
    $metadata: { httpStatusCode: 404, requestId: 'r-1' },
  });
  expect(refusal(error)).toMatchObject({
    type: 'BackupFailed',
    nonRetryable: true,
    message: 'Could not do it: DBInstanceNotFoundFault: gone.',
    details: [{ name: 'DBInstanceNotFoundFault', requestId: 'r-1', httpStatusCode: 404 }],
  });
});

test('expired credentials are forgotten, and the call is tried again', () => {
  let forgotten = 0;
  const thrown = refusal(awsError('ExpiredToken', 400), () => (forgotten += 1));
  expect(thrown).toMatchObject({ type: 'CredentialsRejected', nonRetryable: false });
  expect(forgotten).toBe(1);
});

test('a quota is tried again slowly', () => {
  expect(refusal(new SnapshotQuotaExceededFault({ message: 'm', $metadata: {} }))).toMatchObject({
    type: 'QuotaReached',
    nonRetryable: false,
    nextRetryDelay: '120 seconds',
  });
});

test('a failure that is already decided stays as it is', () => {
  const failure = ApplicationFailure.nonRetryable('m', 'ForeignResource');
  expect(refusal(failure)).toBe(failure);
});

test('a list is read to its last page, over empty pages too', async () => {
  const pages = [
    { items: [1], next: 'a' },
    { items: [], next: 'b' },
    { items: [2], next: undefined },
  ];
  const asked: (string | undefined)[] = [];
  const all = await allPages(async (next) => {
    asked.push(next);
    return pages[asked.length - 1]!;
  });
  expect(all).toEqual([1, 2]);
  expect(asked).toEqual([undefined, 'a', 'b']);
});

test('an answer without a list is an error, never an empty list', async () => {
  await expect(allPages(async () => ({ items: undefined, next: undefined }))).rejects.toThrow(
    /without a list/,
  );
});

test('what a database driver says does not leave the prober, because it may quote rows', () => {
  const error = Object.assign(new Error('invalid input syntax for type integer: "Ms Quillfeather"'), {
    code: '22P02',
    detail: 'Quillfeather',
  });
  const left = withoutContent(error, 'run a check') as Error;
  expect(`${left.message} ${left.stack ?? ''} ${JSON.stringify(left)}`).not.toContain('Quillfeather');
  expect(left.message).toContain('22P02');
});

test('an unreachable database is tried again, and said so', () => {
  expect(withoutContent(new DatabaseUnreachable('127.0.0.1:5432 refused'), 'x')).toMatchObject({
    type: 'DatabaseUnreachable',
    nonRetryable: false,
  });
});
