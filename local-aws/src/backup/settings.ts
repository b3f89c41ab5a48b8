import type { Place } from '../platform.ts';
import { keyOf } from './names.ts';
import type { RegionSettings, ResourceType } from './records.ts';
import type { BackupStore } from './store.ts';

/** What AWS Backup knows of; Aurora is not opted in until somebody does it, as in many real accounts: a plan skips it without a word. */
const OPTED_IN: Readonly<Record<string, boolean>> = {
  ...{
    Aurora: false,
    CloudFormation: true,
    DocumentDB: false,
    DSQL: true,
    DynamoDB: true,
    EBS: true,
    EC2: true,
  },
  ...{
    EFS: true,
    EKS: true,
    FSx: true,
    Neptune: false,
    RDS: true,
    Redshift: true,
    'Redshift Serverless': true,
  },
  ...{
    S3: true,
    'SAP HANA on Amazon EC2': true,
    'Storage Gateway': true,
    Timestream: true,
    VirtualMachine: true,
  },
};

/** Types whose points AWS Backup may manage fully or leave to their service. */
const MANAGED: Readonly<Record<string, boolean>> = { DynamoDB: true, EFS: true };

export function regionSettings(
  store: BackupStore,
  place: Place,
): Pick<RegionSettings, 'optIn' | 'management'> {
  const { optIn = {}, management = {} } = store.settings.get(keyOf(place, 'settings')) ?? {};
  return { optIn: { ...OPTED_IN, ...optIn }, management: { ...MANAGED, ...management } };
}

export function isOptedIn(store: BackupStore, place: Place, type: ResourceType): boolean {
  return regionSettings(store, place).optIn[type] ?? false;
}

const GLOBAL = 'organization';

/** All accounts here are of one organization; its cross-account backup is on until somebody switches it off. */
const GLOBAL_DEFAULTS: Readonly<Record<string, string>> = {
  isCrossAccountBackupEnabled: 'true',
  isMpaEnabled: 'false',
  isDelegatedAdministratorEnabled: 'false',
};

export function globalSettings(store: BackupStore): {
  values: Readonly<Record<string, string>>;
  changedAt: string | undefined;
} {
  const { values = {}, changedAt } = store.globals.get(GLOBAL) ?? {};
  return { values: { ...GLOBAL_DEFAULTS, ...values }, changedAt };
}

export async function changeGlobalSettings(
  store: BackupStore,
  changes: Readonly<Record<string, string>>,
): Promise<void> {
  const { values } = globalSettings(store);
  await store.globals.put(GLOBAL, { values: { ...values, ...changes }, changedAt: store.now() });
}

export function crossAccountEnabled(store: BackupStore): boolean {
  return globalSettings(store).values['isCrossAccountBackupEnabled'] === 'true';
}
