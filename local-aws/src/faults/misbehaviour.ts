import { expiredToken } from '../auth/authenticate.ts';
import type { AwsError } from '../wire/errors.ts';
import type { Call } from '../wire/handlers.ts';
import type { WireError } from '../wire/protocol.ts';
import { wireName } from './errors.ts';
import type { LiveRule } from './rule.ts';

/** How the server is to misbehave instead of answering. */
export type Misbehaviour =
  | { readonly kind: 'drop' }
  /** Half of the answer, and then the connection breaks. */
  | { readonly kind: 'cut' }
  | { readonly kind: 'answer'; readonly status: number; readonly contentType: string; readonly body: string }
  | { readonly kind: 'error'; readonly error: WireError };

const HTML = '<html><body><h1>502 Bad Gateway</h1></body></html>';

export function misbehaviour(rule: LiveRule, call: Call): Misbehaviour {
  switch (rule.kind) {
    case 'drop-before':
    case 'drop-after':
      return { kind: 'drop' };
    case 'cut-off':
      return { kind: 'cut' };
    case 'empty-200':
      return { kind: 'answer', status: 200, contentType: 'text/plain', body: '' };
    case 'html':
      return { kind: 'answer', status: rule.status, contentType: 'text/html', body: HTML };
    case 'throttle':
      return { kind: 'error', error: throttling(call.service) };
    case 'expired-token':
      return { kind: 'error', error: plain(expiredToken(call.service)) };
    case 'error': {
      const { found } = wireName(call.service, call.operation, rule.code);
      const { code, status } = found ?? { code: rule.code, status: 500 };
      const message = rule.message ?? 'Injected by a fault rule.';
      return { kind: 'error', error: { code, status: rule.status ?? status, message } };
    }
    default:
      throw new Error(`A rule of kind ${rule.kind} is no answer to a call.`);
  }
}

function throttling(service: string): WireError {
  const message = 'Rate exceeded';
  switch (service) {
    case 's3':
      return { code: 'SlowDown', status: 503, message: 'Please reduce your request rate.' };
    case 'ec2':
      return { code: 'RequestLimitExceeded', status: 503, message };
    case 'backup':
      return { code: 'ThrottlingException', status: 429, message };
    case 'kms':
    case 'secretsmanager':
    case 'cloudtrail':
    case 'tagging':
      return { code: 'ThrottlingException', status: 400, message };
    default:
      return { code: 'Throttling', status: 400, message };
  }
}

function plain({ code, status, message }: AwsError): WireError {
  return { code, status, message };
}
