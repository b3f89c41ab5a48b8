import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { errorModel, statusInJson } from '../wire/schema.ts';

/** An error as the wire shows it. */
export interface WireName {
  readonly code: string;
  readonly status: number;
}

/** The clients' packages; their modules hold the models, their type declarations say which operation throws what. */
const PACKAGES: Readonly<Record<string, string>> = {
  rds: 'client-rds',
  backup: 'client-backup',
  s3: 'client-s3',
  sts: 'client-sts',
  iam: 'client-iam',
  kms: 'client-kms',
  ec2: 'client-ec2',
  sns: 'client-sns',
  secretsmanager: 'client-secrets-manager',
  cloudtrail: 'client-cloudtrail',
  monitoring: 'client-cloudwatch',
  tagging: 'client-resource-groups-tagging-api',
};
const load = createRequire(import.meta.url);

export const SERVICE_NAMES: readonly string[] = Object.keys(PACKAGES);
const AWS_JSON_SERVICES = new Set(['kms', 'secretsmanager', 'cloudtrail', 'tagging']);
const JSON_SERVICES = new Set([...AWS_JSON_SERVICES, 'backup']);
const QUERY_SERVICES = new Set(['rds', 'sts', 'iam', 'sns', 'ec2']);

/** Errors that every service has and no model lists. */
const EVERYWHERE: Readonly<Record<string, number>> = {
  InternalFailure: 500,
  ServiceUnavailable: 503,
  ThrottlingException: 400,
  IncompleteSignature: 400,
  RequestExpired: 400,
  OptInRequired: 403,
};
const OF_JSON: Readonly<Record<string, number>> = {
  AccessDeniedException: 400,
  ExpiredTokenException: 400,
  InvalidSignatureException: 400,
  UnrecognizedClientException: 400,
  ValidationException: 400,
};
const OF_QUERY: Readonly<Record<string, number>> = {
  AccessDenied: 403,
  ExpiredToken: 403,
  InternalError: 500,
  InvalidClientTokenId: 403,
  InvalidParameterCombination: 400,
  InvalidParameterValue: 400,
  MissingParameter: 400,
  RequestLimitExceeded: 503,
  SignatureDoesNotMatch: 403,
  Throttling: 400,
  ValidationError: 400,
};
const OF_SERVICE: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  ec2: { UnauthorizedOperation: 403, AuthFailure: 403 },
  backup: { AccessDeniedException: 403, ThrottlingException: 429, ExpiredTokenException: 403 },
  // The S3 model lists hardly any of its errors.
  s3: {
    AccessDenied: 403,
    AuthorizationHeaderMalformed: 400,
    BadDigest: 400,
    BucketNotEmpty: 409,
    ConditionalRequestConflict: 409,
    EntityTooLarge: 400,
    ExpiredToken: 400,
    InternalError: 500,
    InvalidAccessKeyId: 403,
    InvalidArgument: 400,
    InvalidBucketState: 409,
    InvalidRequest: 400,
    MalformedXML: 400,
    MethodNotAllowed: 405,
    NoSuchLifecycleConfiguration: 404,
    NoSuchObjectLockConfiguration: 404,
    NoSuchVersion: 404,
    ObjectLockConfigurationNotFoundError: 404,
    OperationAborted: 409,
    PermanentRedirect: 301,
    PreconditionFailed: 412,
    RequestTimeTooSkewed: 403,
    RequestTimeout: 400,
    SignatureDoesNotMatch: 403,
    SlowDown: 503,
  },
};

/**
 * The wire form of an error that an operation can have.
 * @param code SDK class name or wire code.
 * @returns undefined with all that it could be, when the operation has no such error.
 */
export function wireName(
  service: string,
  operation: string | undefined,
  code: string,
): { readonly found: WireName | undefined; readonly known: readonly string[] } {
  const common = commonErrors(service);
  const status = common[code];
  if (status !== undefined) return { found: { code, status }, known: [] };
  const module = moduleOf(service);
  const allowed = operation === undefined ? allErrors(module) : thrownBy(service, module, operation);
  for (const name of allowed) {
    const model = errorModel(module, name);
    if (!model) continue;
    const query = QUERY_SERVICES.has(service) ? model.query : undefined;
    if (code !== name && code !== query?.[0]) continue;
    return {
      found: query
        ? { code: query[0], status: query[1] }
        : { code: name, status: AWS_JSON_SERVICES.has(service) ? statusInJson(model) : model.httpStatus },
      known: [],
    };
  }
  return { found: undefined, known: [...allowed, ...Object.keys(common)].sort() };
}

/** @throws nothing: `undefined` for a service that has no model. */
export function hasOperation(service: string, operation: string): boolean {
  return Object.hasOwn(moduleOf(service), `${operation}Command`);
}

export function operationsLike(service: string, operation: string): readonly string[] {
  const wanted = operation.toLowerCase();
  return Object.keys(moduleOf(service))
    .filter((name) => name.endsWith('Command'))
    .map((name) => name.slice(0, -'Command'.length))
    .filter((name) => name.toLowerCase().startsWith(wanted.slice(0, 8)))
    .sort((a, b) => Number(b.toLowerCase() === wanted) - Number(a.toLowerCase() === wanted))
    .slice(0, 5);
}

function commonErrors(service: string): Readonly<Record<string, number>> {
  const dialect = JSON_SERVICES.has(service) ? OF_JSON : QUERY_SERVICES.has(service) ? OF_QUERY : {};
  return { ...EVERYWHERE, ...dialect, ...OF_SERVICE[service] };
}

function moduleOf(service: string): object {
  const name = PACKAGES[service];
  if (name === undefined) throw new Error(`No model is known for the service '${service}'.`);
  return load(`@aws-sdk/${name}`) as object;
}

function allErrors(module: object): string[] {
  return Object.keys(module)
    .filter((name) => name.endsWith('$'))
    .map((name) => name.slice(0, -1))
    .filter((name) => errorModel(module, name) !== undefined);
}

/** The schemas do not say which operation throws what; the declarations do. Without them all of the service's errors count. */
function thrownBy(service: string, module: object, operation: string): string[] {
  const all = allErrors(module);
  try {
    const main = load.resolve(`@aws-sdk/${PACKAGES[service] ?? ''}`);
    const folder = main.slice(0, main.lastIndexOf('/dist-'));
    const text = readFileSync(`${folder}/dist-types/commands/${operation}Command.d.ts`, 'utf8');
    const named = [...text.matchAll(/@throws \{@link (\w+)\}/g)].map(([, name = '']) => name);
    return named.filter((name) => all.includes(name));
  } catch {
    return all;
  }
}
