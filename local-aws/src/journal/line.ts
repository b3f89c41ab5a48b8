import { crc32 } from 'node:zlib';

/** One line: eight hex digits of CRC-32 over the JSON text, a space, the JSON text. */
export function encodeLine(entry: unknown): string {
  const text = JSON.stringify(entry);
  return `${checksum(text)} ${text}\n`;
}

/** @returns undefined when the line is damaged. */
export function decodeLine(line: string): { readonly entry: unknown } | undefined {
  const text = line.slice(9);
  if (line[8] !== ' ' || line.slice(0, 8) !== checksum(text)) return undefined;
  return { entry: JSON.parse(text) as unknown };
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
