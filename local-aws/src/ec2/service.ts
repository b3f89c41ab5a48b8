import { defineService, type Service } from '../wire/handlers.ts';
import { Ec2Context, type Ec2Parts } from './context.ts';
import { endpointHandlers } from './endpoint-handlers.ts';
import { gatewayHandlers } from './gateway-handlers.ts';
import { groupHandlers } from './group-handlers.ts';
import { peeringHandlers } from './peering-handlers.ts';
import { placeHandlers } from './place-handlers.ts';
import { routeHandlers } from './route-handlers.ts';
import { vpcHandlers } from './vpc-handlers.ts';

/** Networks only: what databases stand in, and what joins it with the world. There are no machines here. */
export function ec2Service(parts: Ec2Parts): Service {
  const context = new Ec2Context(parts);
  return defineService({
    name: 'ec2',
    load: () => import('@aws-sdk/client-ec2'),
    handlers: {
      ...vpcHandlers(context),
      ...groupHandlers(context),
      ...routeHandlers(context),
      ...gatewayHandlers(context),
      ...peeringHandlers(context),
      ...endpointHandlers(context),
      ...placeHandlers(context),
    },
  });
}
