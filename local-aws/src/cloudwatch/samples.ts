import type * as CloudWatch from '@aws-sdk/client-cloudwatch';
import { awsError, notImplemented } from '../wire/errors.ts';
import type { Dimension, Sample } from './metrics.ts';

const TWO_WEEKS_MS = 14 * 86_400_000;
const TWO_HOURS_MS = 2 * 3_600_000;

/** Reads one datum into a sample. @throws InvalidParameterValue, InvalidParameterCombination */
export function sampleFrom(datum: CloudWatch.MetricDatum, now: Date): Sample {
  const { MetricName = '', Timestamp, Value, Values, Counts, StatisticValues: given, Unit = 'None' } = datum;
  if (datum.StorageResolution !== undefined && datum.StorageResolution !== 60)
    throw notImplemented('monitoring', 'PutMetricData with StorageResolution of a second');
  if (!/^[^\p{C}]{1,255}$/u.test(MetricName))
    throw invalidValue(`The metric name '${MetricName}' is invalid.`);
  const at = (Timestamp ?? now).getTime();
  if (at < now.getTime() - TWO_WEEKS_MS || at > now.getTime() + TWO_HOURS_MS)
    throw invalidValue(
      `The timestamp of ${MetricName} must be at most two weeks in the past and two hours in the future.`,
    );
  if ([Value, Values, given].filter((form) => form !== undefined).length !== 1)
    throw awsError({
      code: 'InvalidParameterCombination',
      status: 400,
      message: `${MetricName} needs exactly one of Value, Values and StatisticValues.`,
    });
  if (given) {
    const { SampleCount: count = 0, Sum: sum = 0, Minimum: minimum = 0, Maximum: maximum = 0 } = given;
    if (!(count > 0) || minimum > maximum)
      throw invalidValue(`The StatisticValues of ${MetricName} are not valid.`);
    return { at, count, sum, minimum, maximum, unit: Unit };
  }
  const values = Values ?? [Value ?? 0];
  const counts = Counts ?? values.map(() => 1);
  if (values.length === 0 || values.length > 150 || counts.length !== values.length)
    throw invalidValue(`Values and Counts of ${MetricName} must be of the same length, 1 to 150.`);
  if (!values.every(Number.isFinite)) throw invalidValue(`The value of ${MetricName} is not a number.`);
  return {
    at,
    count: counts.reduce((total, count) => total + count, 0),
    sum: values.reduce((total, value, index) => total + value * (counts[index] ?? 0), 0),
    minimum: Math.min(...values),
    maximum: Math.max(...values),
    unit: Unit,
  };
}

export function dimensionsFrom(given: readonly CloudWatch.Dimension[] | undefined): Dimension[] {
  const dimensions = (given ?? []).map(({ Name = '', Value = '' }) => ({ Name, Value }));
  if (dimensions.length > 30) throw invalidValue('A metric can have at most 30 dimensions.');
  for (const { Name, Value } of dimensions)
    if (Name === '' || Value === '') throw invalidValue('Names and values of dimensions must not be empty.');
  return dimensions;
}

export function invalidValue(message: string): Error {
  return awsError({ code: 'InvalidParameterValue', status: 400, message });
}
