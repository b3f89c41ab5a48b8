import type { ServerResponse } from 'node:http';
import type { WireResponse } from './protocol.ts';
import { isStream } from './rest-bindings.ts';

/** Sends all headers and half of the body; resolves when it is on its way. The caller breaks the connection. */
export async function sendHalf(
  response: ServerResponse,
  { status, headers, body }: WireResponse,
): Promise<void> {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.statusCode = status;
  if (!isStream(body)) {
    const whole = Buffer.from(body ?? '');
    response.setHeader('content-length', whole.length);
    await write(response, whole.subarray(0, Math.floor(whole.length / 2)));
    return;
  }
  let left = Math.floor(Number(response.getHeader('content-length') ?? 0) / 2);
  for await (const chunk of body as AsyncIterable<Buffer>) {
    await write(response, chunk.subarray(0, left));
    left -= chunk.length;
    if (left <= 0) break; // which closes the stream
  }
}

function write(response: ServerResponse, part: Buffer): Promise<void> {
  response.flushHeaders();
  return new Promise((resolve) => {
    if (part.length === 0) resolve();
    else response.write(part, () => resolve());
  });
}
