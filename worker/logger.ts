import { DefaultLogger, Runtime, type LogLevel } from '@temporalio/worker';
import { pino, type Logger } from 'pino';

/** Names under which secrets might travel; pino replaces their values before a line is written. */
const SECRETS = [
  'password',
  'SecretString',
  'MasterUserPassword',
  'secretAccessKey',
  'sessionToken',
  'PreSignedUrl',
  'authorization',
];

/** One logger for the program and for Temporal's SDK: JSON lines on stdout, message constant, data in fields. */
export function createLogger(level: string, program: string): Logger {
  return pino({
    level,
    base: { program },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
  });
}

/** Gives the SDK our logger. Must run before anything else of the SDK; its core logs warnings only. */
export function installRuntime(logger: Logger): void {
  const write: Record<LogLevel, (fields: object, message: string) => void> = {
    TRACE: (fields, message) => logger.trace(fields, message),
    DEBUG: (fields, message) => logger.debug(fields, message),
    INFO: (fields, message) => logger.info(fields, message),
    WARN: (fields, message) => logger.warn(fields, message),
    ERROR: (fields, message) => logger.error(fields, message),
  };
  Runtime.install({
    // Signals are ours: the programs shut down gracefully, and say so.
    shutdownSignals: [],
    logger: new DefaultLogger('TRACE', ({ level, message, meta }) => write[level]({ ...meta }, message)),
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } },
  });
}
