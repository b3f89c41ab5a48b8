import pg from 'pg';
import { socketFrom, tlsOptions } from '../../probe/postgresql/socket.ts';

/** How to reach the sample database. Plain JSON, so that it can be handed to the writer's process. */
export interface SampleConnection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** PEM of the authority to trust. */
  readonly ca: string;
  /** Address to connect from; it must lie in a block that the security group admits. */
  readonly localAddress?: string;
}

/** @throws the driver's error when the database cannot be reached. End it with `end()`. */
export async function connect(connection: SampleConnection, applicationName: string): Promise<pg.Client> {
  const { host, port, user, password, database, localAddress } = connection;
  const client = new pg.Client({
    ...{ host, port, user, password, database },
    ssl: tlsOptions(connection),
    stream: () => socketFrom(localAddress),
    connectionTimeoutMillis: 10_000,
    application_name: applicationName,
  });
  // A server that goes away is seen by the next query; without a listener it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
