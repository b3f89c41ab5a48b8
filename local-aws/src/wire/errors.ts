/** An error for codes that the SDK's model does not have (AccessDenied, Throttling, ValidationError…). */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;
  readonly service: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly details: Readonly<Record<string, string>>;

  constructor(spec: AwsErrorSpec) {
    super(spec.message);
    this.name = 'AwsError';
    this.code = spec.code;
    this.status = spec.status;
    this.service = spec.service;
    this.headers = spec.headers ?? {};
    this.details = spec.details ?? {};
  }
}

export interface AwsErrorSpec {
  readonly code: string;
  readonly message: string;
  /** HTTP status. */
  readonly status: number;
  readonly service?: string;
  readonly headers?: Record<string, string>;
  /** Further members of the error document, e.g. S3's `Key`. */
  readonly details?: Record<string, string>;
}

/** For codes outside the model; modelled errors are thrown as the SDK's own classes. */
export function awsError(spec: AwsErrorSpec): AwsError {
  return new AwsError(spec);
}

/** Query, EC2 and S3 say AccessDenied; the JSON services have their own spelling and status. */
export function accessDenied(service: string, message: string): AwsError {
  if (['kms', 'secretsmanager', 'cloudtrail', 'tagging'].includes(service)) {
    return new AwsError({ code: 'AccessDeniedException', status: 400, message, service });
  }
  if (service === 'backup')
    return new AwsError({ code: 'AccessDeniedException', status: 403, message, service });
  if (service === 'ec2')
    return new AwsError({ code: 'UnauthorizedOperation', status: 403, message, service });
  if (service === 'sns') return new AwsError({ code: 'AuthorizationError', status: 403, message, service });
  return new AwsError({ code: 'AccessDenied', status: 403, message, service });
}

/** What is missing says so. `what` names the operation or the parameter. */
export function notImplemented(service: string, what: string): AwsError {
  const message = `local-aws does not implement ${service}: ${what}. Nothing was done.`;
  return new AwsError({ code: 'NotImplemented', status: 501, message, service });
}

/** Refuses input members that a handler does not understand, where ignoring them would mislead. */
export function refuseMembers(
  service: string,
  operation: string,
  input: object,
  names: readonly string[],
): void {
  for (const name of names) {
    const value = (input as Record<string, unknown>)[name];
    if (value !== undefined && value !== null && value !== false)
      throw notImplemented(service, `${operation} with ${name}`);
  }
}

/** Refuses every input member but these: what a handler does not know must not be ignored. */
export function refuseOthers(
  service: string,
  operation: string,
  input: object,
  known: readonly string[],
): void {
  refuseMembers(
    service,
    operation,
    input,
    Object.keys(input).filter((name) => !known.includes(name)),
  );
}
