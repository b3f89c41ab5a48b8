import type { PolicyRecord } from './managed-policies.ts';

const BACKUP_SERVICE = [
  'backup:CopyIntoBackupVault',
  'backup:CopyFromBackupVault',
  'backup:DescribeBackupVault',
  'kms:DescribeKey',
  'kms:Decrypt',
  'kms:GenerateDataKey',
  'rds:AddTagsToResource',
  'rds:ListTagsForResource',
  'rds:DescribeDBSnapshots',
  'rds:CreateDBSnapshot',
  'rds:CopyDBSnapshot',
  'rds:DescribeDBInstances',
  'rds:DeleteDBSnapshot',
  'rds:ModifyDBSnapshotAttribute',
  'rds:CreateDBClusterSnapshot',
  'rds:DescribeDBClusters',
  'rds:DescribeDBClusterSnapshots',
  'rds:DeleteDBClusterSnapshot',
  'rds:CopyDBClusterSnapshot',
  'rds:ModifyDBClusterSnapshotAttribute',
  'tag:GetResources',
];

const RESTORE_SERVICE = [
  'rds:DescribeDBInstances',
  'rds:DescribeDBSnapshots',
  'rds:ListTagsForResource',
  'rds:RestoreDBInstanceFromDBSnapshot',
  'rds:RestoreDBInstanceToPointInTime',
  'rds:DeleteDBInstance',
  'rds:AddTagsToResource',
  'rds:DescribeDBClusters',
  'rds:RestoreDBClusterFromSnapshot',
  'rds:RestoreDBClusterToPointInTime',
  'rds:DeleteDBCluster',
  'kms:DescribeKey',
  'kms:Decrypt',
  'kms:Encrypt',
  'kms:GenerateDataKey',
  'kms:ReEncryptTo',
  'kms:ReEncryptFrom',
];

const S3_BACKUP = [
  's3:GetInventoryConfiguration',
  's3:PutInventoryConfiguration',
  's3:ListBucketVersions',
  's3:ListBucket',
  's3:GetBucketVersioning',
  's3:GetBucketNotification',
  's3:PutBucketNotification',
  's3:GetBucketLocation',
  's3:GetBucketTagging',
  's3:GetBucketAcl',
  's3:GetObjectAcl',
  's3:GetObject',
  's3:GetObjectVersionTagging',
  's3:GetObjectVersionAcl',
  's3:GetObjectTagging',
  's3:GetObjectVersion',
];

const S3_RESTORE = [
  's3:CreateBucket',
  's3:ListBucketVersions',
  's3:ListBucket',
  's3:GetBucketVersioning',
  's3:GetBucketLocation',
  's3:PutBucketVersioning',
  's3:PutBucketOwnershipControls',
  's3:GetBucketOwnershipControls',
  's3:GetObject',
  's3:GetObjectVersion',
  's3:DeleteObject',
  's3:PutObjectVersionAcl',
  's3:GetObjectVersionAcl',
  's3:GetObjectTagging',
  's3:PutObjectTagging',
  's3:GetObjectAcl',
  's3:PutObjectAcl',
  's3:PutObject',
  's3:ListMultipartUploadParts',
];

const READ_ONLY = [
  'backup',
  'cloudtrail',
  'cloudwatch',
  'ec2',
  'iam',
  'kms',
  'rds',
  's3',
  'sns',
  'tag',
].flatMap((service) => [`${service}:Get*`, `${service}:List*`, `${service}:Describe*`]);

/**
 * AWS's own policies that people attach where Lifeboat runs. Their statements are shortened to the services that exist
 * here; all other names of AWS's catalogue are refused as unknown, since guessing what they allow would mislead.
 */
export const AWS_POLICIES: readonly PolicyRecord[] = [
  ownPolicy('/', 'AdministratorAccess', [{ Effect: 'Allow', Action: '*', Resource: '*' }]),
  ownPolicy('/', 'PowerUserAccess', [
    { Effect: 'Allow', NotAction: ['iam:*', 'organizations:*', 'account:*'], Resource: '*' },
    {
      Effect: 'Allow',
      Action: ['iam:CreateServiceLinkedRole', 'iam:DeleteServiceLinkedRole', 'iam:ListRoles'],
      Resource: '*',
    },
  ]),
  ownPolicy('/', 'ReadOnlyAccess', [{ Effect: 'Allow', Action: READ_ONLY, Resource: '*' }]),
  ownPolicy('/', 'SecurityAudit', [
    { Effect: 'Allow', Action: READ_ONLY.filter((action) => !action.endsWith(':Get*')), Resource: '*' },
  ]),
  ownPolicy('/service-role/', 'AWSBackupServiceRolePolicyForBackup', [
    { Effect: 'Allow', Action: BACKUP_SERVICE, Resource: '*' },
    grants(),
  ]),
  ownPolicy('/service-role/', 'AWSBackupServiceRolePolicyForRestores', [
    { Effect: 'Allow', Action: RESTORE_SERVICE, Resource: '*' },
    grants(),
  ]),
  ownPolicy('/', 'AWSBackupServiceRolePolicyForS3Backup', [
    { Effect: 'Allow', Action: [...S3_BACKUP, 'kms:Decrypt', 'kms:DescribeKey'], Resource: '*' },
  ]),
  ownPolicy('/', 'AWSBackupServiceRolePolicyForS3Restore', [
    {
      Effect: 'Allow',
      Action: [...S3_RESTORE, 'kms:Decrypt', 'kms:DescribeKey', 'kms:GenerateDataKey'],
      Resource: '*',
    },
  ]),
];

function grants(): object {
  return {
    Effect: 'Allow',
    Action: 'kms:CreateGrant',
    Resource: '*',
    Condition: { Bool: { 'kms:GrantIsForAWSResource': 'true' } },
  };
}

function ownPolicy(path: string, name: string, Statement: readonly object[]): PolicyRecord {
  const createdAt = '2015-02-06T18:39:46.000Z';
  return {
    accountId: 'aws',
    arn: `arn:aws:iam::aws:policy${path}${name}`,
    policyId: `ANPA${Buffer.from(name).toString('hex').toUpperCase().padEnd(17, '0').slice(0, 17)}`,
    name,
    path,
    description: undefined,
    createdAt,
    updatedAt: createdAt,
    versions: [{ id: 'v1', document: JSON.stringify({ Version: '2012-10-17', Statement }), createdAt }],
    defaultVersionId: 'v1',
    highestVersion: 1,
    tags: [],
  };
}
