/**
 * Every way in which a step can definitely fail. Callers branch on the type, people read what to do.
 * `docs/failures.md` lists the same entries; a test holds the two equal.
 */
export const FAILURES = {
  CredentialsRejected: {
    meaning: 'AWS refused the credentials or the role could not be assumed.',
    action:
      'Check the role ARN and external id in the policy and the trust policy of the role; then run `lifeboat doctor`.',
  },
  PermissionMissing: {
    meaning: 'The role may not do what the step needs.',
    action:
      'Give the role the action named in the message (IAM templates are in infra/iam), then start the run again.',
  },
  ResourceMissing: {
    meaning: 'A protected resource does not exist (any more) under the ARN in the policy.',
    action:
      'If it was replaced or renamed, change the ARN in lifeboat.yaml and apply it; if it was retired, move it to `exclude`.',
  },
  SourceNotReady: {
    meaning: 'The source is in a state in which it cannot be backed up.',
    action:
      'Look at the status named in the message; bring the resource back, then start the backup by hand.',
  },
  PreflightRefused: {
    meaning: 'A condition that the night needs does not hold (lock, key, retention bounds, opt-in).',
    action: 'Run `lifeboat doctor`: it names each condition and what to do about it.',
  },
  ReadBackDiffers: {
    meaning: 'A recovery point exists, but AWS shows another key, lock or expiry than the policy wants.',
    action:
      'Compare the point named in the message with the policy; correct the vault or the policy before the next night.',
  },
  BackupFailed: {
    meaning: 'The backup job ended without a usable recovery point.',
    action: 'Read the status message of the job; run `lifeboat backup RESOURCE` once the cause is gone.',
  },
  CopyFailed: {
    meaning: 'A copy job to another region or account ended without a usable recovery point.',
    action:
      'Check in this order: organisation trust, policy of the destination vault, source key policy, retention bounds of its lock.',
  },
  RestoreFailed: {
    meaning: 'The restore ended without a usable resource.',
    action:
      'Treat the recovery point as suspect: drill the one before it, and read the events in the drill account.',
  },
  NoRecoveryPoint: {
    meaning: 'There is no recovery point that fits what was asked.',
    action:
      'List what exists with `lifeboat status`; choose another point, or make one with `lifeboat backup`.',
  },
  DeadlinePassed: {
    meaning: 'AWS was still working when the deadline of the step passed.',
    action: 'Look at the job in AWS; it may still end well. What appears late is removed by the sweeper.',
  },
  ForeignResource: {
    meaning: 'Something that is not ours has the name that we would use or delete.',
    action: 'Look at the resource named in the message; nothing was changed. Rename it or remove it by hand.',
  },
  QuotaReached: {
    meaning: 'An AWS quota does not allow the step.',
    action: 'Raise the quota or remove what is not needed; the step is repeated slowly until its deadline.',
  },
  DatabaseUnreachable: {
    meaning: 'The prober could not connect to the database.',
    action: 'Check the security groups between prober and database, the secret, and the certificate bundle.',
  },
  FingerprintMissing: {
    meaning: 'A fingerprint that the comparison needs is missing or was altered.',
    action: 'The drill is inconclusive. Check the ledger bucket; the next night takes new fingerprints.',
  },
  RequestRefused: {
    meaning: 'What was asked of a running request does not fit its state.',
    action: 'Look at the state named in the message (`lifeboat restore status`), then ask for what fits it.',
  },
  LedgerRefused: {
    meaning: 'The ledger did not take a statement or a seal.',
    action:
      'Check the bucket, its lock and the signing key; evidence of this run is incomplete until it is written.',
  },
  IsolationUnknown: {
    meaning: 'What keeps a restored copy apart could not be read.',
    action:
      'Give the roles of the drill account what infra/iam says (EC2 describe calls), and drill again; the copy was taken down.',
  },
  ResidencyRefused: {
    meaning: 'Data would be where the policy does not let it be.',
    action: 'Change `residency` or the place named in the message; nothing was started.',
  },
  TeardownIncomplete: {
    meaning: 'Something that a drill created could not be removed.',
    action: 'The sweeper tries again after its expiry; if it stays, delete what the message names by hand.',
  },
} as const satisfies Record<string, { meaning: string; action: string }>;

export type FailureType = keyof typeof FAILURES;
