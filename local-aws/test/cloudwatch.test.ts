import * as CloudWatch from '@aws-sdk/client-cloudwatch';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Laboratory, VAULT } from './support/local-aws.ts';

let lab: Laboratory;
beforeAll(async () => (lab = await Laboratory.start()));
afterAll(() => lab.close());

const client = (account?: string) => new CloudWatch.CloudWatchClient(lab.config(lab.admin(account)));
const Namespace = 'Lifeboat';
const Dimensions = [{ Name: 'resource', Value: 'orders' }];
const minute = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 600_000);
const put = (MetricData: CloudWatch.MetricDatum[]) =>
  client().send(new CloudWatch.PutMetricDataCommand({ Namespace, MetricData }));
const range = { StartTime: minute, EndTime: new Date(minute.getTime() + 300_000) };
const read = async (account?: string) =>
  (
    await client(account).send(
      new CloudWatch.GetMetricStatisticsCommand({
        ...{ Namespace, MetricName: 'Exposure', Dimensions, ...range, Period: 60 },
        Statistics: ['SampleCount', 'Average', 'Maximum'],
      }),
    )
  ).Datapoints!;

test('published values are read back as statistics of their minutes, also after a restart', async () => {
  const datum = { MetricName: 'Exposure', Dimensions, Unit: 'Seconds' as const };
  const later = new Date(minute.getTime() + 60_000);
  await put([
    { ...datum, Timestamp: minute, Value: 10 },
    { ...datum, Timestamp: new Date(minute.getTime() + 30_000), Values: [20, 30], Counts: [1, 2] },
    { ...datum, Timestamp: later, StatisticValues: { SampleCount: 2, Sum: 8, Minimum: 3, Maximum: 5 } },
  ]);
  const expected = [
    { Timestamp: minute, Unit: 'Seconds', SampleCount: 4, Average: 22.5, Maximum: 30 },
    { Timestamp: later, Unit: 'Seconds', SampleCount: 2, Average: 4, Maximum: 5 },
  ];
  expect(await read()).toEqual(expected);
  lab = await lab.restart();
  expect(await read()).toEqual(expected);
  expect(await read(VAULT)).toEqual([]);
  const MetricStat = { Metric: { Namespace, MetricName: 'Exposure', Dimensions }, Period: 300, Stat: 'Sum' };
  const { MetricDataResults } = await client().send(
    new CloudWatch.GetMetricDataCommand({ ...range, MetricDataQueries: [{ Id: 'a', MetricStat }] }),
  );
  expect(MetricDataResults?.[0]).toMatchObject({ Id: 'a', StatusCode: 'Complete' });
  expect(MetricDataResults?.[0]?.Values?.reduce((sum, value) => sum + value, 0)).toBe(98);
  const { Metrics } = await client().send(new CloudWatch.ListMetricsCommand({ Namespace }));
  expect(Metrics).toEqual([{ Namespace, MetricName: 'Exposure', Dimensions }]);
});

test('wrong data is refused, whole, with the reason', async () => {
  const old = new Date(Date.now() - 15 * 86_400_000);
  const refused = CloudWatch.InvalidParameterValueException;
  await expect(put([{ MetricName: 'm', Value: 1, Timestamp: old }])).rejects.toThrow(refused);
  await expect(
    put([
      { MetricName: 'm', Value: 1 },
      { MetricName: '', Value: 1 },
    ]),
  ).rejects.toThrow(refused);
  await expect(put([{ MetricName: 'm', Value: 1, Values: [2] }])).rejects.toThrow(
    CloudWatch.InvalidParameterCombinationException,
  );
  const { Metrics } = await client().send(new CloudWatch.ListMetricsCommand({ MetricName: 'm' }));
  expect(Metrics).toEqual([]);
  await expect(client().send(new CloudWatch.DescribeAlarmsCommand({}))).rejects.toMatchObject({
    name: 'NotImplemented',
  });
});
