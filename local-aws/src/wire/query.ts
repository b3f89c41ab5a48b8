import { awsError } from './errors.ts';
import type { Protocol, WireRequest } from './protocol.ts';
import { readQueryInput, type QueryDialect } from './query-input.ts';
import { escapeXml, XML_HEAD, xmlElement, xmlSerde } from './xml.ts';

/** awsQuery (RDS, STS, IAM) and its EC2 dialect: a form in, XML out. */
export function queryProtocol(dialect: QueryDialect, namespace: string, version: string): Protocol {
  const serde = xmlSerde({ namespace, httpBindings: false });
  const form = async (request: WireRequest): Promise<URLSearchParams> =>
    new URLSearchParams((await request.body()).toString('utf8'));
  const xml = (status: number, body: string, requestId: string) => ({
    status,
    headers: { 'content-type': 'text/xml;charset=UTF-8', 'x-amzn-requestid': requestId },
    body: XML_HEAD + body,
  });
  return {
    async route(request) {
      const parameters = await form(request);
      const asked = parameters.get('Version');
      if (asked !== null && asked !== version) {
        throw awsError({
          code: 'InvalidParameterValue',
          status: 400,
          message: `API version ${asked} is not served; use ${version}.`,
        });
      }
      return parameters.get('Action') ?? undefined;
    },
    async parse(operation, request) {
      return operation.input.isUnitSchema()
        ? {}
        : readQueryInput(operation.input, await form(request), dialect);
    },
    async respond(operation, output, requestId) {
      const unit = operation.output.isUnitSchema();
      const response = `${operation.name}Response`;
      if (dialect === 'ec2') {
        const id = xmlElement('requestId', requestId);
        if (unit)
          return xml(
            200,
            `<${response} xmlns="${namespace}">${id}<return>true</return></${response}>`,
            requestId,
          );
        const text = serde.write(operation.output, output, { name: response, bare: false });
        return xml(200, insertFirst(text, id), requestId);
      }
      const result = unit
        ? ''
        : serde.write(operation.output, output, { name: `${operation.name}Result`, bare: true });
      const metadata = `<ResponseMetadata>${xmlElement('RequestId', requestId)}</ResponseMetadata>`;
      return xml(200, `<${response} xmlns="${namespace}">${result}${metadata}</${response}>`, requestId);
    },
    fail(error, requestId) {
      const details = Object.entries(error.details ?? {})
        .filter(([name, value]) => name !== 'message' && name !== 'Message' && typeof value === 'string')
        .map(([name, value]) => xmlElement(name, String(value)))
        .join('');
      const core = xmlElement('Code', error.code) + xmlElement('Message', error.message) + details;
      if (dialect === 'ec2') {
        const body = `<Response><Errors><Error>${core}</Error></Errors>${xmlElement('RequestID', requestId)}</Response>`;
        return xml(error.status, body, requestId);
      }
      const type = xmlElement('Type', error.status >= 500 ? 'Receiver' : 'Sender');
      const body = `<ErrorResponse xmlns="${escapeXml(namespace)}"><Error>${type}${core}</Error>${xmlElement('RequestId', requestId)}</ErrorResponse>`;
      return xml(error.status, body, requestId);
    },
  };
}

function insertFirst(text: string, element: string): string {
  const match = /^<[^>]*?(\/?)>/.exec(text);
  if (!match) throw new Error('The XML codec gave no root element.');
  if (!match[1]) return match[0] + element + text.slice(match[0].length);
  const name = /^<([^\s/>]+)/.exec(text)?.[1] ?? '';
  return `${match[0].slice(0, -2)}>${element}</${name}>`;
}
