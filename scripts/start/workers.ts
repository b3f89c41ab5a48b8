import type { Environments } from '../landing-zone/identities.ts';
import { withoutAws } from '../landing-zone/without-aws.ts';
import { PROJECT, typescript } from './programs.ts';
import { supervise, type Supervised } from './supervise.ts';

/** AWS's work takes seconds here, not minutes, so jobs are looked at more often than in AWS. */
const LOOK_EVERY_SECONDS = '0.2';

/** The control plane and a prober in each network, each under its own role, each kept running. */
export async function startWorkers(options: {
  readonly stateDir: string;
  readonly environments: Environments;
  readonly temporal: Readonly<Record<string, string>>;
  readonly workflowBundle: string;
  readonly onRestart: (sentence: string) => void;
}): Promise<Supervised[]> {
  const { stateDir, environments, temporal, workflowBundle, onRestart } = options;
  const start = (name: string, file: string, own: Readonly<Record<string, string>>): Promise<Supervised> =>
    supervise(
      {
        name,
        program: process.execPath,
        args: typescript(file),
        env: { ...withoutAws(process.env), ...temporal, ...own },
        cwd: PROJECT,
      },
      { stateDir, onRestart, isUp: (log) => log().includes('"msg":"ready"'), graceMs: 15_000 },
    );
  return Promise.all([
    start('control-plane', 'worker/main.ts', {
      ...environments.worker,
      WORKFLOW_BUNDLE: workflowBundle,
      AWS_POLL_SECONDS: LOOK_EVERY_SECONDS,
    }),
    start('prober-production', 'worker/prober.ts', environments.proberProduction),
    start('prober-drill', 'worker/prober.ts', environments.proberDrill),
  ]);
}
