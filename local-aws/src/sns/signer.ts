import 'reflect-metadata';
import { X509CertificateGenerator } from '@peculiar/x509';
import { createPrivateKey, createSign, randomBytes, webcrypto, type KeyObject } from 'node:crypto';
import type { Table } from '../platform.ts';

/** What SNS signs, and in which order. */
export interface Envelope {
  readonly Type: string;
  readonly MessageId: string;
  readonly TopicArn: string;
  readonly Subject?: string | undefined;
  readonly Message: string;
  readonly Timestamp: string;
  readonly Token?: string | undefined;
  readonly SubscribeURL?: string | undefined;
}

interface Identity {
  readonly id: string;
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

/** Signs messages as SNS does, with a certificate of this computer: receivers that check the host of its URL will refuse it. */
export interface Signer {
  readonly certificate: string;
  /** Path of the certificate, which everybody may read. */
  readonly path: string;
  /** Base64. @param version '1' is SHA-1, '2' SHA-256. */
  sign(envelope: Envelope, version: '1' | '2'): string;
}

const KEY = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};

export async function openSigner(table: Table<Identity>): Promise<Signer> {
  let identity = table.get('signer');
  if (!identity) await table.put('signer', (identity = await makeIdentity()));
  const key = createPrivateKey(identity.key);
  return {
    certificate: identity.certificate,
    path: `/SimpleNotificationService-${identity.id}.pem`,
    sign: (envelope, version) => signature(key, envelope, version),
  };
}

async function makeIdentity(): Promise<Identity> {
  const keys = await webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
  const now = new Date();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: randomBytes(16).toString('hex'),
    name: 'CN=sns.local-aws',
    notBefore: new Date(now.getTime() - 86_400_000),
    notAfter: new Date(now.getTime() + 10 * 365 * 86_400_000),
    keys,
    signingAlgorithm: KEY,
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return {
    id: randomBytes(16).toString('hex'),
    certificate: certificate.toString('pem'),
    key: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

function signature(key: KeyObject, envelope: Envelope, version: '1' | '2'): string {
  const signer = createSign(version === '2' ? 'RSA-SHA256' : 'RSA-SHA1');
  return signer.update(canonical(envelope)).sign(key, 'base64');
}

/** Name and value of each signed member, each on a line of its own, in alphabetical order. */
export function canonical(envelope: Envelope): string {
  const members =
    envelope.Type === 'Notification'
      ? (['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'] as const)
      : (['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'] as const);
  return members
    .flatMap((name) => (envelope[name] === undefined ? [] : [`${name}\n${envelope[name]}\n`]))
    .join('');
}
