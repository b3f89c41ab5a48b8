import { EC2 } from '@aws-sdk/client-ec2';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { Seeded } from '../src/pg/seeded.ts';
import { Promises } from './support/kills/promises.ts';
import { addRule, endServer, type KillableServer, startKillable } from './support/kills/server.ts';
import { ACCOUNT, BUCKET, clientsOf, REGION, ROLE, THINGS } from './support/kills/things.ts';
import { change } from './support/kills/writers.ts';
import { temporaryState } from './support/local-aws.ts';

jest.setTimeout(240_000); // servers of their own, started again and again

const folder = temporaryState();
let server: KillableServer;
const start = () => startKillable(folder.path, () => undefined);
beforeAll(async () => {
  server = await start();
  const { rds, s3, iam, backup } = clientsOf(server);
  await rds.createDBParameterGroup({
    ...{ DBParameterGroupName: 'survivors', DBParameterGroupFamily: 'postgres18', Description: 'survives' },
  });
  await s3.createBucket({ Bucket: BUCKET, CreateBucketConfiguration: { LocationConstraint: REGION } });
  await s3.putBucketVersioning({ Bucket: BUCKET, VersioningConfiguration: { Status: 'Enabled' } });
  const document = (statement: object) => JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  const trust = { Effect: 'Allow', Principal: { Service: 'backup.amazonaws.com' }, Action: 'sts:AssumeRole' };
  await iam.createRole({ RoleName: ROLE, AssumeRolePolicyDocument: document(trust) });
  await backup.createBackupVault({ BackupVaultName: 'vault' });
});
afterEach(async () => {
  if (server.child.signalCode !== null) server = await start();
});
afterAll(async () => {
  await endServer(server);
  folder.dispose();
});

/** Lets the server die at a point of its work on a journal. */
const dieAt = (point: string, resource: string) => addRule(server, { kind: 'crash', point, resource });
const died = async () => {
  await server.gone;
  expect(server.child.signalCode).toBe('SIGKILL');
  server = await start();
};
const ec2 = () =>
  new EC2({ endpoint: server.endpoint, region: REGION, credentials: server.credentials, maxAttempts: 1 });
const told = new Promises();
const gone = /socket hang up|ECONNRESET|ECONNREFUSED/;

test.each(['compact.begin', 'compact.half', 'compact.written', 'compact.renamed'])(
  'killed at %s while a journal is rewritten and others write to it, nothing that was answered is lost',
  async (point) => {
    const tags = THINGS.filter(({ kind }) => kind === 'rds-tag');
    await dieAt(point, 'rds/parameter-groups');
    const lot = new Seeded(point);
    const clients = clientsOf(server);
    const writers = Array.from({ length: 12 }, (_, n) =>
      tags.map((thing) => change(clients, told, thing, n, lot)),
    );
    await Promise.all(writers.flat());
    await died();
    expect(told.answered).toBeGreaterThan(1000);
    expect(await told.check(clientsOf(server))).toEqual([]);
  },
);

test.each([
  ['journal.torn', 0],
  ['journal.synced', 1],
])('killed at %s, a VPC is there with its default security group, or not at all', async (point, vpcs) => {
  const CidrBlock = point === 'journal.torn' ? '10.40.0.0/16' : '10.41.0.0/16';
  await dieAt(point, 'ec2/all');
  await expect(ec2().createVpc({ CidrBlock })).rejects.toThrow(gone);
  await died();
  const { Vpcs = [] } = await ec2().describeVpcs({ Filters: [{ Name: 'cidr', Values: [CidrBlock] }] });
  const { SecurityGroups = [] } = await ec2().describeSecurityGroups({});
  expect(Vpcs).toHaveLength(vpcs);
  expect(SecurityGroups.map(({ VpcId }) => VpcId)).toEqual(Vpcs.map(({ VpcId }) => VpcId));
  for (const { VpcId } of Vpcs) await ec2().deleteVpc({ VpcId });
});

test.each(['journal.torn', 'journal.synced'])(
  'killed at %s, a backup job and its idempotency token are both there, or neither: the token makes one job',
  async (point) => {
    const order = {
      ...{ BackupVaultName: 'vault', ResourceArn: `arn:aws:s3:::${BUCKET}`, IdempotencyToken: point },
      IamRoleArn: `arn:aws:iam::${ACCOUNT}:role/${ROLE}`,
    };
    const jobs = async () => (await clientsOf(server).backup.listBackupJobs({})).BackupJobs ?? [];
    const before = (await jobs()).length;
    await dieAt(point, 'backup/all');
    await expect(clientsOf(server).backup.startBackupJob(order)).rejects.toThrow(gone);
    await died();
    const { BackupJobId } = await clientsOf(server).backup.startBackupJob(order);
    const after = await jobs();
    expect(after).toHaveLength(before + 1);
    expect(after.map((job) => job.BackupJobId)).toContain(BackupJobId);
  },
);

test.each([
  ['journal.torn', 0],
  ['journal.synced', 1],
])(
  'killed at %s, an upload has become an object, or it is still an upload, never both',
  async (point, versions) => {
    const where = { Bucket: BUCKET, Key: point };
    const { s3 } = clientsOf(server);
    const { UploadId } = await s3.createMultipartUpload(where);
    const { ETag } = await s3.uploadPart({ ...where, UploadId, PartNumber: 1, Body: 'part' });
    await dieAt(point, 's3/all');
    const parts = { MultipartUpload: { Parts: [{ ETag, PartNumber: 1 }] } };
    await expect(s3.completeMultipartUpload({ ...where, UploadId, ...parts })).rejects.toThrow(gone);
    await died();
    const again = clientsOf(server).s3;
    const { Versions = [] } = await again.listObjectVersions({ Bucket: BUCKET, Prefix: point });
    const { Uploads = [] } = await again.listMultipartUploads({ Bucket: BUCKET });
    expect([Versions.length, Uploads.length]).toEqual([versions, 1 - versions]);
    const second = again.completeMultipartUpload({ ...where, UploadId, ...parts });
    if (versions === 1) await expect(second).rejects.toMatchObject({ name: 'NoSuchUpload' });
    else await second;
    expect(await (await again.getObject(where)).Body?.transformToString()).toBe('part');
  },
);
