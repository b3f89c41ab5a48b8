import { defineService, type Service } from '../wire/handlers.ts';
import { aliasHandlers } from './alias-handlers.ts';
import { KmsContext, type KmsParts } from './context.ts';
import { cryptoHandlers } from './crypto-handlers.ts';
import { grantHandlers } from './grant-handlers.ts';
import { keyHandlers } from './key-handlers.ts';
import { rotationHandlers } from './rotation-handlers.ts';
import { signingHandlers } from './signing-handlers.ts';

export function kmsService(parts: KmsParts): Service {
  const context = new KmsContext(parts);
  return defineService({
    name: 'kms',
    load: () => import('@aws-sdk/client-kms'),
    handlers: {
      ...keyHandlers(context),
      ...rotationHandlers(context),
      ...aliasHandlers(context),
      ...grantHandlers(context),
      ...cryptoHandlers(context),
      ...signingHandlers(context),
    },
  });
}
