import * as IAM from '@aws-sdk/client-iam';
import { defineService, type Service } from '../wire/handlers.ts';
import { arnOf, exists, noSuch, type IamContext } from './context.ts';
import { groupHandlers } from './group-handlers.ts';
import { policyHandlers } from './policy-handlers.ts';
import { roleHandlers } from './role-handlers.ts';
import { simulateHandlers } from './simulate-handlers.ts';
import { userHandlers } from './user-handlers.ts';

/** Users, groups, roles, policies: what is needed to give rights, to take them away and to ask for them. */
export function iamService(context: IamContext): Service {
  const { aliases, authorizer } = context;
  return defineService({
    name: 'iam',
    load: () => import('@aws-sdk/client-iam'),
    handlers: {
      ...roleHandlers(context),
      ...userHandlers(context),
      ...groupHandlers(context),
      ...policyHandlers(context),
      ...simulateHandlers(context),
      async CreateAccountAlias({ AccountAlias = '' }, call) {
        authorizer.authorize(call, 'iam:CreateAccountAlias', '*', {}, { ownerAccountId: call.accountId });
        if (!/^[a-z0-9](?!.*--)[a-z0-9-]{1,61}[a-z0-9]$/.test(AccountAlias))
          throw new IAM.InvalidInputException({
            message: `The account alias ${AccountAlias} is invalid.`,
            $metadata: {},
          });
        const owner = [...aliases.entries()].find(([, alias]) => alias === AccountAlias)?.[0];
        if (owner !== undefined && owner !== call.accountId)
          throw exists(`The account alias ${AccountAlias} already exists.`);
        await aliases.put(call.accountId, AccountAlias);
        return {};
      },
      async ListAccountAliases(_input, call) {
        authorizer.authorize(call, 'iam:ListAccountAliases', '*', {}, { ownerAccountId: call.accountId });
        const alias = aliases.get(call.accountId);
        return { AccountAliases: alias === undefined ? [] : [alias], IsTruncated: false };
      },
      async DeleteAccountAlias({ AccountAlias = '' }, call) {
        authorizer.authorize(call, 'iam:DeleteAccountAlias', arnOf(call, 'alias', AccountAlias));
        if (aliases.get(call.accountId) !== AccountAlias)
          throw noSuch(`The account alias ${AccountAlias} cannot be found.`);
        await aliases.remove(call.accountId);
        return {};
      },
    },
  });
}
