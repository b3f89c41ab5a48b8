import { expect } from '@jest/globals';
import { contractTest, FREE, type Contract } from '../support/contract.ts';

const status = (httpStatusCode: number) => ({ $metadata: { httpStatusCode } });
const PAGE = 20;

async function makeParameterGroup(aws: Contract, family: string): Promise<string> {
  const DBParameterGroupName = aws.name('group');
  aws.undo(`parameter group ${DBParameterGroupName}`, () =>
    aws.rds.deleteDBParameterGroup({ DBParameterGroupName }),
  );
  await aws.rds.createDBParameterGroup({
    ...{ DBParameterGroupName, DBParameterGroupFamily: family, Description: 'contract' },
  });
  return DBParameterGroupName;
}

/** The family of the version that an instance gets when it names none. */
async function postgresFamily(aws: Contract): Promise<string> {
  const { DBEngineVersions } = await aws.rds.describeDBEngineVersions({
    Engine: 'postgres',
    DefaultOnly: true,
  });
  expect(DBEngineVersions).toHaveLength(1);
  return DBEngineVersions?.[0]?.DBParameterGroupFamily ?? '';
}

/** RDS: what can be seen without paying for an instance, and one instance's life. */
export function databases(): void {
  contractTest('RDS names what it does not have', FREE, async (aws) => {
    const name = aws.name('missing');
    await expect(aws.rds.describeDBInstances({ DBInstanceIdentifier: name })).rejects.toMatchObject({
      ...{ name: expect.stringMatching(/^DBInstanceNotFound/), ...status(404) },
    });
    await expect(aws.rds.describeDBSnapshots({ DBSnapshotIdentifier: name })).rejects.toMatchObject({
      ...{ name: expect.stringMatching(/^DBSnapshotNotFound/), ...status(404) },
    });
    await expect(aws.rds.describeDBParameterGroups({ DBParameterGroupName: name })).rejects.toMatchObject({
      name: expect.stringMatching(/^DBParameterGroupNotFound/),
      ...status(404),
    });
    await expect(
      aws.rds.restoreDBInstanceFromDBSnapshot({ DBInstanceIdentifier: name, DBSnapshotIdentifier: name }),
    ).rejects.toMatchObject({ name: expect.stringMatching(/^DBSnapshotNotFound/), ...status(404) });
    const none = await aws.rds.describeDBInstances({
      Filters: [{ Name: 'db-instance-id', Values: [name] }],
    });
    expect(none.DBInstances).toEqual([]);
  });

  contractTest('RDS lists by pages of at least 20, each thing once', FREE, async (aws) => {
    const family = await postgresFamily(aws);
    const made: string[] = [];
    for (let n = 0; n <= PAGE; n += 1) made.push(await makeParameterGroup(aws, family));
    const seen: string[] = [];
    let Marker: string | undefined;
    let pages = 0;
    do {
      const page = await aws.rds.describeDBParameterGroups({ MaxRecords: PAGE, ...(Marker && { Marker }) });
      expect(page.DBParameterGroups?.length).toBeLessThanOrEqual(PAGE);
      seen.push(
        ...(page.DBParameterGroups ?? []).map(({ DBParameterGroupName = '' }) => DBParameterGroupName),
      );
      ({ Marker } = page);
      pages += 1;
    } while (Marker !== undefined);
    expect(pages).toBeGreaterThan(1);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(expect.arrayContaining(made));
    await expect(aws.rds.describeDBParameterGroups({ MaxRecords: 19 })).rejects.toMatchObject({
      ...{ name: 'InvalidParameterValue', ...status(400) },
    });
  });

  contractTest('a parameter group keeps what was set, beside what the engine says', FREE, async (aws) => {
    const DBParameterGroupName = await makeParameterGroup(aws, await postgresFamily(aws));
    await aws.rds.modifyDBParameterGroup({
      DBParameterGroupName,
      Parameters: [{ ParameterName: 'work_mem', ParameterValue: '8192', ApplyMethod: 'immediate' }],
    });
    const { Parameters } = await aws.rds.describeDBParameters({ DBParameterGroupName, Source: 'user' });
    expect(Parameters).toMatchObject([{ ParameterName: 'work_mem', ParameterValue: '8192', Source: 'user' }]);
    const { DBParameterGroups } = await aws.rds.describeDBParameterGroups({ DBParameterGroupName });
    const ResourceName = DBParameterGroups?.[0]?.DBParameterGroupArn;
    expect(ResourceName).toBe(`arn:aws:rds:${aws.region}:${aws.accountId}:pg:${DBParameterGroupName}`);
    const Tags = [{ Key: 'team', Value: 'orders' }];
    await aws.rds.addTagsToResource({ ResourceName, Tags });
    expect((await aws.rds.listTagsForResource({ ResourceName })).TagList).toEqual(Tags);
    await expect(
      aws.rds.createDBParameterGroup({
        ...{ DBParameterGroupName, Description: 'again' },
        DBParameterGroupFamily: DBParameterGroups?.[0]?.DBParameterGroupFamily,
      }),
    ).rejects.toMatchObject({
      name: expect.stringMatching(/^DBParameterGroupAlreadyExists/),
      ...status(400),
    });
  });

  contractTest(
    'an instance that is available can be snapshotted and deleted, and its snapshot outlives it',
    { safeOnRealAws: false, why: 'it takes about 20 minutes and $0.05, and needs a default VPC' },
    async (aws) => {
      const DBInstanceIdentifier = aws.name('instance');
      const DBSnapshotIdentifier = aws.name('snapshot');
      aws.undo(`snapshot ${DBSnapshotIdentifier}`, () => aws.rds.deleteDBSnapshot({ DBSnapshotIdentifier }));
      await aws.rds.createDBInstance({
        ...{
          DBInstanceIdentifier,
          Engine: 'postgres',
          DBInstanceClass: 'db.t4g.micro',
          AllocatedStorage: 20,
        },
        ...{ MasterUsername: 'boss', MasterUserPassword: 'only-for-tests', BackupRetentionPeriod: 0 },
      });
      await expect(
        aws.rds.createDBSnapshot({ DBInstanceIdentifier, DBSnapshotIdentifier }),
      ).rejects.toMatchObject({ name: expect.stringMatching(/^InvalidDBInstanceState/), ...status(400) });
      await aws.until('the instance is available', async () => {
        const { DBInstances } = await aws.rds.describeDBInstances({ DBInstanceIdentifier });
        return DBInstances?.[0]?.DBInstanceStatus === 'available' ? true : undefined;
      });
      await aws.rds.createDBSnapshot({ DBInstanceIdentifier, DBSnapshotIdentifier });
      await aws.until('the snapshot is available', async () => {
        const { DBSnapshots } = await aws.rds.describeDBSnapshots({ DBSnapshotIdentifier });
        return DBSnapshots?.[0]?.Status === 'available' ? true : undefined;
      });
      await aws.rds.deleteDBInstance({ DBInstanceIdentifier, SkipFinalSnapshot: true });
      await aws.until('the instance is gone', () =>
        aws.rds.describeDBInstances({ DBInstanceIdentifier }).then(
          () => undefined,
          (err: unknown) =>
            /^DBInstanceNotFound/.test((err as Error).name) ? true : Promise.reject(err as Error),
        ),
      );
      const { DBSnapshots } = await aws.rds.describeDBSnapshots({ DBSnapshotIdentifier });
      expect(DBSnapshots).toMatchObject([
        { DBInstanceIdentifier, SnapshotType: 'manual', PercentProgress: 100 },
      ]);
    },
  );
}
