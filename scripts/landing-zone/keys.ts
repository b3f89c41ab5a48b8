import {
  CreateAliasCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  PutKeyPolicyCommand,
} from '@aws-sdk/client-kms';
import type { CreateKeyCommandInput } from '@aws-sdk/client-kms';
import { isNamed } from './administrators.ts';
import type { Administrators } from './administrators.ts';
import { ACCOUNTS, DRILL, PRODUCTION, RELAY, VAULT } from './plan.ts';
import type { Place } from './plan.ts';
import { policyDocument } from './templates.ts';

/** ARNs of the keys, under the names that the documents of infra/iam use for them. */
export interface Keys {
  readonly SOURCE_KEY: string;
  readonly LOCAL_VAULT_KEY: string;
  readonly RELAY_KEY: string;
  readonly VAULT_KEY: string;
  readonly TRANSIT_KEY: string;
  readonly SIGNING_KEY: string;
}

const SIGNING = { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' } as const;

export const ACCOUNT_PLACEHOLDERS = {
  PRODUCTION_ACCOUNT: ACCOUNTS.production,
  VAULT_ACCOUNT: ACCOUNTS.vault,
  DRILL_ACCOUNT: ACCOUNTS.drill,
} as const;

export async function ensureKeys(aws: Administrators): Promise<Keys> {
  const [source, localVault, relay, vault, transit, signing] = await Promise.all([
    ensureKey(aws, PRODUCTION, 'source', 'Data of the production databases'),
    ensureKey(aws, PRODUCTION, 'local-vault', 'Recovery points beside the databases'),
    ensureKey(aws, RELAY, 'relay', 'Recovery points on their way to the vault account'),
    ensureKey(aws, VAULT, 'vault', 'Recovery points in the vault account'),
    ensureKey(aws, DRILL, 'transit', 'Recovery points while they are restored, and the restored copies'),
    ensureKey(aws, VAULT, 'signing', 'Signs the evidence of Lifeboat', SIGNING),
  ]);
  return {
    ...{ SOURCE_KEY: source, LOCAL_VAULT_KEY: localVault, RELAY_KEY: relay },
    ...{ VAULT_KEY: vault, TRANSIT_KEY: transit, SIGNING_KEY: signing },
  };
}

/** Finds a key by its alias, or makes both; its policy is set either way. Two makers at once are not expected: `npm start` holds a lock. */
async function ensureKey(
  aws: Administrators,
  place: Place,
  name: string,
  description: string,
  kind: Pick<CreateKeyCommandInput, 'KeySpec' | 'KeyUsage'> = {},
): Promise<string> {
  const kms = aws.kms(place);
  const alias = `alias/lifeboat-${name}`;
  const policy = await policyDocument(`keys/${name}.json`, ACCOUNT_PLACEHOLDERS);
  try {
    const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: alias }));
    await kms.send(new PutKeyPolicyCommand({ KeyId: KeyMetadata?.KeyId, Policy: policy }));
    return required(KeyMetadata?.Arn, alias);
  } catch (error) {
    if (!isNamed(error, 'NotFoundException')) throw error;
  }
  const { KeyMetadata } = await kms.send(
    new CreateKeyCommand({ Description: description, Policy: policy, ...kind }),
  );
  await kms.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: KeyMetadata?.KeyId }));
  return required(KeyMetadata?.Arn, alias);
}

function required(arn: string | undefined, alias: string): string {
  if (arn === undefined) throw new Error(`KMS answered without the ARN of ${alias}`);
  return arn;
}
