import type * as CloudWatch from '@aws-sdk/client-cloudwatch';
import { pageBy } from '../paging.ts';
import type { Platform } from '../platform.ts';
import { notImplemented, refuseOthers } from '../wire/errors.ts';
import { defineService, type Call, type Service } from '../wire/handlers.ts';
import {
  aggregate,
  keyOf,
  openMetrics,
  STATISTICS,
  type Datapoint,
  type Series,
  type Statistic,
} from './metrics.ts';
import { dimensionsFrom, invalidValue, sampleFrom } from './samples.ts';

const MOST_POINTS = 1440;

/** Metrics: publishing and reading. Alarms and dashboards are not here (501). */
export function cloudWatchService(platform: Platform): Service {
  const { clock } = platform;
  const metrics = openMetrics(platform.journal('cloudwatch/samples'), clock);
  const permit = (call: Call, action: string, context: Record<string, string> = {}): void =>
    platform.authorize(call, `cloudwatch:${action}`, '*', context, { ownerAccountId: call.accountId });
  const seriesOf = (
    call: Call,
    metric: {
      Namespace?: string | undefined;
      MetricName?: string | undefined;
      Dimensions?: CloudWatch.Dimension[] | undefined;
    },
  ): Series => ({
    ...{ accountId: call.accountId, region: call.region, namespace: metric.Namespace ?? '' },
    ...{ name: metric.MetricName ?? '', dimensions: dimensionsFrom(metric.Dimensions) },
  });

  return defineService({
    name: 'monitoring',
    load: () => import('@aws-sdk/client-cloudwatch'),
    handlers: {
      async PutMetricData(input, call) {
        refuseOthers('monitoring', 'PutMetricData', input, [
          'Namespace',
          'MetricData',
          'StrictEntityValidation',
        ]);
        const { Namespace = '', MetricData = [] } = input;
        permit(call, 'PutMetricData', { 'cloudwatch:namespace': Namespace });
        if (!/^[^:].{0,254}$/.test(Namespace)) throw invalidValue(`The namespace '${Namespace}' is invalid.`);
        if (Namespace.startsWith('AWS/'))
          throw invalidValue('The value AWS/ for parameter Namespace is invalid.');
        if (MetricData.length === 0 || MetricData.length > 1000)
          throw invalidValue('MetricData must have 1 to 1000 members.');
        const now = clock.now();
        await metrics.add(
          MetricData.map((datum) => ({
            ...seriesOf(call, { ...datum, Namespace }),
            sample: sampleFrom(datum, now),
          })),
        );
        return {};
      },
      async ListMetrics(input, call) {
        refuseOthers('monitoring', 'ListMetrics', input, [
          'Namespace',
          'MetricName',
          'Dimensions',
          'NextToken',
        ]);
        permit(call, 'ListMetrics');
        const { Namespace, MetricName, Dimensions = [], NextToken } = input;
        const found = metrics
          .series(call)
          .filter(
            ({ namespace, name, dimensions }) =>
              (Namespace === undefined || namespace === Namespace) &&
              (MetricName === undefined || name === MetricName) &&
              Dimensions.every((wanted) =>
                dimensions.some(
                  (own) =>
                    own.Name === wanted.Name && (wanted.Value === undefined || own.Value === wanted.Value),
                ),
              ),
          );
        const refuse = () => invalidValue('The NextToken is invalid.');
        const page = pageBy(found, keyOf, { limit: 500, token: NextToken, refuse });
        return {
          Metrics: page.items.map(({ namespace, name, dimensions }) => ({
            ...{ Namespace: namespace, MetricName: name, Dimensions: [...dimensions] },
          })),
          ...(page.next === undefined ? {} : { NextToken: page.next }),
        };
      },
      async GetMetricStatistics(input, call) {
        refuseOthers('monitoring', 'GetMetricStatistics', input, [
          ...[
            'Namespace',
            'MetricName',
            'Dimensions',
            'StartTime',
            'EndTime',
            'Period',
            'Statistics',
            'Unit',
          ],
        ]);
        permit(call, 'GetMetricStatistics');
        const { StartTime, EndTime, Period = 0, Statistics = [] } = input;
        if (Statistics.length === 0) throw invalidValue('Statistics must have at least one member.');
        const points = pointsOf(seriesOf(call, input), { StartTime, EndTime, Period, Unit: input.Unit });
        if (points.length > MOST_POINTS)
          throw invalidValue(
            `You have requested up to ${points.length} datapoints, which exceeds the limit of ${MOST_POINTS}.`,
          );
        return {
          Label: input.MetricName,
          Datapoints: points.map(({ at, unit, values }) => ({
            ...{ Timestamp: new Date(at), Unit: unit as CloudWatch.StandardUnit },
            ...Object.fromEntries(Statistics.map((name) => [name, values[statistic(name)]])),
          })),
        };
      },
      async GetMetricData(input, call) {
        refuseOthers('monitoring', 'GetMetricData', input, [
          'MetricDataQueries',
          'StartTime',
          'EndTime',
          'ScanBy',
        ]);
        permit(call, 'GetMetricData');
        const { MetricDataQueries = [], StartTime, EndTime, ScanBy } = input;
        const wanted = MetricDataQueries.filter(({ ReturnData }) => ReturnData !== false);
        const MetricDataResults = wanted.map(({ Id = '', Label, MetricStat, Expression }) => {
          if (Expression !== undefined || !MetricStat)
            throw notImplemented('monitoring', 'GetMetricData with an Expression');
          const { Metric = {}, Period = 0, Stat = '', Unit } = MetricStat;
          const points = pointsOf(seriesOf(call, Metric), { StartTime, EndTime, Period, Unit });
          if (ScanBy !== 'TimestampAscending') points.reverse();
          return {
            ...{ Id, Label: Label ?? Metric.MetricName, StatusCode: 'Complete' as const },
            Timestamps: points.map(({ at }) => new Date(at)),
            Values: points.map(({ values }) => values[statistic(Stat)]),
          };
        });
        return { MetricDataResults, Messages: [] };
      },
    },
  });

  function pointsOf(
    series: Series,
    asked: {
      StartTime: Date | undefined;
      EndTime: Date | undefined;
      Period: number;
      Unit: string | undefined;
    },
  ): Datapoint[] {
    const { StartTime, EndTime, Period, Unit } = asked;
    if (!StartTime || !EndTime || StartTime >= EndTime)
      throw invalidValue('The parameter StartTime must be less than the parameter EndTime.');
    if (Period < 60 || Period % 60 !== 0)
      throw invalidValue('The parameter Period must be a multiple of 60.');
    const range = { from: StartTime.getTime(), to: EndTime.getTime(), periodMs: Period * 1000, unit: Unit };
    return aggregate(metrics.samples(series), range);
  }
}

function statistic(name: string): Statistic {
  const known = STATISTICS.find((each) => each === name);
  if (!known) throw notImplemented('monitoring', `the statistic ${name}`);
  return known;
}
