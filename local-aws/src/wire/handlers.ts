/**
 * How a service is written: a table of handlers, typed from the SDK client's own module.
 * What is not in the table answers 501 NotImplemented, loudly.
 */

import type { WireRequest, WireResponse } from './protocol.ts';
import type { Operation } from './schema.ts';

/** Who calls, and where. The account comes from the access key, the region from the signature's scope. */
export interface Call {
  readonly accountId: string;
  readonly region: string;
  /** `arn:aws:iam::<account>:user/administrator` or `arn:aws:sts::<account>:assumed-role/<role>/<session>`. */
  readonly principalArn: string;
  readonly requestId: string;
  readonly sourceIp: string;
  /** Signing name of the service, e.g. `rds`, and the operation, e.g. `CreateDBSnapshot`. */
  readonly service: string;
  readonly operation: string;
  /** Inline session policy (JSON) given to AssumeRole; permissions are the intersection with the role's. */
  readonly sessionPolicy?: string | undefined;
  readonly accessKeyId?: string | undefined;
  /** What else the session carries; absent for users and for services that work in a role's name. */
  readonly session?: SessionFacts | undefined;
}

export interface SessionFacts {
  /** Managed policies given to AssumeRole: they and the inline one together are the session's policies. */
  readonly policyArns: readonly string[];
  readonly tags: readonly { readonly Key: string; readonly Value: string }[];
  readonly transitiveTagKeys: readonly string[];
  readonly sourceIdentity: string | undefined;
  /** RFC 3339. */
  readonly issuedAt: string;
}

/** The SDK's command classes are recognised by their suffix; input and output types are read off them. */
type OperationName<M> = { [K in keyof M]: K extends `${infer N}Command` ? N : never }[keyof M];

type CommandOf<M, N extends string> = `${N}Command` extends keyof M
  ? // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as above
    M[`${N}Command`] extends new (...args: any[]) => infer C
    ? C
    : never
  : never;

export type InputOf<M, N extends string> = CommandOf<M, N> extends { readonly input: infer I } ? I : never;
export type OutputOf<M, N extends string> =
  CommandOf<M, N> extends {
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- an inference pattern
    resolveMiddleware: (...args: any[]) => (...args: any[]) => Promise<{ output: infer O }>;
  }
    ? Omit<O, '$metadata'>
    : never;

export type Handlers<M> = {
  readonly [N in OperationName<M>]?: (input: InputOf<M, N>, call: Call) => Promise<OutputOf<M, N>>;
};

export interface Service {
  /** The signing name: `rds`, `backup`, `s3`, `kms`, `sts`, `iam`, `secretsmanager`, `ec2`. */
  readonly name: string;
  /** The SDK client's module with the model. Asked for at the first call: the models are half of what a server weighs. */
  readonly load: () => Promise<object>;
  readonly handlers: Readonly<Record<string, AnyHandler | undefined>>;
  /** Digests that came with a request document, where the service has any. Throws the service's own refusal. */
  readonly checkDocument?: ((request: WireRequest, operation: Operation) => Promise<void>) | undefined;
  /** Answers requests that carry no signature at all, e.g. the links in SNS's messages; undefined: not one of these. */
  readonly open?: ((request: WireRequest) => Promise<WireResponse | undefined>) | undefined;
  /** Ends what the service started (servers, timers). Called once, at close. */
  readonly close?: (() => Promise<void>) | undefined;
}

export type AnyHandler = (input: never, call: Call) => Promise<object>;

export function defineService<M extends object>(spec: {
  readonly name: string;
  readonly load: () => Promise<M>;
  readonly handlers: NoInfer<Handlers<M>>;
  readonly open?: NonNullable<Service['open']>;
  readonly close?: () => Promise<void>;
}): Service {
  const { name, load, open, close } = spec;
  return { name, load, open, close, handlers: spec.handlers };
}
