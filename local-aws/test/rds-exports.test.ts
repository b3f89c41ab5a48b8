import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ExportTask, RDS } from '@aws-sdk/client-rds';
import { S3 } from '@aws-sdk/client-s3';
import { parquetMetadata, parquetReadObjects, parquetSchema } from 'hyparquet';
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import {
  addMember,
  ask,
  createCluster,
  describedCluster,
  whenClusterSnapshotAvailable,
} from './support/clusters.ts';
import {
  type Cloud,
  type Corner,
  createInstance,
  customerKey,
  HOME,
  openCloud,
  PRODUCTION,
  query,
} from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';

const BUCKET = 'archive-of-production';
const SOURCE = `arn:aws:rds:${HOME}:${PRODUCTION}:snapshot:night-1`;
const ROWS = 120_000;

describe('Snapshot exports', () => {
  let cloud: Cloud;
  let home: Corner;
  let rds: RDS;
  let s3: S3;
  let key: string;
  let role: string;

  beforeAll(async () => {
    cloud = await openCloud();
    home = cloud.corner(PRODUCTION, HOME);
    ({ rds } = home);
    const credentials = cloud.aws.accounts[PRODUCTION]!;
    s3 = new S3({ endpoint: cloud.aws.endpoint, region: HOME, credentials, maxAttempts: 1 });
    await s3.createBucket({ Bucket: BUCKET, CreateBucketConfiguration: { LocationConstraint: HOME } });
    key = await customerKey(home);
    role = await exportRole('exporter', [
      's3:PutObject*',
      's3:GetObject*',
      's3:ListBucket',
      's3:DeleteObject*',
      's3:GetBucketLocation',
    ]);
    const instance = await createInstance(home, { id: 'orders' });
    await query(
      cloud,
      instance,
      `CREATE TYPE mood AS ENUM ('good', 'bad');
       CREATE DOMAIN small AS int CHECK (VALUE < 100);
       CREATE TABLE sample (i2 smallint, i4 int, i8 bigint, n numeric(20, 4), r real, d double precision, b boolean,
         t text, v varchar(9), raw bytea, at timestamptz, day date, j jsonb, u uuid, list int[], m mood, s small);
       INSERT INTO sample VALUES (-2, 4, 9007199254740993, 12345.6700, 1.5, 0.1, true, 'naïve "text" 東京', 'nine',
         '\\x00ff10', '2026-01-02 03:04:05.678901+02', '2026-01-02', '{"a": [1, null]}',
         '0b6f8c1e-0000-4000-8000-000000000001', '{1,NULL,3}', 'good', 7);
       INSERT INTO sample DEFAULT VALUES;
       CREATE TABLE big AS SELECT i AS id, md5(i::text) AS digest, now() AS at FROM generate_series(1, ${ROWS}) i;
       CREATE TABLE nothing (id int PRIMARY KEY);
       CREATE UNLOGGED TABLE scratch AS SELECT 1 AS one;
       CREATE TABLE "odd name" AS SELECT 1 AS one;
       CREATE SCHEMA sales; CREATE TABLE sales.deal AS SELECT 1 AS id;
       CREATE TABLE part (id int, name text) PARTITION BY LIST (id);
       CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1); INSERT INTO part VALUES (1, 'one');`,
    );
    await query(cloud, instance, 'CREATE TABLE note AS SELECT 1 AS id', { database: 'postgres' });
    await rds.createDBSnapshot({ DBInstanceIdentifier: 'orders', DBSnapshotIdentifier: 'night-1' });
    await eventually('the snapshot is there', async () => {
      const { DBSnapshots: [one] = [] } = await rds.describeDBSnapshots({ DBSnapshotIdentifier: 'night-1' });
      return one?.Status === 'available' ? true : undefined;
    });
  }, 120_000);
  afterAll(() => cloud.end(), 60_000);

  async function exportRole(
    name: string,
    actions: string[],
    service = 'export.rds.amazonaws.com',
  ): Promise<string> {
    const document = (statement: object) =>
      JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] });
    const { Role } = await home.iam.createRole({
      RoleName: name,
      AssumeRolePolicyDocument: document({ Principal: { Service: service }, Action: 'sts:AssumeRole' }),
    });
    const PolicyDocument = document({ Action: actions, Resource: '*' });
    if (actions.length > 0)
      await home.iam.putRolePolicy({ RoleName: name, PolicyName: 'rights', PolicyDocument });
    return Role?.Arn ?? '';
  }

  const start = (id: string, more: Partial<Parameters<RDS['startExportTask']>[0]> = {}) =>
    rds.startExportTask({
      ...{
        ExportTaskIdentifier: id,
        SourceArn: SOURCE,
        S3BucketName: BUCKET,
        IamRoleArn: role,
        KmsKeyId: key,
      },
      ...more,
    });

  async function described(id: string): Promise<ExportTask> {
    const { ExportTasks: [task] = [] } = await rds.describeExportTasks({ ExportTaskIdentifier: id });
    if (!task) throw new Error(`No export task ${id}.`);
    return task;
  }

  const ended = (id: string) =>
    eventually(`export ${id} has ended`, async () => {
      const task = await described(id);
      return /COMPLETE|FAILED|CANCELED/.test(task.Status ?? '') ? task : undefined;
    });

  async function names(prefix: string): Promise<string[]> {
    const { Contents = [] } = await s3.listObjectsV2({ Bucket: BUCKET, Prefix: prefix });
    return Contents.map(({ Key = '' }) => Key.slice(prefix.length));
  }

  async function bytes(Key: string): Promise<Buffer> {
    const { Body } = await s3.getObject({ Bucket: BUCKET, Key });
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  }

  const json = async (Key: string) => JSON.parse((await bytes(Key)).toString()) as Record<string, unknown>;

  async function parquet(prefix: string, table: string) {
    const [name = ''] = (await names(prefix)).filter((one) => one.startsWith(`${table}/1/part-`));
    const content = await bytes(prefix + name);
    const file = content.buffer.slice(content.byteOffset, content.byteOffset + content.length) as ArrayBuffer;
    const compressors = { GZIP: (input: Uint8Array) => new Uint8Array(gunzipSync(input)) };
    const rows = await parquetReadObjects({ file, compressors });
    return { rows, metadata: parquetMetadata(file) };
  }

  describe('of a whole instance', () => {
    let task: ExportTask;
    const folder = 'nights/2026/export-1/';

    beforeAll(async () => {
      const begun = await start('Export-1', { S3Prefix: 'nights/2026' });
      expect(begun).toMatchObject({
        ...{
          ExportTaskIdentifier: 'export-1',
          Status: 'STARTING',
          PercentProgress: 0,
          SourceType: 'SNAPSHOT',
        },
        ...{ S3Bucket: BUCKET, S3Prefix: 'nights/2026', KmsKeyId: key, IamRoleArn: role, SourceArn: SOURCE },
      });
      task = await ended('export-1');
    }, 120_000);

    it('are complete, and say which tables were left out and why', () => {
      expect(task).toMatchObject({ Status: 'COMPLETE', PercentProgress: 100, TotalExtractedDataInGB: 0 });
      expect(task.TaskStartTime).toBeInstanceOf(Date);
      expect(task.TaskEndTime?.getTime()).toBeGreaterThanOrEqual(task.TaskStartTime?.getTime() ?? Infinity);
      expect(JSON.parse(task.WarningMessage ?? '{}')).toEqual({
        skippedTables: [
          { target: 'shop.public.odd name', reason: 'UNSUPPORTED_CHARACTER_IN_NAME' },
          { target: 'shop.public.scratch', reason: 'UNLOGGED_TABLE' },
        ],
        ...{ skippedObjectives: [], general: [] },
      });
    });

    it('have the folders and files of AWS', async () => {
      const found = await names(folder);
      const part = (table: string, index = '00000') =>
        expect.stringMatching(new RegExp(`^${table}/1/part-${index}-[0-9a-f-]{36}-c000\\.gz\\.parquet$`));
      const tables = [
        ...['postgres/public.note', 'shop/public.big', 'shop/public.nothing', 'shop/public.part_1'],
        ...['shop/public.sample', 'shop/sales.deal'],
      ];
      expect(found).toEqual([
        'export_info_export-1.json',
        'export_tables_info_export-1_from_1_to_8.json',
        ...tables.flatMap((table) => [`${table}/1/_SUCCESS`, part(table)]),
      ]);
    });

    it('have valid JSON beside the data', async () => {
      expect(await json(`${folder}export_info_export-1.json`)).toMatchObject({
        ...{ exportTaskIdentifier: 'export-1', sourceArn: SOURCE, exportOnly: [], status: 'COMPLETE' },
        ...{ s3Bucket: BUCKET, s3Prefix: 'nights/2026', exportedFilesPath: 'nights/2026/export-1' },
        ...{ iamRoleArn: role, kmsKeyId: key, percentProgress: 100 },
        snapshotTime: task.SnapshotTime?.toISOString(),
        taskEndTime: task.TaskEndTime?.toISOString(),
        totalExportedDataInGB: expect.any(Number),
      });
      const { perTableStatus } = (await json(`${folder}export_tables_info_export-1_from_1_to_8.json`)) as {
        perTableStatus: {
          target: string;
          status: string;
          schemaMetadata: { originalTypeMappings: object[] };
        }[];
      };
      const deal = perTableStatus.find(({ target }) => target === 'shop.sales.deal');
      expect(deal).toMatchObject({
        ...{ status: 'COMPLETE', sizeGB: expect.any(Number) },
        tableStatistics: {
          extractionStartTime: expect.any(String),
          partitioningInfo: { numberOfPartitions: 1, numberOfCompletedPartitions: 1 },
        },
        schemaMetadata: {
          originalTypeMappings: [
            expect.objectContaining({
              columnName: 'id',
              originalType: 'integer',
              expectedExportedType: 'int32',
            }),
          ],
        },
      });
      const sample = perTableStatus.find(({ target }) => target === 'shop.public.sample');
      const types = sample?.schemaMetadata.originalTypeMappings as { originalType: string }[];
      expect(types.map(({ originalType }) => originalType)).toEqual([
        ...['smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision', 'boolean', 'text'],
        ...['character varying', 'bytea', 'timestamp with time zone', 'date', 'jsonb', 'uuid', 'ARRAY'],
        ...['USER-DEFINED', 'integer'],
      ]);
    });

    it('hold every value of every type in real Parquet', async () => {
      const { rows, metadata } = await parquet(folder, 'shop/public.sample');
      expect(parquetSchema(metadata).children.map(({ element }) => element.type)).toEqual([
        ...[
          'INT32',
          'INT32',
          'INT64',
          'BYTE_ARRAY',
          'FLOAT',
          'DOUBLE',
          'BOOLEAN',
          'BYTE_ARRAY',
          'BYTE_ARRAY',
        ],
        ...Array.from({ length: 7 }, () => 'BYTE_ARRAY'),
        'INT32',
      ]);
      expect(rows[0]).toMatchObject({
        ...{ i2: -2, i4: 4, i8: 9007199254740993n, n: '12345.6700', r: 1.5, d: 0.1, b: true },
        ...{ t: 'naïve "text" 東京', v: 'nine', at: '2026-01-02 01:04:05.678901+00', day: '2026-01-02' },
        ...{ j: '{"a": [1, null]}', u: '0b6f8c1e-0000-4000-8000-000000000001', list: '{1,NULL,3}' },
        ...{ m: 'good', s: 7 },
      });
      expect(rows[1]).toMatchObject({ i2: null, i8: null, b: null, t: null, raw: null });
      expect(rows).toHaveLength(2);
    });

    it('hold every row of a large table once, in many row groups', async () => {
      const { rows, metadata } = await parquet(folder, 'shop/public.big');
      expect(metadata.row_groups.length).toBeGreaterThan(2);
      expect(rows).toHaveLength(ROWS);
      const seen = new Set(rows.map(({ id }) => id as number));
      expect(seen.size).toBe(ROWS);
      const right = (id: number) => createHash('md5').update(String(id)).digest('hex');
      expect(rows.filter(({ id, digest }) => digest !== right(id as number))).toEqual([]);
    });

    it('hold an empty table as a file without rows', async () => {
      const { rows, metadata } = await parquet(folder, 'shop/public.nothing');
      expect(rows).toEqual([]);
      expect(metadata.num_rows).toBe(0n);
    });

    it('lie under the key that was given, so that nobody reads them without it', async () => {
      const Key = `${folder}export_info_export-1.json`;
      const head = await s3.headObject({ Bucket: BUCKET, Key });
      expect(head).toMatchObject({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: key });
      await home.kms.disableKey({ KeyId: key });
      await expect(bytes(Key)).rejects.toMatchObject({ name: 'KMS.DisabledException' });
      await home.kms.enableKey({ KeyId: key });
    });

    it('use their identifier up for good', async () => {
      await expect(start('export-1')).rejects.toMatchObject({ name: 'ExportTaskAlreadyExistsFault' });
      await expect(rds.cancelExportTask({ ExportTaskIdentifier: 'export-1' })).rejects.toMatchObject({
        name: 'InvalidExportTaskStateFault',
      });
    });

    it('are told of in events', async () => {
      const { Events = [] } = await rds.describeEvents({
        SourceType: 'db-snapshot',
        SourceIdentifier: 'night-1',
      });
      expect(Events.map(({ Message }) => Message)).toContain('Export task export-1 completed');
    });
  });

  it('take only what was asked for, and fail when there is nothing of that name', async () => {
    await start('only-sales', { ExportOnly: ['shop.sales', 'shop.public.nothing'] });
    expect(await ended('only-sales')).toMatchObject({ Status: 'COMPLETE' });
    const found = (await names('only-sales/')).filter((name) => name.endsWith('_SUCCESS'));
    expect(found).toEqual(['shop/public.nothing/1/_SUCCESS', 'shop/sales.deal/1/_SUCCESS']);
    expect((await described('only-sales')).WarningMessage).toBeUndefined();
    await start('only-nothing', { ExportOnly: ['shop.sales.gone'] });
    expect(await ended('only-nothing')).toMatchObject({
      ...{ Status: 'FAILED', FailureCause: expect.stringContaining('shop.sales.gone') },
    });
    for (const wrong of ['a.b.c.d', '', 'a b'])
      await expect(start('only-wrong', { ExportOnly: [wrong] })).rejects.toMatchObject({
        name: 'InvalidExportOnlyFault',
      });
  });

  it('are described as an empty list when nobody knows them, and by filter, in lower case', async () => {
    expect((await rds.describeExportTasks({ ExportTaskIdentifier: 'nobody' })).ExportTasks).toEqual([]);
    const by = async (Name: string, ...Values: string[]) =>
      (await rds.describeExportTasks({ Filters: [{ Name, Values }] })).ExportTasks?.length;
    expect(await by('status', 'failed')).toBe(1);
    expect(await by('status', 'in_progress')).toBe(0);
    expect(await by('export-task-identifier', 'only-sales')).toBe(1);
    expect(await by('source-arn', SOURCE)).toBe(3);
    await expect(by('status', 'FAILED')).rejects.toThrow(/lower case/);
    await expect(rds.cancelExportTask({ ExportTaskIdentifier: 'nobody' })).rejects.toMatchObject({
      name: 'ExportTaskNotFoundFault',
    });
  });

  it('need a bucket here, a role that trusts exports and may write, and a usable key', async () => {
    const refused = async (more: object, name: string) =>
      expect(start('refused', more)).rejects.toMatchObject({ name });
    await refused({ S3BucketName: 'nobody-has-this-bucket' }, 'InvalidS3BucketFault');
    await refused({ IamRoleArn: `${role}-gone` }, 'IamRoleNotFoundFault');
    const poor = await exportRole('poor', ['s3:GetObject']);
    await refused({ IamRoleArn: poor }, 'IamRoleMissingPermissionsFault');
    const strange = await exportRole('strange', ['s3:*'], 'backup.amazonaws.com');
    await refused({ IamRoleArn: strange }, 'IamRoleMissingPermissionsFault');
    await refused({ KmsKeyId: 'alias/nobody' }, 'KMSKeyNotAccessibleFault');
    await refused({ SourceArn: `${SOURCE}-gone` }, 'DBSnapshotNotFoundFault');
    await refused(
      { SourceArn: SOURCE.replace(':snapshot:', ':cluster-snapshot:') },
      'DBClusterSnapshotNotFoundFault',
    );
    await refused({ ExportTaskIdentifier: 'no--good' }, 'InvalidParameterValue');
  });

  it('fail half-way when the role may no longer write, and what was written stays', async () => {
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          ...{ Effect: 'Deny', Principal: '*', Action: 's3:PutObject' },
          Resource: `arn:aws:s3:::${BUCKET}/half/half-way/shop/public.part_1/*`,
        },
      ],
    });
    await s3.putBucketPolicy({ Bucket: BUCKET, Policy });
    await start('half-way', { S3Prefix: '/half/' });
    const task = await ended('half-way');
    await s3.deleteBucketPolicy({ Bucket: BUCKET });
    expect(task).toMatchObject({ Status: 'FAILED', FailureCause: expect.stringContaining('public.part_1') });
    const found = await names('half/half-way/');
    expect(found.filter((name) => name.endsWith('_SUCCESS'))).toEqual([
      ...['postgres/public.note/1/_SUCCESS', 'shop/public.big/1/_SUCCESS', 'shop/public.nothing/1/_SUCCESS'],
    ]);
    expect(await json('half/half-way/export_info_half-way.json')).toMatchObject({ status: 'FAILED' });
  });

  it('leave out a table whose pages are damaged, and say so', async () => {
    await rds.createDBSnapshot({ DBInstanceIdentifier: 'orders', DBSnapshotIdentifier: 'rotten' });
    const SourceArn = SOURCE.replace('night-1', 'rotten');
    await eventually('the snapshot is there', async () => {
      const { DBSnapshots: [one] = [] } = await rds.describeDBSnapshots({ DBSnapshotIdentifier: 'rotten' });
      return one?.Status === 'available' ? true : undefined;
    });
    await damageTable(cloud, 'big');
    await start('rotten-1', { SourceArn });
    const task = await ended('rotten-1');
    expect(task.Status).toBe('COMPLETE');
    const { skippedTables } = JSON.parse(task.WarningMessage ?? '{}') as {
      skippedTables: { target: string; reason: string }[];
    };
    expect(skippedTables.find(({ target }) => target === 'shop.public.big')?.reason).toMatch(
      /^FAILED_TO_EXTRACT_TABLE: invalid page/,
    );
    const found = await names('rotten-1/');
    expect(found.some((name) => name.includes('public.big/'))).toBe(false);
    expect(found.some((name) => name.startsWith('shop/sales.deal/1/part-'))).toBe(true);
  });

  it('run five at a time, one per snapshot, and can be canceled', async () => {
    const slow = await openCloud({ pace: { scale: 1 / 15_000, overrides: { 'rds.export': 1e6 } } });
    try {
      const here = slow.corner(PRODUCTION, HOME);
      await createCluster(here, 'c');
      await addMember(here, 'c', 'c-1');
      const cluster = await describedCluster(here.rds, 'c');
      await ask(slow, cluster, 'CREATE TABLE item AS SELECT 1 AS id');
      const SnapshotIds = ['s1', 's2', 's3', 's4', 's5', 's6'];
      const credentials = slow.aws.accounts[PRODUCTION]!;
      const bucket = new S3({ endpoint: slow.aws.endpoint, region: HOME, credentials });
      await bucket.createBucket({ Bucket: BUCKET, CreateBucketConfiguration: { LocationConstraint: HOME } });
      const statement = {
        Effect: 'Allow',
        Principal: { Service: 'export.rds.amazonaws.com' },
        Action: 'sts:AssumeRole',
      };
      const document = (one: object) => JSON.stringify({ Version: '2012-10-17', Statement: [one] });
      const { Role } = await here.iam.createRole({
        RoleName: 'e',
        AssumeRolePolicyDocument: document(statement),
      });
      const rights = { Effect: 'Allow', Action: 's3:*', Resource: '*' };
      await here.iam.putRolePolicy({ RoleName: 'e', PolicyName: 'p', PolicyDocument: document(rights) });
      const KmsKeyId = await customerKey(here);
      for (const DBClusterSnapshotIdentifier of SnapshotIds) {
        await eventually('the cluster is available', async () =>
          (await describedCluster(here.rds, 'c')).Status === 'available' ? true : undefined,
        );
        await here.rds.createDBClusterSnapshot({ DBClusterIdentifier: 'c', DBClusterSnapshotIdentifier });
        await whenClusterSnapshotAvailable(here.rds, DBClusterSnapshotIdentifier);
      }
      const begin = (snapshot: string, id = `of-${snapshot}`) =>
        here.rds.startExportTask({
          ...{ ExportTaskIdentifier: id, S3BucketName: BUCKET, IamRoleArn: Role?.Arn, KmsKeyId },
          SourceArn: `arn:aws:rds:${HOME}:${PRODUCTION}:cluster-snapshot:${snapshot}`,
        });
      await begin('s1');
      await expect(begin('s1', 'second')).rejects.toMatchObject({ name: 'InvalidExportSourceStateFault' });
      for (const snapshot of ['s2', 's3', 's4', 's5']) await begin(snapshot);
      await expect(begin('s6')).rejects.toMatchObject({ name: 'ExportTaskLimitReachedFault' });
      await eventually('the first has written its table', async () => {
        const { Contents = [] } = await bucket.listObjectsV2({
          Bucket: BUCKET,
          Prefix: 'of-s1/shop/public.item',
        });
        return Contents.length === 2 ? true : undefined;
      });
      const canceling = await here.rds.cancelExportTask({ ExportTaskIdentifier: 'of-s1' });
      expect(canceling.Status).toBe('CANCELING');
      await eventually('the export is canceled', async () => {
        const { ExportTasks: [one] = [] } = await here.rds.describeExportTasks({
          ExportTaskIdentifier: 'of-s1',
        });
        return one?.Status === 'CANCELED' ? true : undefined;
      });
      await begin('s6');
    } finally {
      await slow.end();
    }
  });
});

/** Flips a byte in the middle of the table's file in the newest stored snapshot, as bit rot would. */
async function damageTable(cloud: Cloud, table: string): Promise<void> {
  const { readdir, readFile, stat, writeFile } = await import('node:fs/promises');
  const { join } = await import('node:path');
  const root = join(cloud.stateDir, 'accounts', PRODUCTION, HOME, 'rds', 'snapshots');
  const ages = await Promise.all(
    (await readdir(root)).map(async (name) => ({
      name,
      at: (await stat(join(root, name, 'manifest.json'))).mtimeMs,
    })),
  );
  const newest = ages.sort((a, b) => b.at - a.at)[0]?.name ?? '';
  const corner = cloud.corner(PRODUCTION, HOME);
  const { DBInstances: [instance] = [] } = await corner.rds.describeDBInstances({
    DBInstanceIdentifier: 'orders',
  });
  const [row] = await query(cloud, instance!, `SELECT pg_relation_filepath('${table}') AS path`);
  const path = join(root, newest, 'data', String(row?.['path']));
  const content = await readFile(path);
  const at = 8192 * 3 + 4000;
  content[at] = (content[at] ?? 0) ^ 0xff;
  await writeFile(path, content);
}
