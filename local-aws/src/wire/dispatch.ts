import type { AnyHandler, Call, Service } from './handlers.ts';
import { AwsError, notImplemented } from './errors.ts';
import { awsJsonProtocol, jsonSerde } from './json.ts';
import type { Protocol, WireError, WireRequest, WireResponse } from './protocol.ts';
import { queryProtocol } from './query.ts';
import { restJsonProtocol } from './rest-json.ts';
import { restXmlProtocol } from './rest-xml.ts';
import { rpcCborProtocol, speaksCbor } from './rpc-cbor.ts';
import { errorModel, operationsOf, statusInJson, type Operation } from './schema.ts';

/** One service on the wire: its protocol, its model, its handlers. */
export interface Endpoint {
  readonly service: Service;
  /** The SDK client's module. */
  readonly module: object;
  readonly protocol: Protocol;
  readonly operations: ReadonlyMap<string, Operation>;
  readonly flavour: 'query' | 'json' | 'rest';
}

interface WireFormat {
  readonly flavour: Endpoint['flavour'];
  readonly protocol: (operations: ReadonlyMap<string, Operation>) => Protocol;
  /** Further formats that clients may choose by the request. */
  readonly others?: readonly OtherFormat[];
}

interface OtherFormat {
  readonly speaks: (request: WireRequest) => boolean;
  readonly flavour: Endpoint['flavour'];
  readonly protocol: Protocol;
}

const CBOR: OtherFormat = { speaks: speaksCbor, flavour: 'json', protocol: rpcCborProtocol() };
const MONITORING = 'http://monitoring.amazonaws.com/doc/2010-08-01/';

/** Which wire format each service speaks is not part of the exported model, so it is written here. */
const FORMATS: Readonly<Record<string, WireFormat>> = {
  rds: {
    flavour: 'query',
    protocol: () => queryProtocol('query', 'http://rds.amazonaws.com/doc/2014-10-31/', '2014-10-31'),
  },
  sts: {
    flavour: 'query',
    protocol: () => queryProtocol('query', 'https://sts.amazonaws.com/doc/2011-06-15/', '2011-06-15'),
  },
  iam: {
    flavour: 'query',
    protocol: () => queryProtocol('query', 'https://iam.amazonaws.com/doc/2010-05-08/', '2010-05-08'),
  },
  ec2: {
    flavour: 'query',
    protocol: () => queryProtocol('ec2', 'http://ec2.amazonaws.com/doc/2016-11-15', '2016-11-15'),
  },
  sns: {
    flavour: 'query',
    protocol: () => queryProtocol('query', 'http://sns.amazonaws.com/doc/2010-03-31/', '2010-03-31'),
  },
  monitoring: {
    flavour: 'json',
    protocol: () => awsJsonProtocol('1.0', { queryCompatible: true }),
    others: [
      CBOR,
      {
        speaks: ({ headers }) =>
          (headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded'),
        flavour: 'query',
        protocol: queryProtocol('query', MONITORING, '2010-08-01'),
      },
    ],
  },
  tagging: { flavour: 'json', protocol: () => awsJsonProtocol(), others: [CBOR] },
  cloudtrail: { flavour: 'json', protocol: () => awsJsonProtocol() },
  kms: { flavour: 'json', protocol: () => awsJsonProtocol() },
  secretsmanager: { flavour: 'json', protocol: () => awsJsonProtocol() },
  backup: { flavour: 'rest', protocol: (operations) => restJsonProtocol(operations) },
  s3: {
    flavour: 'rest',
    protocol: (operations) => restXmlProtocol(operations, 'http://s3.amazonaws.com/doc/2006-03-01/'),
  },
};

/** All services; each one's model is loaded when it is first asked for. */
export class Endpoints {
  readonly services: readonly Service[];
  private readonly found = new Map<string, Promise<Endpoint>>();

  constructor(services: readonly Service[]) {
    for (const { name } of services)
      if (!FORMATS[name]) throw new Error(`No wire format is known for the service '${name}'.`);
    this.services = services;
  }

  /** @param name the signing name */
  async find(name: string): Promise<Endpoint | undefined> {
    const known = this.found.get(name);
    if (known) return known;
    const service = this.services.find((each) => each.name === name);
    if (!service) return undefined;
    const loading = endpointFor(service);
    this.found.set(name, loading);
    return loading;
  }
}

async function endpointFor(service: Service): Promise<Endpoint> {
  const format = FORMATS[service.name];
  if (!format) throw new Error(`No wire format is known for the service '${service.name}'.`);
  const module = await service.load();
  const operations = operationsOf(module);
  for (const name of Object.keys(service.handlers)) {
    if (!operations.has(name)) throw new Error(`${service.name}: the model has no operation ${name}.`);
  }
  return { service, module, operations, flavour: format.flavour, protocol: format.protocol(operations) };
}

/** The endpoint in the wire format that the request speaks, where a service has several. */
export function inDialect(endpoint: Endpoint, request: WireRequest): Endpoint {
  const other = FORMATS[endpoint.service.name]?.others?.find(({ speaks }) => speaks(request));
  return other ? { ...endpoint, flavour: other.flavour, protocol: other.protocol } : endpoint;
}

export interface Invocation {
  readonly operation: Operation;
  readonly handler: AnyHandler;
}

/** @throws 501 when the operation exists in AWS and not here, 404 or 400 when it does not exist at all. */
export async function findOperation(endpoint: Endpoint, request: WireRequest): Promise<Invocation> {
  const { service } = endpoint;
  const name = await endpoint.protocol.route(request);
  const operation = name === undefined ? undefined : endpoint.operations.get(name);
  if (!operation) {
    if (service.name === 's3') throw methodNotAllowed(request.method);
    const what = name ?? `${request.method} ${request.path}`;
    throw new AwsError({
      code: 'UnknownOperationException',
      status: 404,
      message: `${service.name} has no operation ${what}.`,
    });
  }
  const handler = service.handlers[operation.name];
  if (!handler) throw notImplemented(service.name, operation.name);
  return { operation, handler };
}

/** The call's parameters; a body that is a stream is not read yet. */
export async function readInput(
  endpoint: Endpoint,
  { operation }: Invocation,
  request: WireRequest,
): Promise<object> {
  await endpoint.service.checkDocument?.(request, operation);
  return endpoint.protocol.parse(operation, request);
}

function methodNotAllowed(method: string): AwsError {
  const message = 'The specified method is not allowed against this resource.';
  return new AwsError({
    code: 'MethodNotAllowed',
    status: 405,
    message,
    details: { Method: method },
    service: 's3',
  });
}

export async function invoke(
  endpoint: Endpoint,
  { operation, handler }: Invocation,
  input: object,
  call: Call,
): Promise<WireResponse> {
  const output = await handler(input as never, call);
  return endpoint.protocol.respond(operation, output, call.requestId);
}

/** What a thrown value says on this endpoint's wire. Undefined for anything that is not an answer, i.e. a bug. */
export function describeError(endpoint: Endpoint, thrown: unknown): WireError | undefined {
  if (thrown instanceof AwsError) {
    const { status, code, message, headers, details } = thrown;
    return { status, code, message, headers, details };
  }
  if (!(thrown instanceof Error)) return undefined;
  const model = errorModel(endpoint.module, thrown.name);
  if (!model) return undefined;
  // Query codes apply to Query services only: KMS carries some, too, and its clients would lose the class.
  const [code, status] =
    endpoint.flavour === 'query' && model.query
      ? model.query
      : [thrown.name, endpoint.flavour === 'json' ? statusInJson(model) : model.httpStatus];
  const extra = {
    ...Object.fromEntries(Object.entries(thrown)),
    message: thrown.message,
    Message: thrown.message,
  };
  const details = JSON.parse(jsonSerde({ httpBindings: true }).write(model.schema, extra)) as Record<
    string,
    unknown
  >;
  return { status, code, message: thrown.message, details };
}
