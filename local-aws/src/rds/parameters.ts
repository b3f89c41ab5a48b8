import type { Parameter } from '@aws-sdk/client-rds';
import { type PostgresParameter, postgresParameters, type PostgresHost } from '../pg/index.ts';
import { notImplemented } from '../wire/errors.ts';
import { invalidCombination, invalidValue } from './faults.ts';
import type { InstanceRecord, ParameterGroupRecord } from './records.ts';
import type { RdsStore } from './store.ts';
import { keyOf } from './names.ts';

/** Ours: where a server lies and listens, who gets in, and how its data are kept. As in RDS, nobody else sets them. */
const FIXED =
  /^(listen_addresses|port|.*_file|data_directory|unix_socket_.*|ssl.*|fsync|full_page_writes|archive_.*|restore_command|recovery_.*|primary_.*|promote_trigger_file|hot_standby|standby_mode|allow_alter_system|bonjour.*|cluster_name|config_file|data_sync_retry|event_source|external_pid_file|krb_.*|log_destination|log_directory|log_filename|log_line_prefix|logging_collector|syslog_.*|wal_level|wal_sync_method|zero_damaged_pages|ignore_.*|io_method|max_replication_slots|max_wal_senders|oauth_.*|password_encryption|.*_preload_libraries_path|summarize_wal|synchronous_standby_names)$/;
const DYNAMIC = 'dynamic';
const STATIC = 'static';

/** What RDS adds to PostgreSQL's own. */
const RDS_OWN: readonly Parameter[] = [
  {
    ...{ ParameterName: 'rds.force_ssl', ParameterValue: '1', Source: 'system', ApplyType: DYNAMIC },
    ...{ DataType: 'boolean', AllowedValues: '0,1', IsModifiable: true },
    Description: 'Force SSL connections.',
  },
  {
    ...{
      ParameterName: 'rds.logical_replication',
      ParameterValue: '0',
      Source: 'engine-default',
      ApplyType: STATIC,
    },
    ...{ DataType: 'boolean', AllowedValues: '0,1', IsModifiable: true },
    Description: 'Enables logical decoding.',
  },
];

/** All parameters of an engine family, sorted by name, as `DescribeEngineDefaultParameters` tells them. */
export async function engineParameters(host: PostgresHost): Promise<Parameter[]> {
  const own = (await postgresParameters(host)).map(describe);
  return [...own, ...RDS_OWN].sort((a, b) => ((a.ParameterName ?? '') < (b.ParameterName ?? '') ? -1 : 1));
}

function describe({ name, context, type, min, max, description }: PostgresParameter): Parameter {
  const allowed = type === 'BOOLEAN' ? '0,1' : min === '' ? undefined : `${min}-${max}`;
  return {
    ParameterName: name,
    Description: description,
    Source: 'engine-default',
    ApplyType: context === 'postmaster' ? STATIC : DYNAMIC,
    DataType: { BOOLEAN: 'boolean', INTEGER: 'integer', REAL: 'float', STRING: 'string', ENUM: 'string' }[
      type
    ],
    ...(allowed !== undefined && { AllowedValues: allowed }),
    IsModifiable: context !== 'internal' && !FIXED.test(name),
    ApplyMethod: 'pending-reboot',
  };
}

/** The parameters of a group: the engine's, with what somebody set. */
export async function groupParameters(host: PostgresHost, group: ParameterGroupRecord): Promise<Parameter[]> {
  const all = await engineParameters(host);
  return all.map((one) => {
    const set = group.parameters?.[one.ParameterName ?? ''];
    if (!set) return one;
    return { ...one, ParameterValue: set.value, Source: 'user', ApplyMethod: set.applyMethod };
  });
}

/** Checks one change of a parameter. @returns name, value and when it holds. */
export function checkedParameter(
  known: readonly Parameter[],
  { ParameterName: name = '', ParameterValue: value, ApplyMethod: method }: Parameter,
): { name: string; value: string; applyMethod: 'immediate' | 'pending-reboot' } {
  const parameter = modifiable(known, name);
  if (value === undefined) throw invalidValue(`The parameter ParameterValue must be provided for ${name}.`);
  if (method !== 'immediate' && method !== 'pending-reboot')
    throw invalidValue(`ApplyMethod of ${name} must be immediate or pending-reboot.`);
  if (method === 'immediate' && parameter.ApplyType === STATIC)
    throw invalidCombination(`cannot use immediate apply method for static parameter: ${name}`);
  if (/\{|\(/.test(value) && parameter.DataType !== 'string')
    throw notImplemented('rds', `parameter formulas such as ${value} for ${name}; give a number`);
  if (!isAllowed(parameter, value))
    throw invalidValue(
      `Invalid parameter value: ${value} for: ${name} allowed values are: ${parameter.AllowedValues ?? parameter.DataType ?? ''}`,
    );
  if (name === 'rds.force_ssl' && value === '0')
    throw notImplemented('rds', 'connections without TLS (rds.force_ssl 0)');
  return { name, value, applyMethod: method };
}

/** @throws InvalidParameterValue for a parameter that is unknown or ours */
export function modifiable(known: readonly Parameter[], name: string): Parameter {
  const parameter = known.find((one) => one.ParameterName === name);
  if (!parameter) throw invalidValue(`Could not find parameter with name: ${name}`);
  if (parameter.IsModifiable !== true) throw invalidValue(`The parameter ${name} cannot be modified.`);
  return parameter;
}

function isAllowed({ DataType, AllowedValues }: Parameter, value: string): boolean {
  if (value.includes('\n')) return false;
  if (DataType === 'boolean') return /^(0|1|on|off|true|false)$/i.test(value);
  if (DataType === 'string') return true;
  const range = /^(-?[\d.e+]+)-(-?[\d.e+]+)$/.exec(AllowedValues ?? '');
  const number = Number(value);
  if (value.trim() === '' || Number.isNaN(number) || (DataType === 'integer' && !Number.isInteger(number)))
    return false;
  return !range || (number >= Number(range[1]) && number <= Number(range[2]));
}

/** What the group of an instance makes of its server's configuration. */
export function settingsOf(store: RdsStore, instance: InstanceRecord): Record<string, string> {
  const group = store.parameterGroups.get(keyOf(instance, instance.parameterGroup));
  return Object.fromEntries(
    Object.entries(group?.parameters ?? {}).flatMap(([name, { value }]) => configuration(name, value)),
  );
}

/** What a parameter is called in `postgresql.conf`. */
export function configuration(name: string, value: string): [string, string][] {
  if (name === 'rds.logical_replication') return isOn(value) ? [['wal_level', 'logical']] : [];
  return name.startsWith('rds.') ? [] : [[name, value]];
}

function isOn(value: string): boolean {
  return /^(1|on|true)$/i.test(value);
}
