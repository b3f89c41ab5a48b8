import { Command, CommanderError } from 'commander';
import { adminCommands } from './admin-commands.ts';
import { reset } from './reset.ts';
import type { StartOptions } from './start.ts';
import { sayWhy } from './say-why.ts';

const DEFAULT_STATE = '.lifeboat/local-aws';

const program = new Command('lifeboat-local-aws')
  .description('AWS on this computer: the real wire protocols, real PostgreSQL behind RDS. Loopback only.')
  .exitOverride();

program
  .command('start')
  .description('start in the foreground; Ctrl-C ends it, state is kept')
  .option('--state <dir>', 'where everything is kept', DEFAULT_STATE)
  .option('--port <n>', 'port of the AWS endpoint, 0 = any free one', '4566')
  .option('--admin-port <n>', 'port of the admin endpoint, 0 = any free one', '4567')
  .option('--host <address>', 'loopback is the only choice', '127.0.0.1')
  .option('--env-file <file>', 'write endpoint and keys there as KEY=VALUE lines (mode 0600)')
  .option('--accounts <list>', 'id=name,id=name,…; default: one each for production, vault and drill')
  .option('--faults <file>', 'JSON file of fault rules, read again whenever it changes')
  .option('--region <region>', 'AWS_REGION of the env file', 'eu-central-1')
  .option('--pace <scale>', 'real seconds per second that AWS typically takes')
  .option('--log-level <level>', 'trace, debug, info, warn or error', 'warn')
  // Loaded only here: the other commands need none of the service models.
  .action(async (options: StartOptions) => (await import('./start.ts')).start(options));

program
  .command('reset')
  .description('delete all state; refused while a server runs on it')
  .option('--state <dir>', 'where everything is kept', DEFAULT_STATE)
  .action(reset);

adminCommands(program, DEFAULT_STATE);

try {
  await program.parseAsync();
} catch (err) {
  if (err instanceof CommanderError) process.exitCode = err.exitCode === 0 ? 0 : 2;
  else {
    process.stderr.write(`${sayWhy(err)}\n`);
    process.exitCode = 2;
  }
}
