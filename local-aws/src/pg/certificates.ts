import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const KEY = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' } as const;
/** Longer than any state folder lives; real RDS leaves last one year. */
const VALID_YEARS = 10;

export interface Certificate {
  /** PEM, leaf only. */
  readonly cert: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

/** A certificate authority of this computer: clients that trust its PEM trust what it issued. */
export interface Authority {
  /** PEM of the authority itself: what a client puts into `ssl.ca`. */
  readonly pem: string;
  issueServer(subject: {
    commonName: string;
    addresses: readonly string[];
    names: readonly string[];
  }): Promise<Certificate>;
  issueClient(commonName: string): Promise<Certificate>;
}

/** Reads the authority kept in `file` (certificate and key, mode 600), or makes it there. */
export async function openAuthority(file: string, name: string): Promise<Authority> {
  const kept = await readFile(file, 'utf8').catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  });
  if (kept !== undefined) return restoreAuthority(file, kept);
  const keys = await webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
  const cert = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=${name}`,
    ...validity(),
    keys,
    signingAlgorithm: SIGNATURE,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  await mkdir(dirname(file), { recursive: true });
  const unfinished = `${file}.${process.pid}`;
  await writeFile(unfinished, `${cert.toString('pem')}\n${await pemOf(keys.privateKey)}\n`, { mode: 0o600 });
  await rename(unfinished, file);
  return authority(cert, keys.privateKey);
}

async function restoreAuthority(file: string, text: string): Promise<Authority> {
  const [cert, key] = PemConverter.decodeWithHeaders(text);
  if (!cert || !key)
    throw new Error(`${file} holds no certificate and key. Move it away to get a new authority.`);
  const signingKey = await webcrypto.subtle.importKey('pkcs8', key.rawData, KEY, true, ['sign']);
  return authority(new X509Certificate(cert.rawData), signingKey);
}

function authority(ca: X509Certificate, signingKey: webcrypto.CryptoKey): Authority {
  const issue = async (
    commonName: string,
    usage: string,
    alternatives: JsonGeneralName[],
  ): Promise<Certificate> => {
    const keys = await webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
    const cert = await X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: `CN=${commonName}`,
      issuer: ca.subject,
      ...validity(),
      publicKey: keys.publicKey,
      signingKey,
      signingAlgorithm: SIGNATURE,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([usage]),
        ...(alternatives.length > 0 ? [new SubjectAlternativeNameExtension(alternatives)] : []),
      ],
    });
    return { cert: `${cert.toString('pem')}\n`, key: `${await pemOf(keys.privateKey)}\n` };
  };
  return {
    pem: `${ca.toString('pem')}\n`,
    issueServer: ({ commonName, addresses, names }) =>
      issue(commonName, ExtendedKeyUsage.serverAuth, [
        ...addresses.map((value) => ({ type: 'ip', value }) as const),
        ...names.map((value) => ({ type: 'dns', value }) as const),
      ]),
    issueClient: (commonName) => issue(commonName, ExtendedKeyUsage.clientAuth, []),
  };
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

/** Positive, 16 bytes. */
function serial(): string {
  return `01${randomBytes(15).toString('hex')}`;
}

function validity(): { notBefore: Date; notAfter: Date } {
  const notBefore = new Date(Date.now() - 3_600_000); // some hosts' clocks step back at boot
  const notAfter = new Date(notBefore);
  notAfter.setFullYear(notAfter.getFullYear() + VALID_YEARS);
  return { notBefore, notAfter };
}
