import { JsonCodec2 } from '@aws-sdk/core/protocols';
import type { NormalizedSchema } from '@smithy/core/schema';
import type { Protocol } from './protocol.ts';
import { queryError } from './rpc-cbor.ts';

const EPOCH_SECONDS = 7;

export interface JsonSerde {
  write(schema: NormalizedSchema, value: object): string;
  read(schema: NormalizedSchema, text: string): Promise<object>;
}

/** The SDK's own JSON codec, used from the other side. */
export function jsonSerde(settings: { readonly httpBindings: boolean }): JsonSerde {
  const codec = new JsonCodec2({
    timestampFormat: { useTrait: true, default: EPOCH_SECONDS },
    httpBindings: settings.httpBindings,
    jsonName: settings.httpBindings,
  });
  return {
    write(schema, value) {
      const serializer = codec.createSerializer();
      serializer.write(schema, value);
      const { buffer, byteOffset, byteLength } = serializer.flush();
      return Buffer.from(buffer, byteOffset, byteLength).toString('utf8');
    },
    async read(schema, text) {
      if (text.trim() === '') return {};
      return (await codec.createDeserializer().read(schema, text)) as object;
    },
  };
}

/**
 * awsJson (KMS, Secrets Manager): `x-amz-target: Prefix.Operation`.
 * @param queryCompatible for services that once spoke Query (CloudWatch): errors also say their old name.
 */
export function awsJsonProtocol(
  version: '1.0' | '1.1' = '1.1',
  { queryCompatible = false }: { queryCompatible?: boolean } = {},
): Protocol {
  const serde = jsonSerde({ httpBindings: false });
  const json = (status: number, body: string, requestId: string) => ({
    status,
    headers: { 'content-type': `application/x-amz-json-${version}`, 'x-amzn-requestid': requestId },
    body,
  });
  return {
    async route(request) {
      return request.headers['x-amz-target']?.split('.').at(-1);
    },
    async parse(operation, request) {
      if (operation.input.isUnitSchema()) return {};
      return serde.read(operation.input, (await request.body()).toString('utf8'));
    },
    async respond(operation, output, requestId) {
      return json(
        200,
        operation.output.isUnitSchema() ? '' : serde.write(operation.output, output),
        requestId,
      );
    },
    fail(error, requestId) {
      const body = { ...error.details, __type: error.code, message: error.message };
      const { headers, ...rest } = json(error.status, JSON.stringify(body), requestId);
      return { ...rest, headers: { ...headers, ...(queryCompatible ? queryError(error) : {}) } };
    },
  };
}
