import { CborCodec, cbor } from '@smithy/core/cbor';
import { awsError } from './errors.ts';
import type { Protocol, WireRequest } from './protocol.ts';

const PROTOCOL = 'rpc-v2-cbor';

export function speaksCbor({ headers }: WireRequest): boolean {
  return headers['smithy-protocol'] === PROTOCOL;
}

/** Smithy RPC v2 CBOR (CloudWatch and tagging as boto3 speaks them): `POST /service/<name>/operation/<operation>`. */
export function rpcCborProtocol(): Protocol {
  const codec = new CborCodec();
  const answer = (status: number, body: Uint8Array, requestId: string) => ({
    status,
    headers: {
      'content-type': 'application/cbor',
      'smithy-protocol': PROTOCOL,
      'x-amzn-requestid': requestId,
    },
    body,
  });
  return {
    async route(request) {
      return /\/service\/[^/]+\/operation\/(\w+)$/.exec(request.path)?.[1];
    },
    async parse(operation, request) {
      const body = await request.body();
      if (operation.input.isUnitSchema() || body.length === 0) return {};
      try {
        return (await codec.createDeserializer().read(operation.input, body)) as object;
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : 'unreadable';
        throw awsError({
          code: 'SerializationException',
          status: 400,
          message: `The body is no CBOR of ${operation.name}: ${reason}.`,
        });
      }
    },
    async respond(operation, output, requestId) {
      if (operation.output.isUnitSchema()) return answer(200, cbor.serialize({}), requestId);
      const serializer = codec.createSerializer();
      serializer.write(operation.output, output);
      return answer(200, serializer.flush(), requestId);
    },
    fail(error, requestId) {
      const body = { ...error.details, __type: error.code, message: error.message };
      const { headers, ...rest } = answer(error.status, cbor.serialize(body), requestId);
      return { ...rest, headers: { ...headers, ...queryError(error) } };
    },
  };
}

/** What clients of services that once spoke Query look at. */
export function queryError({ code, status }: { code: string; status: number }): Record<string, string> {
  return { 'x-amzn-query-error': `${code};${status >= 500 ? 'Receiver' : 'Sender'}` };
}
