import { Command, Option } from 'commander';
import type { ExitStatus } from './exit-status.ts';
import type { OutputOptions, PeriodOptions } from './report-output.ts';
import type { SignOffOptions, WaiverOptions } from './verbs/decisions.ts';
import { apply } from './verbs/apply.ts';
import { finishRestore, requestRestore, restoreStatus, type RestoreOptions } from './verbs/restore.ts';
import { backup, drill, night } from './verbs/runs.ts';
import { status } from './verbs/status.ts';
import { validate } from './verbs/validate.ts';
import type { World } from './world.ts';

export interface GlobalOptions {
  readonly policy?: string;
  readonly json?: boolean;
  readonly color: boolean;
}

/** Makes the world for one command, once its options are known. */
export type MakeWorld = (options: GlobalOptions) => World;

const DETACH = ['--detach', 'start it and return; it goes on by itself'] as const;
const AS: [string, string] = [
  '--as <person>',
  'who is asking, for the evidence (default: your account on this computer)',
];
const POINT = [
  '--point <arn>',
  'this recovery point of the last vault; default: the newest one there',
] as const;

/**
 * The `lifeboat` command line. Parses, calls one verb, and hands its exit status to `done`.
 * Verbs that are rarely used together are imported when they are called, so that `--help` stays quick.
 */
export function createProgram(makeWorld: MakeWorld, done: (status: ExitStatus) => void): Command {
  const program = new Command('lifeboat')
    .description('Backups that are taken, locked, restored, proven and put on record.')
    .option('--policy <file>', 'policy file (default: $LIFEBOAT_POLICY, else ./lifeboat.yaml)')
    .option('--json', 'one JSON value on standard output, nothing else')
    .option('--no-color', 'no colours (NO_COLOR does the same)')
    .showHelpAfterError('(lifeboat --help shows what there is)')
    .addHelpText(
      'after',
      `
Exit status: 0 done and verified, 1 not verified (a verdict failed or is inconclusive), 2 could not do it, 130 detached by Ctrl-C.
Environment: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_TLS_CERT, TEMPORAL_TLS_KEY, TEMPORAL_TLS_CA, TEMPORAL_API_KEY;
             the AWS SDK's own variables; LIFEBOAT_POLICY; LIFEBOAT_DEBUG=1 shows stack traces.`,
    );
  const run = async (verb: (world: World) => Promise<ExitStatus> | ExitStatus): Promise<void> => {
    done(await verb(makeWorld(program.opts<GlobalOptions>())));
  };

  program
    .command('validate [file]')
    .description('check a policy file, and say what it protects')
    .action((file: string | undefined) =>
      run((world) => validate(file === undefined ? world : makeWorld({ ...program.opts(), policy: file }))),
    );
  program
    .command('apply [file]')
    .description("make Temporal's schedules what the policy says; starts no run")
    .option('--plan', 'only say what would change')
    .action((file: string | undefined, options: { plan?: boolean }) =>
      run((world) =>
        apply(file === undefined ? world : makeWorld({ ...program.opts(), policy: file }), options),
      ),
    );
  program
    .command('status')
    .description('how every resource stands, what runs, what comes next')
    .action(() => run(status));
  program
    .command('doctor')
    .description('check every condition that a night needs; changes nothing')
    .action(() => run(async (world) => (await import('./verbs/doctor.ts')).doctor(world)));

  program
    .command('night')
    .description('run the whole night now')
    .addOption(
      new Option('--only <half>', 'one half of it: back up and copy, or drill what is there').choices([
        'protect',
        'drill',
      ]),
    )
    .option(...DETACH)
    .action((options: { detach?: boolean; only?: 'protect' | 'drill' }) =>
      run((world) => night(world, options)),
    );
  program
    .command('backup <resource>')
    .description('back one resource up now, and copy it to the last vault')
    .option(...DETACH)
    .action((resource: string, options: { detach?: boolean }) =>
      run((world) => backup(world, resource, options)),
    );
  program
    .command('drill <resource>')
    .description('restore a recovery point, check it and take it down, now')
    .option(...POINT)
    .option(...DETACH)
    .action((resource: string, options: { detach?: boolean; point?: string }) =>
      run((world) => drill(world, resource, options)),
    );

  addRestore(program, run);
  addEvidence(program, run);
  return program;
}

type RunVerb = (verb: (world: World) => Promise<ExitStatus> | ExitStatus) => Promise<void>;

function addRestore(program: Command, run: RunVerb): void {
  const restore = program.command('restore').description('restores that people ask for');
  restore
    .command('request <resource>')
    .description('restore, verify, and hand over until a deadline')
    .requiredOption('--reason <text>', 'why; part of the evidence')
    .addOption(
      new Option(
        '--at <instant>',
        'the newest point from then or before, e.g. 2026-11-21T09:58:00Z',
      ).conflicts('point'),
    )
    .option(...POINT)
    .option('--keep <time>', 'how long to keep it after hand-over, at most 24h', '8h')
    .option('--name <name>', 'name of the request')
    .option(...AS)
    .option('--accept-unverified', 'hand over even if verification fails; on record')
    .option(...DETACH)
    .action((resource: string, options: RestoreOptions) =>
      run((world) => requestRestore(world, resource, options)),
    );
  restore
    .command('approve <request>')
    .description('agree to a restore, as one of the approvers of the policy; never the one who asked')
    .option('--reason <text>', 'remarks; part of the evidence')
    .option(...AS)
    .action((request: string, options: { as?: string; reason?: string }) =>
      run(async (world) =>
        (await import('./verbs/restore-decide.ts')).decideRestore(world, request, 'approved', options),
      ),
    );
  restore
    .command('deny <request>')
    .description('deny a restore; it ends without having begun')
    .requiredOption('--reason <text>', 'why; part of the evidence')
    .option(...AS)
    .action((request: string, options: { as?: string; reason: string }) =>
      run(async (world) =>
        (await import('./verbs/restore-decide.ts')).decideRestore(world, request, 'denied', options),
      ),
    );
  restore
    .command('status [request]')
    .description('one request, or all of them')
    .action((request: string | undefined) => run((world) => restoreStatus(world, request)));
  restore
    .command('finish <request>')
    .description('take down what was restored, and prove that it is gone')
    .option(...AS)
    .option(...DETACH)
    .action((request: string, options: { as?: string; detach?: boolean }) =>
      run((world) => finishRestore(world, request, options)),
    );
}

function addEvidence(program: Command, run: RunVerb): void {
  const day = (flag: string, what: string): [string, string] => [`${flag} <day>`, `${what}, e.g. 2026-11-21`];
  const evidence = program.command('evidence').description('signed statements and seals');
  evidence
    .command('list')
    .description('statements and seals in the ledger')
    .option(...day('--from', 'first day'))
    .option(...day('--to', 'last day'))
    .action((options: { from?: string; to?: string }) =>
      run(async (world) => (await import('./verbs/evidence.ts')).listEvidence(world, options)),
    );
  evidence
    .command('show <statement>')
    .description(
      'what one statement says, in sentences; a backup part by part: point, hops, locks, fingerprints',
    )
    .action((key: string) =>
      run(async (world) => (await import('./verbs/evidence.ts')).showStatement(world, key)),
    );
  evidence
    .command('export')
    .description('copy the evidence to a folder that can be verified offline')
    .requiredOption('--out <dir>', 'a new or empty folder')
    .option(...day('--from', 'first day'))
    .option(...day('--to', 'last day'))
    .action((options: { out: string; from?: string; to?: string }) =>
      run(async (world) => (await import('./verbs/evidence.ts')).exportEvidence(world, options)),
    );
  evidence
    .command('verify <dir>')
    .description('verify an export with nothing but this computer')
    .option('--key <file>', 'public key (PEM) that reached you by another way than the export')
    .option('--trusted-seal <sha256>', 'last seal of an earlier verification')
    .action((dir: string, options: { key?: string; trustedSeal?: string }) =>
      run(async (world) => (await import('./verbs/evidence.ts')).verifyEvidence(world, dir, options)),
    );
  evidence
    .command('sign-off <resource-or-statement>')
    .description('put on record that a reviewer looked at a drill (of a resource: the newest) or a restore')
    .addOption(
      new Option('--decision <decision>', 'what the reviewer says')
        .choices(['accepted', 'rejected'])
        .default('accepted'),
    )
    .option('--note <text>', 'remarks; part of the evidence', '')
    .option('--as <person>', 'the reviewer, one of the policy (default: your account on this computer)')
    .action((which: string, options: SignOffOptions) =>
      run(async (world) => (await import('./verbs/decisions.ts')).signOff(world, which, options)),
    );
  program
    .command('waiver')
    .description('exceptions that somebody answers for until a day')
    .command('add')
    .description('put a waiver on record')
    .requiredOption('--what <text>', 'what is waived: a check, a promise')
    .requiredOption('--reason <text>', 'why; part of the evidence')
    .requiredOption('--expires <day>', 'last day, e.g. 2026-12-31')
    .option(...OWNER)
    .option('--resource <name>', 'the resource that it is about (default: all of them)')
    .option('--name <name>', 'name of the waiver')
    .action((options: WaiverOptions) =>
      run(async (world) => (await import('./verbs/decisions.ts')).addWaiver(world, options)),
    );
  addHolds(program, run, day);
  addReports(program, run, day);
}

type Day = (flag: string, what: string) => [string, string];
const OWNER: [string, string] = [
  '--owner <person>',
  'who answers for it, one of the policy (default: your account on this computer)',
];

function addHolds(program: Command, run: RunVerb, day: Day): void {
  const hold = program.command('hold').description('recovery points that are kept past their date');
  hold
    .command('place <point>')
    .description('have AWS keep a recovery point of the last vault, by its ARN, until the hold is released')
    .requiredOption('--reason <text>', 'why; part of the evidence')
    .requiredOption(...day('--until', 'when somebody looks at it again'))
    .option(...OWNER)
    .option('--name <name>', 'name of the hold')
    .action((point: string, options: { reason: string; until: string; owner?: string; name?: string }) =>
      run(async (world) => (await import('./verbs/hold.ts')).placeHold(world, point, options)),
    );
  hold
    .command('release <name>')
    .description('put on record that a hold was cancelled at AWS; says what to run there while it was not')
    .requiredOption('--reason <text>', 'why; part of the evidence')
    .option(...OWNER)
    .action((name: string, options: { reason: string; owner?: string }) =>
      run(async (world) => (await import('./verbs/hold.ts')).releaseHold(world, name, options)),
    );
  hold
    .command('list')
    .description('every hold that is on record')
    .action(() => run(async (world) => (await import('./verbs/hold.ts')).listHolds(world)));
}

function addReports(program: Command, run: RunVerb, day: Day): void {
  const report = program.command('report').description('reports for people, from signed statements alone');
  const withOutput = (command: Command): Command =>
    command
      .option('--dir <dir>', 'read an exported folder instead of the ledger; needs no network')
      .addOption(
        new Option('--format <format>', 'default: that of the name of --out').choices([
          'html',
          'json',
          'csv',
        ]),
      )
      .option('--out <file>', 'write it to a file; a page prints as it is, and needs nothing else');
  const ofPeriod = (command: Command): Command =>
    withOutput(command)
      .option(...day('--from', 'first day (default: 31 days ago; with --dir all of it)'))
      .option(...day('--to', 'last day (default: today)'));
  withOutput(report.command('drill [resource-or-statement]'))
    .description('the newest drill (of a resource), or the one of a statement key')
    .action((which: string | undefined, options: OutputOptions) =>
      run(async (world) => (await import('./verbs/report.ts')).reportDrill(world, which, options)),
    );
  ofPeriod(report.command('population'))
    .description('what became of every resource in every slot')
    .action((options: PeriodOptions) =>
      run(async (world) => (await import('./verbs/report-period.ts')).reportPopulation(world, options)),
    );
  ofPeriod(report.command('restore [request]'))
    .description('restores that people asked for')
    .action((request: string | undefined, options: PeriodOptions) =>
      run(async (world) =>
        (await import('./verbs/report-period.ts')).reportRestores(world, request, options),
      ),
    );
  ofPeriod(report.command('monthly'))
    .description('a summary for people who decide')
    .action((options: PeriodOptions) =>
      run(async (world) => (await import('./verbs/report-period.ts')).reportMonthly(world, options)),
    );
  ofPeriod(report.command('promises'))
    .description('which promises of the policy were kept, broken, or cannot be proven')
    .option('--catalogue <file>', 'a file of promises instead, e.g. examples/controls/soc2.yaml')
    .action((options: PeriodOptions & { catalogue?: string }) =>
      run(async (world) => (await import('./verbs/report-promises.ts')).reportPromises(world, options)),
    );
}
