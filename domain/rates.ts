/**
 * Prices for estimates, per region of reference and with their date. They are configuration that ages: whoever needs exact figures
 * changes this table; every estimate names the date. Sources: the public price pages of RDS and AWS Backup.
 */
interface Rates {
  readonly asOf: string;
  readonly region: string;
  readonly currency: 'USD';
  /** PostgreSQL, Single-AZ, on demand. */
  readonly instanceHour: Readonly<Record<string, number>>;
  /** gp3. */
  readonly storageGbMonth: number;
  readonly snapshotGbMonth: number;
}

export const RATES: Rates = {
  asOf: '2026-07-01',
  region: 'us-east-1',
  currency: 'USD',
  instanceHour: {
    'db.t4g.micro': 0.016,
    'db.t4g.small': 0.032,
    'db.t4g.medium': 0.065,
    'db.t4g.large': 0.129,
    'db.t4g.xlarge': 0.258,
    'db.m6g.large': 0.159,
    'db.m6g.xlarge': 0.318,
    'db.m7g.large': 0.168,
    'db.m7g.xlarge': 0.337,
    'db.m7g.2xlarge': 0.674,
    'db.r6g.large': 0.225,
    'db.r6g.xlarge': 0.45,
    'db.r7g.large': 0.239,
    'db.r7g.xlarge': 0.478,
    'db.r7g.2xlarge': 0.956,
  },
  storageGbMonth: 0.115,
  snapshotGbMonth: 0.095,
};
