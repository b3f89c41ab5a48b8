import { AdminRefusal, type Platform, type Table } from '../platform.ts';

/** Where AWS's documents leave it open, or disagree, what AWS does: one can choose, since code must live with both. */
export interface BehaviourSettings {
  /** Error of what a vault lock forbids. */
  readonly lockError: 'InvalidRequestException' | 'AccessDeniedException';
  /** Error for a vault that does not exist. */
  readonly missingVaultError: 'ResourceNotFoundException' | 'AccessDeniedException';
  /**
   * Whether one copy job of an RDS point may cross accounts and regions at once: AWS's older documents refuse it, the current ones
   * allow it. Refused unless asked for, so that nobody relies on it unprobed.
   */
  readonly oneStepCopies: boolean;
  /** Outbound copies of one account and region that run at the same time; the others rest in CREATED. */
  readonly copyConcurrency: number;
  /** Whether the first page of a list of recovery points is empty and has a NextToken, which is legal. */
  readonly emptyFirstPages: boolean;
}

const DEFAULTS: BehaviourSettings = {
  lockError: 'InvalidRequestException',
  missingVaultError: 'ResourceNotFoundException',
  oneStepCopies: false,
  copyConcurrency: 100,
  emptyFirstPages: false,
};

const KEY = 'settings';

/** The choices in force, kept over restarts; set at `POST /backup/behaviour` of the admin endpoint, read with GET. */
export class Behaviour {
  readonly #table: Table<Partial<BehaviourSettings>>;

  constructor(platform: Platform) {
    this.#table = platform.table('backup/behaviour');
    platform.admin.route('GET', '/backup/behaviour', async () => this.settings);
    platform.admin.route('POST', '/backup/behaviour', async (input) => {
      await this.#table.put(KEY, { ...this.settings, ...readSettings(input) });
      return this.settings;
    });
  }

  get settings(): BehaviourSettings {
    return { ...DEFAULTS, ...this.#table.get(KEY) };
  }
}

const CHOICES: Readonly<Record<string, readonly string[]>> = {
  lockError: ['InvalidRequestException', 'AccessDeniedException'],
  missingVaultError: ['ResourceNotFoundException', 'AccessDeniedException'],
};

const SWITCHES: readonly string[] = ['oneStepCopies', 'emptyFirstPages'];

/** @throws AdminRefusal naming the first member that is wrong or unknown. */
function readSettings(input: Readonly<Record<string, unknown>>): Partial<BehaviourSettings> {
  for (const [name, value] of Object.entries(input)) {
    const choices = CHOICES[name];
    if (choices && !(typeof value === 'string' && choices.includes(value)))
      throw new AdminRefusal(`${name} must be one of ${choices.join(', ')}.`);
    if (SWITCHES.includes(name) && typeof value !== 'boolean')
      throw new AdminRefusal(`${name} must be true or false.`);
    if (name === 'copyConcurrency' && !(Number.isInteger(value) && (value as number) > 0))
      throw new AdminRefusal('copyConcurrency must be a whole number above 0.');
    if (!(name in DEFAULTS))
      throw new AdminRefusal(
        `The behaviour of AWS Backup has no setting '${name}'; there are ${Object.keys(DEFAULTS).join(', ')}.`,
      );
  }
  return input;
}
