export { type PostgresHost, openPostgresHost } from './host.ts';
export { type NewServer, PostgresServer, type ServerConfig, StartFailure } from './server.ts';
export { type ThrowAwayServer, bootThrowAwayServer } from './throw-away.ts';
export { canListenOn, freePort } from './ports.ts';
export { ADMIN_ROLE } from './hba.ts';
