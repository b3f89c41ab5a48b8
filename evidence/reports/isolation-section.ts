import { codeOf, factsOf, html, tableOf } from './html.ts';
import { listOf, mark, notRecorded } from './parts.ts';
import type { NetworkFacts } from '../../domain/isolation.ts';
import type { DrillReport } from './drill.ts';
import type { Html } from './html.ts';

/** What kept the copy apart: attempts from inside, its settings and its network, the roles in use. */
export function isolationOf({ fence: proof, proofs: { isolation } }: DrillReport): Html {
  if (proof === null)
    return html`<p>${mark('unknown')} Nobody tried to reach production from where the copy ran.</p>`;
  return html`${tableOf(
    'From inside the network of the restored copy. Every attempt must fail.',
    ['Target', 'Result', 'How it was seen'],
    proof.attempts.map(({ target, reached, how }) => [
      target,
      reached ? mark('reached', 'failed') : mark('not reached', 'passed'),
      how,
    ]),
  )}
  ${factsOf([
    ...Object.entries(proof.settings).map(([name, value]) => [name, String(value)] as const),
    [
      'Network as EC2 describes it',
      proof.network === undefined
        ? notRecorded('routes and admissions were not read')
        : networkOf(proof.network),
    ],
    [
      'Roles in use',
      isolation === null
        ? notRecorded('there is no statement about isolation beside the drill')
        : listOf(isolation.fact.roles.map(codeOf)),
    ],
    [
      'Production credentials that it could use',
      isolation === null
        ? notRecorded('there is no statement about isolation beside the drill')
        : isolation.fact.productionCredentials.length === 0
          ? mark('none', 'passed')
          : html`${mark('some', 'failed')} ${listOf(isolation.fact.productionCredentials.map(codeOf))}`,
    ],
    ['Statement', codeOf(isolation?.key ?? null)],
  ])}`;
}

function networkOf(network: NetworkFacts): Html {
  const { vpcId, cidrs, subnets, routes, admits, peerings, gateways, endpoints } = network;
  const lines = (what: string, items: readonly string[]): string =>
    `${what}: ${items.length === 0 ? 'none' : items.join('; ')}`;
  return listOf([
    `${vpcId} (${cidrs.join(', ')})`,
    lines(
      'subnets',
      subnets.map(({ id, cidr }) => `${id} ${cidr}`),
    ),
    lines(
      'routes',
      routes.map(({ destination, target, state }) => `${destination} to ${target} (${state})`),
    ),
    lines(
      'admitted',
      admits.map(({ from, ports, securityGroup }) => `${from} on ${ports} by ${securityGroup}`),
    ),
    lines(
      'peerings',
      peerings.map((one) => `${one.id} with ${one.with} (${one.state})`),
    ),
    lines('gateways', gateways),
    lines(
      'endpoints',
      endpoints.map(({ id, service, type }) => `${id} for ${service} (${type})`),
    ),
  ]);
}
