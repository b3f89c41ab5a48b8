/** What a call was about: the first names that its input has. */
export interface NamedResource {
  readonly name: string;
  readonly type: string | undefined;
}

const MOST_CHARACTERS = 2048;
const LONGEST_TEXT = 512;
/** Members whose values CloudTrail never shows. */
const SECRET =
  /password|secretstring|secretbinary|plaintext|^secretaccesskey$|sessiontoken|privatekey|tokencode|presignedurl|credential/i;
const HIDDEN = 'HIDDEN_DUE_TO_SECURITY_REASONS';

/** Request parameters as CloudTrail shows them: first letters in lower case, secrets hidden, bytes and long texts cut. */
export function masked(operation: string, input: object | undefined): unknown {
  if (!input || Object.keys(input).length === 0) return null;
  const shown = show(input, /secret/i.test(operation) ? 'secret' : 'plain');
  const text = JSON.stringify(shown);
  return text.length <= MOST_CHARACTERS ? shown : { truncated: text.slice(0, MOST_CHARACTERS) };
}

function show(value: unknown, name: string): unknown {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string')
    return value.length > LONGEST_TEXT
      ? `${value.slice(0, LONGEST_TEXT)}… (${value.length} characters)`
      : value;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object') return value;
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) return `(${value.byteLength} bytes)`;
  if (Array.isArray(value)) return value.slice(0, 50).map((item) => show(item, name));
  if (Object.getPrototypeOf(value) !== Object.prototype && Object.getPrototypeOf(value) !== null)
    return '(stream)';
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key.charAt(0).toLowerCase() + key.slice(1),
      SECRET.test(key) ? HIDDEN : show(item, key),
    ]),
  );
}

const TYPES: Readonly<Record<string, string>> = {
  DBInstanceIdentifier: 'AWS::RDS::DBInstance',
  DBClusterIdentifier: 'AWS::RDS::DBCluster',
  DBSnapshotIdentifier: 'AWS::RDS::DBSnapshot',
  TargetDBSnapshotIdentifier: 'AWS::RDS::DBSnapshot',
  SourceDBSnapshotIdentifier: 'AWS::RDS::DBSnapshot',
  DBClusterSnapshotIdentifier: 'AWS::RDS::DBClusterSnapshot',
  Bucket: 'AWS::S3::Bucket',
  KeyId: 'AWS::KMS::Key',
  SecretId: 'AWS::SecretsManager::Secret',
  BackupVaultName: 'AWS::Backup::BackupVault',
  RoleName: 'AWS::IAM::Role',
  RoleArn: 'AWS::IAM::Role',
  UserName: 'AWS::IAM::User',
  PolicyArn: 'AWS::IAM::Policy',
  TopicArn: 'AWS::SNS::Topic',
  VpcId: 'AWS::EC2::VPC',
  SubnetId: 'AWS::EC2::Subnet',
  GroupId: 'AWS::EC2::SecurityGroup',
  RouteTableId: 'AWS::EC2::RouteTable',
};

export function resourcesIn(input: object | undefined, accountId: string): NamedResource[] {
  if (!input) return [];
  return Object.entries(input).flatMap(([key, value]) => {
    if (typeof value !== 'string' || value === '' || value === accountId) return [];
    const type = TYPES[key];
    return type !== undefined || (/(Arn|ARN)$/.test(key) && value.startsWith('arn:'))
      ? [{ name: value, type }]
      : [];
  });
}
