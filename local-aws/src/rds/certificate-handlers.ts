import * as RDS from '@aws-sdk/client-rds';
import { X509Certificate } from 'node:crypto';
import { AUTHORITIES, type AuthorityName, DEFAULT_AUTHORITY } from '../pg/index.ts';
import { refuseMembers } from '../wire/errors.ts';
import type { Place } from '../platform.ts';
import type { Handlers } from '../wire/handlers.ts';
import type { RdsContext } from './context.ts';
import { fault, invalidCombination } from './faults.ts';
import { page } from './paging.ts';
import type { RdsStore } from './store.ts';

/** The authorities that databases' certificates come from, and which of them an account's new databases get. */
export function certificateHandlers({ platform, store, fleet }: RdsContext): Handlers<typeof RDS> {
  return {
    async DescribeCertificates(input, call) {
      refuseMembers('rds', 'DescribeCertificates', input, ['Filters']);
      platform.authorize(call, 'rds:DescribeCertificates', '*');
      const wanted = input.CertificateIdentifier;
      const names = wanted === undefined ? [...AUTHORITIES].sort() : [knownAuthority(wanted)];
      const { items, Marker } = page<AuthorityName>(names, (name) => name, input);
      return {
        DefaultCertificateForNewLaunches: defaultAuthority(store, call),
        Certificates: items.map((name) => describe(name, call)),
        Marker,
      };
    },

    async ModifyCertificates(input, call) {
      platform.authorize(call, 'rds:ModifyCertificates', '*');
      const { CertificateIdentifier: wanted, RemoveCustomerOverride: remove = false } = input;
      if ((wanted === undefined) !== remove)
        throw invalidCombination('Give either CertificateIdentifier or RemoveCustomerOverride.');
      const key = `${call.accountId}/${call.region}`;
      if (wanted === undefined) await store.defaultAuthorities.remove(key);
      else await store.defaultAuthorities.put(key, knownAuthority(wanted));
      return { Certificate: describe(defaultAuthority(store, call), call) };
    },
  };

  function describe(name: AuthorityName, call: Place): RDS.Certificate {
    const certificate = new X509Certificate(fleet.host.authorities[name].pem);
    const own = store.defaultAuthorities.get(`${call.accountId}/${call.region}`) === name;
    return {
      CertificateIdentifier: name,
      CertificateType: 'CA',
      Thumbprint: certificate.fingerprint.replaceAll(':', '').toLowerCase(),
      ValidFrom: new Date(certificate.validFrom),
      ValidTill: new Date(certificate.validTo),
      CertificateArn: `arn:aws:rds:${call.region}::cert:${name}`,
      CustomerOverride: own,
      ...(own && { CustomerOverrideValidTill: new Date(certificate.validTo) }),
    };
  }
}

/** @throws CertificateNotFoundFault */
export function knownAuthority(name: string): AuthorityName {
  const found = AUTHORITIES.find((one) => one === name);
  if (found === undefined) throw fault(RDS.CertificateNotFoundFault, `Certificate ${name} not found.`);
  return found;
}

/** Of a new database. A copy does not get that of what it was made from. @throws CertificateNotFoundFault */
export function chosenAuthority(store: RdsStore, where: Place, asked: string | undefined): AuthorityName {
  return asked === undefined ? defaultAuthority(store, where) : knownAuthority(asked);
}

function defaultAuthority(store: RdsStore, { accountId, region }: Place): AuthorityName {
  return authorityNamed(store.defaultAuthorities.get(`${accountId}/${region}`));
}

/** Of a name that was checked, or that comes from a time when any was accepted. */
export function authorityNamed(name: string | undefined): AuthorityName {
  return AUTHORITIES.find((one) => one === name) ?? DEFAULT_AUTHORITY;
}
