export interface Arn {
  readonly partition: string;
  readonly service: string;
  readonly region: string;
  readonly account: string;
  /** Everything behind the fifth colon, for example `db:orders` or `role/lifeboat-control`. */
  readonly resource: string;
}

/** Missing parts are empty texts; what an ARN must look like is asked by the rules that need it. */
export function parseArn(arn: string): Arn {
  const [, partition = '', service = '', region = '', account = '', ...resource] = arn.split(':');
  return { partition, service, region, account, resource: resource.join(':') };
}
