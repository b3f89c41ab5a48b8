import { Command, InvalidArgumentError, Option } from 'commander';
import { DAMAGE_KINDS, type DamageKind } from './damage.ts';

export interface StartOptions {
  /** Run one night and end with its verdict. */
  readonly once: boolean;
  readonly damage?: DamageKind;
  readonly state?: string;
  readonly writer: boolean;
  readonly awsPort: number;
  readonly adminPort: number;
  readonly temporalPort: number;
  readonly uiPort: number;
  readonly color: boolean;
}

/** @throws CommanderError, after it has said what is wrong. */
export function readOptions(argv: readonly string[]): StartOptions {
  const program = new Command('npm start --')
    .description(
      'One night of Lifeboat, end to end, on this computer. State is kept; the next start goes on with it.',
    )
    .option('--once', 'end after the night: 0 when every verdict passed, 1 when not', false)
    .addOption(
      new Option(
        '--damage <kind>',
        'damage the copy in the vault before it is drilled: page = a flipped byte, rows = rows missing, stale = an older backup in its place, page-checksum = a flipped bit under a checksum made to fit, …',
      ).choices([...DAMAGE_KINDS]),
    )
    .option('--state <dir>', 'state folder (default: .lifeboat here, or below /var/lib/lifeboat for root)')
    .option('--no-writer', 'leave the database quiet')
    .option('--aws-port <port>', 'port of the AWS on this computer; 0: any', port, 4566)
    .option('--admin-port <port>', 'port of its admin endpoint; 0: any', port, 4567)
    .option('--temporal-port <port>', 'port of Temporal; 0: any', port, 7233)
    .option('--ui-port <port>', "port of Temporal's web pages; 0: any", port, 8233)
    .option('--no-color', 'no colours (NO_COLOR does the same)')
    .addHelpText('after', '\nWith TEMPORAL_ADDRESS set, that Temporal is used and none is started.')
    .allowExcessArguments(false)
    .exitOverride();
  program.parse([...argv], { from: 'user' });
  return program.opts<StartOptions>();
}

function port(text: string): number {
  const n = Number(text);
  if (Number.isInteger(n) && n >= 0 && n <= 65_535) return n;
  throw new InvalidArgumentError('A port is a whole number from 0 to 65535.');
}
