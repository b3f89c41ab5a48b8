import type { AccountName } from '../../domain/policy/schema.ts';

/** What stands in the three accounts on this computer. A customer's platform team would make the same decisions once. */
export const ACCOUNTS: Readonly<Record<AccountName, string>> = {
  production: '111111111111',
  vault: '222222222222',
  drill: '333333333333',
};

export const PRODUCTION_REGION = 'eu-central-1';
export const RECOVERY_REGION = 'us-east-1';

export const POLICY_NAME = 'night';
export const RESOURCE_NAME = 'orders';
export const DATABASE_NAME = 'shop';
export const LEDGER_BUCKET = 'lifeboat-ledger-222222222222';
export const READER_SECRET = 'lifeboat/orders-reader';

export const RETENTION_DAYS = 90;
export const LEDGER_KEEP_DAYS = 400;

/** A place where AWS calls go: one account, one region. */
export interface Place {
  readonly account: AccountName;
  readonly region: string;
}

export const PRODUCTION: Place = { account: 'production', region: PRODUCTION_REGION };
export const RELAY: Place = { account: 'production', region: RECOVERY_REGION };
export const VAULT: Place = { account: 'vault', region: RECOVERY_REGION };
export const DRILL: Place = { account: 'drill', region: RECOVERY_REGION };

/**
 * The two networks. On this computer 10.a.b.c is the loopback address 127.a.b.c, so that a security group is a rule about where a
 * connection may come from.
 */
export const NETWORKS = {
  production: { place: PRODUCTION, cidr: '10.10.0.0/16', subnets: ['10.10.1.0/24', '10.10.2.0/24'] },
  drill: { place: DRILL, cidr: '10.20.0.0/16', subnets: ['10.20.1.0/24', '10.20.2.0/24'] },
} as const;
export const SUBNET_GROUPS = { production: 'production', drill: 'lifeboat-drill' } as const;

/** From where the programs on this computer connect: inside the block of their network. */
export const LOCAL_ADDRESSES = { production: '127.10.9.9', drill: '127.20.9.9', shop: '127.10.9.8' } as const;
