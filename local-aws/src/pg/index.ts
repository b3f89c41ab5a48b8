export {
  AUTHORITIES,
  type AuthorityName,
  DEFAULT_AUTHORITY,
  type PostgresHost,
  openPostgresHost,
} from './host.ts';
export { type NewServer, PostgresServer, type ServerConfig, StartFailure } from './server.ts';
export { type PostgresParameter, postgresParameters } from './parameters.ts';
export { type ThrowAwayServer, bootThrowAwayServer } from './throw-away.ts';
export { canListenOn, freePort } from './ports.ts';
export { ADMIN_ROLE } from './hba.ts';
export {
  type CopyProgress,
  type CopyResult,
  checkSnapshot,
  copySnapshot,
  type Difference,
  type Manifest,
  readManifest,
  restoreSnapshot,
  takeSnapshot,
} from './snapshot.ts';
export { type ArchiveState, copySegments, pruneArchive, WalArchiver, WalLost } from './wal-archive.ts';
export { type Replay, ReplayIncomplete, restoreToPointInTime } from './recovery.ts';
