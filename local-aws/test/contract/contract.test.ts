import { describe, expect, test } from '@jest/globals';
import { openContract } from '../support/contract.ts';
import { contractTarget } from '../support/contract-target.ts';
import { databases } from './databases.ts';
import { identity } from './identity.ts';
import { keysAndTopics } from './keys-and-topics.ts';
import { s3LocksAndParts } from './s3-locks-and-parts.ts';
import { s3Objects } from './s3-objects.ts';
import { vaults } from './vaults.ts';

// One file, so that one server answers all of it. On real AWS: ../../README.md, "Contract tests".
openContract();
describe('S3: objects', s3Objects);
describe('S3: locks and parts', s3LocksAndParts);
describe('STS and IAM', identity);
describe('KMS and SNS', keysAndTopics);
describe('AWS Backup', vaults);
describe('RDS', databases);

describe('settings', () => {
  const real = {
    ...{ LIFEBOAT_CONTRACT_AWS: 'real', AWS_REGION: 'eu-central-1' },
    LIFEBOAT_CONTRACT_ACCOUNT: '123456789012',
  };

  test('contract tests stay on this computer unless the environment says real', () => {
    expect(contractTarget({ AWS_REGION: 'eu-central-1', AWS_PROFILE: 'production' })).toEqual({
      kind: 'local',
    });
  });

  test('real AWS needs a region and the account that may be written to', () => {
    expect(contractTarget(real)).toEqual({
      ...{ kind: 'real', region: 'eu-central-1', accountId: '123456789012', prefix: 'lifeboat-contract' },
    });
    expect(() => contractTarget({ LIFEBOAT_CONTRACT_AWS: 'real' })).toThrow(
      /AWS_REGION must name.*\n.*LIFEBOAT_CONTRACT_ACCOUNT must be/,
    );
  });

  test.each([
    [{ LIFEBOAT_CONTRACT_AWS: 'yes' }, "LIFEBOAT_CONTRACT_AWS is 'yes'"],
    [{ AWS_REGION: 'Frankfurt' }, 'AWS_REGION must name'],
    [{ LIFEBOAT_CONTRACT_ACCOUNT: '12' }, 'LIFEBOAT_CONTRACT_ACCOUNT must be'],
    [{ LIFEBOAT_CONTRACT_PREFIX: 'Ab' }, 'LIFEBOAT_CONTRACT_PREFIX must have'],
    [{ AWS_ENDPOINT_URL: 'http://127.0.0.1:4566' }, 'AWS_ENDPOINT_URL is set'],
    [{ AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:4566' }, 'AWS_ENDPOINT_URL_S3 is set'],
  ])('%j is refused for real AWS', (wrong, sentence) => {
    expect(() => contractTarget({ ...real, ...wrong })).toThrow(sentence);
  });
});
