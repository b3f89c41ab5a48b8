import { createAwsClients, type AwsClients } from '../../activities/aws/clients.ts';
import type { WholeSite } from './whole-site.ts';

/** AWS as the control plane of a site sees it: through its own configuration files, which the SDK finds in the environment. */
export function ledgerClients({ environment }: WholeSite): AwsClients {
  for (const [name, value] of Object.entries(environment))
    if (name.startsWith('AWS_')) process.env[name] = value;
  return createAwsClients({ sessionName: 'lifeboat-test' });
}
