import { readFileSync } from 'node:fs';

/** How to reach Temporal: the same settings for the `lifeboat` command and for both worker programs. */
export interface TemporalSettings {
  /** host:port */
  readonly address: string;
  readonly namespace: string;
  readonly connection: TemporalConnectionOptions;
}

/** Accepted by both `Connection.connect` and `NativeConnection.connect`. */
export interface TemporalConnectionOptions {
  readonly address: string;
  readonly apiKey?: string;
  readonly tls?: {
    readonly serverRootCACertificate?: Uint8Array;
    readonly clientCertPair?: { readonly crt: Uint8Array; readonly key: Uint8Array };
  };
}

/** The environment does not describe a connection; the message names every variable that is wrong. */
export class TemporalSettingsWrong extends Error {
  override readonly name = 'TemporalSettingsWrong';
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_TLS_CERT, TEMPORAL_TLS_KEY, TEMPORAL_TLS_CA (paths of PEM files) and
 * TEMPORAL_API_KEY. An API key switches TLS on.
 * @throws TemporalSettingsWrong
 */
export function temporalSettings(env: Environment): TemporalSettings {
  const problems: string[] = [];
  const set = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  const pem = (name: string): Uint8Array | undefined => {
    const path = set(name);
    if (path === undefined) return undefined;
    try {
      return readFileSync(path);
    } catch (err) {
      problems.push(`${name}: ${(err as Error).message}`);
      return undefined;
    }
  };

  const address = set('TEMPORAL_ADDRESS') ?? '127.0.0.1:7233';
  if (!/^(\[[0-9a-fA-F:]+\]|[^:/\s]+)(:\d{1,5})?$/.test(address))
    problems.push(`TEMPORAL_ADDRESS: write host:port, not "${address}"`);
  const [crt, key, ca] = [pem('TEMPORAL_TLS_CERT'), pem('TEMPORAL_TLS_KEY'), pem('TEMPORAL_TLS_CA')];
  if ((set('TEMPORAL_TLS_CERT') === undefined) !== (set('TEMPORAL_TLS_KEY') === undefined))
    problems.push('TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY: give both or neither');
  if (problems.length > 0)
    throw new TemporalSettingsWrong(`The connection to Temporal is not set right: ${problems.join('; ')}.`);

  const apiKey = set('TEMPORAL_API_KEY');
  const wantsTls = apiKey !== undefined || crt !== undefined || ca !== undefined;
  const tls = {
    ...(ca === undefined ? {} : { serverRootCACertificate: ca }),
    ...(crt === undefined || key === undefined ? {} : { clientCertPair: { crt, key } }),
  };
  return {
    address,
    namespace: set('TEMPORAL_NAMESPACE') ?? 'default',
    connection: { address, ...(apiKey === undefined ? {} : { apiKey }), ...(wantsTls ? { tls } : {}) },
  };
}
