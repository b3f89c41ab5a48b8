/** Where contract tests run, as the environment says. */
export type ContractTarget =
  | { readonly kind: 'local' }
  | {
      readonly kind: 'real';
      readonly region: string;
      /** The only account in which anything is made. */
      readonly accountId: string;
      /** Every name begins with it, so that what a killed run leaves can be found. */
      readonly prefix: string;
    };

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws Error naming every setting that is missing or wrong: on real AWS nothing is guessed. */
export function contractTarget(env: Environment): ContractTarget {
  const kind = env['LIFEBOAT_CONTRACT_AWS'] ?? 'local';
  if (kind === 'local') return { kind };
  const wrong: string[] = [];
  if (kind !== 'real') wrong.push(`LIFEBOAT_CONTRACT_AWS is '${kind}'; it can be 'local' or 'real'.`);
  const region = env['AWS_REGION'] ?? '';
  if (!/^[a-z]{2}(-[a-z]+)+-\d$/.test(region))
    wrong.push('AWS_REGION must name the region to run in, e.g. eu-central-1.');
  const accountId = env['LIFEBOAT_CONTRACT_ACCOUNT'] ?? '';
  if (!/^\d{12}$/.test(accountId))
    wrong.push('LIFEBOAT_CONTRACT_ACCOUNT must be the id of the account that may be written to (12 digits).');
  const prefix = env['LIFEBOAT_CONTRACT_PREFIX'] ?? 'lifeboat-contract';
  if (!/^[a-z][a-z0-9-]{2,20}$/.test(prefix))
    wrong.push(
      'LIFEBOAT_CONTRACT_PREFIX must have 3 to 21 lower-case letters, digits and hyphens, a letter first.',
    );
  for (const name of Object.keys(env).filter((each) => /^AWS_ENDPOINT_URL/.test(each) && env[each] !== ''))
    wrong.push(`${name} is set, so this would not be AWS itself. Unset it.`);
  if (wrong.length > 0) throw new Error(`The contract tests cannot run on real AWS:\n${wrong.join('\n')}`);
  return { kind: 'real', region, accountId, prefix };
}
