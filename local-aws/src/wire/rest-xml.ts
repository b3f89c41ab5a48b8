import type { Protocol } from './protocol.ts';
import { isStream, readRestInput, splitRestOutput } from './rest-bindings.ts';
import { matchRest } from './rest-routing.ts';
import type { Operation } from './schema.ts';
import { XML_HEAD, xmlElement, xmlSerde } from './xml.ts';

/** restXml as S3 speaks it: the bucket is the first segment of the path. */
export function restXmlProtocol(operations: ReadonlyMap<string, Operation>, namespace: string): Protocol {
  const serde = xmlSerde({ namespace, httpBindings: true });
  return {
    async route(request) {
      return matchRest(operations.values(), request, true)?.operation.name;
    },
    async parse(operation, request) {
      const labels = matchRest([operation], request, true)?.labels ?? new Map<string, string>();
      return readRestInput(operation.input, request, labels, serde);
    },
    async respond(operation, output, requestId) {
      const own = { 'x-amz-request-id': requestId, 'x-amzn-requestid': requestId };
      const status = operation.http?.status ?? 200;
      if (operation.output.isUnitSchema()) return { status, headers: own };
      const split = splitRestOutput(operation.output, output as Record<string, unknown>);
      const headers: Record<string, string> = { ...own, ...split.headers };
      const partial = headers['content-range'] !== undefined;
      if (operation.http?.method === 'HEAD')
        return { status: split.status ?? (partial ? 206 : status), headers };
      const { payload } = split;
      if (
        payload &&
        (isStream(payload.value) || payload.member.isStreaming() || payload.member.isStringSchema())
      ) {
        const body = payload.value as string | Uint8Array | undefined;
        return { status: split.status ?? (partial ? 206 : status), headers, body };
      }
      const hasDocument = hasBodyMembers(operation);
      if (!payload && !hasDocument) return { status: split.status ?? status, headers };
      const text = payload
        ? serde.write(payload.member, payload.value ?? {})
        : serde.write(operation.output, split.document);
      return {
        status: split.status ?? status,
        headers: { 'content-type': 'application/xml', ...headers },
        body: XML_HEAD + flattenLocation(operation, text),
      };
    },
    fail(error, requestId) {
      const details = Object.entries(error.details ?? {})
        .filter(([name, value]) => typeof value === 'string' && name !== 'message')
        .map(([name, value]) => xmlElement(name, String(value)))
        .join('');
      const ids = xmlElement('RequestId', requestId) + xmlElement('HostId', 'local-aws');
      const body = `${XML_HEAD}<Error>${xmlElement('Code', error.code)}${xmlElement('Message', error.message)}${details}${ids}</Error>`;
      const headers = {
        'content-type': 'application/xml',
        'x-amz-request-id': requestId,
        'x-amzn-requestid': requestId,
        ...error.headers,
      };
      return { status: error.status, headers, body };
    },
  };
}

function hasBodyMembers(operation: Operation): boolean {
  for (const [, member] of operation.output.structIterator()) {
    const traits = member.getMergedTraits() as Record<string, unknown>;
    const bound =
      traits['httpHeader'] ??
      traits['httpPayload'] ??
      traits['httpPrefixHeaders'] ??
      traits['httpResponseCode'];
    if (bound === undefined) return true;
  }
  return false;
}

/** GetBucketLocation's only member is the text of the root element itself. */
function flattenLocation(operation: Operation, text: string): string {
  if (operation.name !== 'GetBucketLocation') return text;
  return text.replace(
    /<LocationConstraint([^>]*)><LocationConstraint>([^<]*)<\/LocationConstraint><\/LocationConstraint>/,
    '<LocationConstraint$1>$2</LocationConstraint>',
  );
}
