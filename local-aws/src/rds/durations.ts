/** What AWS typically takes, in seconds; the platform's pace scales it. Contract §1.6. */
export const TYPICAL = {
  createInstance: 600,
  backingUp: 30,
  restoreInstance: 600,
  /** Until all blocks of a restored instance are there. */
  loadBlocks: 1800,
  optimizeStorage: 600,
  deleteInstance: 240,
  rebootInstance: 60,
  stopInstance: 120,
  startInstance: 240,
  modifyInstance: 60,
  /** How long `available` is still reported after a modify. */
  staleAvailable: 15,
  resetMasterCredentials: 90,
  snapshot: 180,
  /** How often WAL is shipped to the archive. */
  shipLogs: 300,
  copySameRegion: 300,
  copyCrossRegion: 900,
  deleteSnapshot: 30,
  upgradeSnapshot: 600,
  createCluster: 300,
  restoreCluster: 600,
  deleteCluster: 240,
  createMember: 420,
  failover: 30,
  exportStarting: 1500,
  export: 300,
} as const;
