import { XmlCodec } from '@aws-sdk/core/protocols';
import type { NormalizedSchema } from '@smithy/core/schema';

export const XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? char);
}

export function xmlElement(name: string, text: string): string {
  return `<${name}>${escapeXml(text)}</${name}>`;
}

export interface XmlSettings {
  readonly namespace: string;
  readonly httpBindings: boolean;
}

export interface XmlSerde {
  /** The root element is named by the schema, unless `rootName` is given; it carries the namespace unless `bare`. */
  write(schema: NormalizedSchema, value: object, root?: { name: string; bare: boolean }): string;
  read(schema: NormalizedSchema, text: string): Promise<unknown>;
}

const DATE_TIME = 5;

/** The SDK's own XML codec, used from the other side. */
export function xmlSerde({ namespace, httpBindings }: XmlSettings): XmlSerde {
  const codec = new XmlCodec({
    timestampFormat: { useTrait: true, default: DATE_TIME },
    httpBindings,
    xmlNamespace: namespace,
    serviceNamespace: namespace,
  });
  return {
    write(schema, value, root) {
      const serializer = codec.createSerializer();
      serializer.write(schema, value);
      const text = String(serializer.flush());
      return root ? renameRoot(text, root) : text;
    },
    async read(schema, text) {
      return (await codec.createDeserializer().read(schema, text)) as unknown;
    },
  };
}

function renameRoot(text: string, { name, bare }: { name: string; bare: boolean }): string {
  const match = /^<([^\s/>]+)([^>]*?)(\/?)>/.exec(text);
  if (!match) throw new Error('The XML codec gave no root element.');
  const [head, oldName = '', attributes = '', selfClosed = ''] = match;
  const kept = bare ? attributes.replace(/\s+xmlns="[^"]*"/, '') : attributes;
  if (selfClosed) return `<${name}${kept.trimEnd()}/>`;
  const closing = `</${oldName}>`;
  return `<${name}${kept}>${text.slice(head.length, text.length - closing.length)}</${name}>`;
}
