import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const ITERATIONS = 4096;

/**
 * What PostgreSQL keeps of a password (`SCRAM-SHA-256$…`), computed here so that no password ever lies in our state.
 * @see RFC 5803; non-ASCII passwords are used as they are, as PostgreSQL does with text that SASLprep refuses.
 */
export async function scramVerifier(password: string): Promise<string> {
  const salt = randomBytes(16);
  const salted = await promisify(pbkdf2)(password.normalize('NFKC'), salt, ITERATIONS, 32, 'sha256');
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey}:${hmac('Server Key').toString('base64')}`;
}

/** As RDS makes them for managed secrets: 28 characters, none of `/ " @`. */
export function generatedPassword(): string {
  return randomBytes(32).toString('base64url').slice(0, 28);
}
