import { EXIT, type ExitStatus } from '../exit-status.ts';
import type { World } from '../world.ts';
import { some } from '../../domain/words.ts';
import { checksOf } from '../../domain/policy/checks.ts';

/** `lifeboat validate [FILE]`: reads the policy and says what it would protect. Talks to nobody. */
export function validate(world: World): ExitStatus {
  const { file, policy, policySha256 } = world.policy();
  const { terminal } = world;
  terminal.result({
    valid: true,
    file,
    policy: policy.name,
    policySha256,
    resources: policy.resources.map(({ name, kind, arn }) => ({ name, kind, arn })),
  });
  terminal.say(`${file} is valid: policy ${policy.name}, ${some(policy.resources.length, 'resource')}.`);
  terminal.say(`Each night at "${policy.schedule.cron}" (${policy.schedule.timezone}):`);
  for (const resource of policy.resources)
    terminal.say(`  ${resource.name} (${resource.kind}): ${checksOf(resource).join(', ')}`);
  terminal.say(`Points are kept for ${some(policy.retention.days, 'day')}; sha256 ${policySha256}.`);
  return EXIT.ok;
}
