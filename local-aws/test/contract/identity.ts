import { expect } from '@jest/globals';
import { contractTest, FREE, type Contract, type Safety } from '../support/contract.ts';
import { policy, type Credentials } from '../support/local-aws.ts';
import { makeBucket } from './buckets.ts';

const REQUESTS: Safety = { safeOnRealAws: true, cost: 'some S3 requests, less than $0.001' };
const EXTERNAL_ID = 'only-for-the-contract';

/** A role that callers of this account may take over with the external id, and its one inline policy. */
async function makeRole(aws: Contract, permissions: string): Promise<string> {
  const RoleName = aws.name('role');
  aws.undo(`role ${RoleName}`, async () => {
    await aws.iam.deleteRolePolicy({ RoleName, PolicyName: 'permissions' }).catch(unlessMissing);
    await aws.iam.deleteRole({ RoleName }).catch(unlessMissing);
  });
  const { Role } = await aws.iam.createRole({
    RoleName,
    AssumeRolePolicyDocument: policy({
      ...{ Effect: 'Allow', Action: 'sts:AssumeRole' },
      Principal: { AWS: `arn:aws:iam::${aws.accountId}:root` },
      Condition: { StringEquals: { 'sts:ExternalId': EXTERNAL_ID } },
    }),
  });
  await aws.iam.putRolePolicy({ RoleName, PolicyName: 'permissions', PolicyDocument: permissions });
  return Role?.Arn ?? '';
}

function unlessMissing(err: unknown): void {
  if (!/^NoSuchEntity/.test((err as Error).name)) throw err;
}

/** A new role is known everywhere only after some seconds. */
async function assume(aws: Contract, RoleArn: string, Policy?: string): Promise<Credentials> {
  return aws.until(`${RoleArn} can be assumed`, async () => {
    try {
      const session = { RoleSessionName: 'contract', ExternalId: EXTERNAL_ID };
      const { Credentials: got } = await aws.sts.assumeRole({
        RoleArn,
        ...session,
        ...(Policy && { Policy }),
      });
      return {
        accessKeyId: got!.AccessKeyId!,
        secretAccessKey: got!.SecretAccessKey!,
        sessionToken: got!.SessionToken!,
      };
    } catch (err) {
      if ((err as Error).name === 'AccessDenied') return undefined;
      throw err;
    }
  });
}

const denied = { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } };

/** STS and IAM: who one is, and what one may not do. */
export function identity(): void {
  contractTest('STS says who calls', FREE, async (aws) => {
    const { Account, Arn, UserId } = await aws.sts.getCallerIdentity({});
    expect(Account).toBe(aws.accountId);
    expect(Arn).toMatch(new RegExp(`^arn:aws:(iam|sts)::${aws.accountId}:`));
    expect(UserId).not.toBe('');
  });

  contractTest(
    'a session may do what its role may and no more, and a session policy only narrows that',
    REQUESTS,
    async (aws) => {
      const Bucket = await makeBucket(aws, 'permissions');
      await aws.s3.putObject({ Bucket, Key: 'readable', Body: 'text' });
      const read = { Effect: 'Allow', Action: 's3:GetObject', Resource: `arn:aws:s3:::${Bucket}/*` };
      const arn = await makeRole(aws, policy(read));
      const session = aws.as(await assume(aws, arn));
      expect((await session.sts.getCallerIdentity({})).Arn).toBe(
        `${arn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/contract`,
      );
      // The policy, too, takes its time to be known.
      const body = await aws.until('the session may read', async () => {
        try {
          return await (await session.s3.getObject({ Bucket, Key: 'readable' })).Body?.transformToString();
        } catch (err) {
          if ((err as Error).name === 'AccessDenied') return undefined;
          throw err;
        }
      });
      expect(body).toBe('text');
      await expect(session.s3.putObject({ Bucket, Key: 'new', Body: 'x' })).rejects.toMatchObject(denied);
      await expect(session.s3.listObjectsV2({ Bucket })).rejects.toMatchObject(denied);
      const everything = policy({ Effect: 'Allow', Action: 's3:PutObject', Resource: '*' });
      const narrowed = aws.as(await assume(aws, arn, everything));
      await expect(narrowed.s3.getObject({ Bucket, Key: 'readable' })).rejects.toMatchObject(denied);
      await expect(narrowed.s3.putObject({ Bucket, Key: 'new', Body: 'x' })).rejects.toMatchObject(denied);
    },
  );

  contractTest('a role is not given to who lacks its external id', FREE, async (aws) => {
    const RoleArn = await makeRole(aws, policy({ Effect: 'Deny', Action: '*', Resource: '*' }));
    await assume(aws, RoleArn);
    await expect(aws.sts.assumeRole({ RoleArn, RoleSessionName: 'contract' })).rejects.toMatchObject(denied);
    await expect(
      aws.sts.assumeRole({ RoleArn, RoleSessionName: 'contract', ExternalId: 'another' }),
    ).rejects.toMatchObject(denied);
  });

  contractTest('IAM tells allowed, not allowed and forbidden apart', FREE, async (aws) => {
    const PolicyInputList = [
      policy(
        { Effect: 'Allow', Action: ['s3:Get*', 's3:DeleteObject'], Resource: 'arn:aws:s3:::kept/*' },
        { Effect: 'Deny', Action: 's3:DeleteObject', Resource: '*' },
      ),
    ];
    const { EvaluationResults } = await aws.iam.simulateCustomPolicy({
      PolicyInputList,
      ActionNames: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
      ResourceArns: ['arn:aws:s3:::kept/key'],
    });
    const decisions = EvaluationResults?.map(({ EvalActionName, EvalDecision }) => [
      EvalActionName,
      EvalDecision,
    ]);
    expect(Object.fromEntries(decisions ?? [])).toEqual({
      ...{ 's3:GetObject': 'allowed', 's3:PutObject': 'implicitDeny', 's3:DeleteObject': 'explicitDeny' },
    });
  });

  contractTest('IAM names what does not exist, and refuses what is no policy', FREE, async (aws) => {
    await expect(aws.iam.getRole({ RoleName: aws.name('nobody') })).rejects.toMatchObject({
      ...{ name: expect.stringMatching(/^NoSuchEntity/), $metadata: { httpStatusCode: 404 } },
    });
    const RoleName = aws.name('malformed');
    await expect(
      aws.iam.createRole({ RoleName, AssumeRolePolicyDocument: '{ "Version": "2012-10-17" ' }),
    ).rejects.toMatchObject({ name: expect.stringMatching(/^MalformedPolicyDocument/) });
    await expect(aws.iam.getRole({ RoleName })).rejects.toThrow();
  });
}
