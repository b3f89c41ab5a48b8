import { CreateRoleCommand, PutRolePolicyCommand, UpdateAssumeRolePolicyCommand } from '@aws-sdk/client-iam';
import type { AccountName } from '../../domain/policy/schema.ts';
import { isNamed } from './administrators.ts';
import type { Administrators } from './administrators.ts';
import { ACCOUNTS, RECOVERY_REGION } from './plan.ts';
import { policyDocument } from './templates.ts';
import type { Placeholders } from './templates.ts';

/** Every role of infra/iam: the account it is in, and its name there. */
export const ROLES: readonly { readonly account: AccountName; readonly name: string }[] = [
  { account: 'production', name: 'lifeboat-backup-service' },
  { account: 'production', name: 'lifeboat-control' },
  { account: 'production', name: 'lifeboat-prober' },
  { account: 'vault', name: 'lifeboat-backup-service' },
  { account: 'vault', name: 'lifeboat-control' },
  { account: 'vault', name: 'lifeboat-worker' },
  { account: 'drill', name: 'lifeboat-backup-service' },
  { account: 'drill', name: 'lifeboat-control' },
  { account: 'drill', name: 'lifeboat-prober' },
];

export const roleArn = (account: AccountName, name: string): string =>
  `arn:aws:iam::${ACCOUNTS[account]}:role/${name}`;

/** Makes each role, or gives an existing one the documents of this version. */
export async function ensureRoles(aws: Administrators, values: Placeholders): Promise<void> {
  await Promise.all(ROLES.map(({ account, name }) => ensureRole(aws, account, name, values)));
}

async function ensureRole(
  aws: Administrators,
  account: AccountName,
  name: string,
  values: Placeholders,
): Promise<void> {
  const iam = aws.iam({ account, region: RECOVERY_REGION });
  const trust = await policyDocument(`${account}/${name}.trust.json`, values);
  try {
    await iam.send(new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument: trust }));
  } catch (error) {
    if (!isNamed(error, 'EntityAlreadyExistsException')) throw error;
    await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: name, PolicyDocument: trust }));
  }
  const PolicyDocument = await policyDocument(`${account}/${name}.permissions.json`, values);
  await iam.send(new PutRolePolicyCommand({ RoleName: name, PolicyName: 'lifeboat', PolicyDocument }));
}
