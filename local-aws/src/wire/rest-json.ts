import { jsonSerde } from './json.ts';
import type { Protocol } from './protocol.ts';
import { readRestInput, splitRestOutput } from './rest-bindings.ts';
import { matchRest } from './rest-routing.ts';
import type { Operation } from './schema.ts';

/** restJson1 (Backup). */
export function restJsonProtocol(operations: ReadonlyMap<string, Operation>): Protocol {
  const serde = jsonSerde({ httpBindings: true });
  return {
    async route(request) {
      return matchRest(operations.values(), request, false)?.operation.name;
    },
    async parse(operation, request) {
      const labels = matchRest([operation], request, false)?.labels ?? new Map<string, string>();
      return readRestInput(operation.input, request, labels, serde);
    },
    async respond(operation, output, requestId) {
      const headers: Record<string, string> = {
        'content-type': 'application/json',
        'x-amzn-requestid': requestId,
      };
      const status = operation.http?.status ?? 200;
      if (operation.output.isUnitSchema()) return { status, headers };
      const split = splitRestOutput(operation.output, output as Record<string, unknown>);
      const { payload } = split;
      const body = payload
        ? serde.write(payload.member, payload.value ?? {})
        : serde.write(operation.output, split.document);
      return { status: split.status ?? status, headers: { ...headers, ...split.headers }, body };
    },
    fail(error, requestId) {
      const body = { ...error.details, message: error.message, Message: error.message };
      const headers = {
        'content-type': 'application/json',
        'x-amzn-requestid': requestId,
        'x-amzn-errortype': error.code,
      };
      return { status: error.status, headers, body: JSON.stringify(body) };
    },
  };
}
