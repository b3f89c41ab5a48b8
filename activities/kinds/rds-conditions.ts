import { DBInstanceNotFoundFault, DescribeDBInstancesCommand } from '@aws-sdk/client-rds';
import { DescribeKeyCommand } from '@aws-sdk/client-kms';
import type { Policy, ProtectedResource } from '../../domain/policy/schema.ts';
import type { Condition } from '../../domain/requests.ts';
import { inAccount, type AwsClients } from '../aws/clients.ts';
import { nameOf } from '../aws/errors.ts';

/** What must hold for an RDS instance before a night can protect it. */
export async function rdsConditions(
  clients: AwsClients,
  policy: Policy,
  resource: ProtectedResource,
): Promise<Condition[]> {
  const subject = `${resource.name} (${resource.arn})`;
  const at = inAccount(policy, 'production', policy.backup.region);
  const exists = { subject, question: 'Does the instance exist, in a state that can be backed up?' };
  const id = resource.arn.split(':').at(-1) ?? '';
  try {
    const { DBInstances: [instance] = [] } = await clients
      .rds(at)
      .send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: id }));
    const status = instance?.DBInstanceStatus ?? 'unknown';
    const usable = ['available', 'storage-optimization', 'backing-up'].includes(status);
    const state: Condition = usable
      ? { ...exists, state: 'ok', saw: status, action: '' }
      : {
          ...exists,
          state: 'problem',
          saw: status,
          action: 'Bring the instance to "available"; a stopped one is not protected.',
        };
    return [
      state,
      await encryption(clients, policy, subject, instance?.KmsKeyId, instance?.StorageEncrypted),
    ];
  } catch (error) {
    const absent = error instanceof DBInstanceNotFoundFault;
    const action = absent
      ? 'Correct the ARN in the policy, or move the resource to `exclude`.'
      : 'Give the production role rds:DescribeDBInstances, then ask again.';
    return [{ ...exists, state: absent ? 'problem' : 'unknown', saw: nameOf(error), action }];
  }
}

/** Snapshots under the AWS-managed key `aws/rds` can never leave their account (contract rows 17 and 18). */
async function encryption(
  clients: AwsClients,
  policy: Policy,
  subject: string,
  keyId: string | undefined,
  encrypted: boolean | undefined,
): Promise<Condition> {
  const question = 'Is it encrypted with a customer key that can be used?';
  const rekey =
    'Restore a copy of it under a customer managed key: a snapshot under the default key cannot be copied to another account.';
  if (encrypted !== true || keyId === undefined)
    return { subject, question, state: 'problem', saw: 'not encrypted with a KMS key', action: rekey };
  try {
    const kms = clients.kms(inAccount(policy, 'production', policy.backup.region));
    const { KeyMetadata: key } = await kms.send(new DescribeKeyCommand({ KeyId: keyId }));
    const saw = `${key?.KeyManager ?? 'unknown'} key, ${key?.KeyState ?? 'unknown state'}`;
    if (key?.KeyManager === 'AWS') return { subject, question, state: 'problem', saw, action: rekey };
    if (key?.KeyState !== 'Enabled')
      return {
        subject,
        question,
        state: 'problem',
        saw,
        action: `Cancel its deletion and enable ${keyId}: nothing under it can be restored.`,
      };
    return { subject, question, state: 'ok', saw, action: '' };
  } catch (error) {
    return {
      subject,
      question,
      state: 'unknown',
      saw: nameOf(error),
      action: `Give the production role kms:DescribeKey on ${keyId}.`,
    };
  }
}
