import { instantOf } from './aws-time.ts';
import { listSealObjects } from './seals.ts';
import { readVersion } from './versions.ts';
import type { EvidenceSource } from '../../evidence/reports/source.ts';
import type { Ledger } from './ledger.ts';

/** The ledger as a source of reports: seals made on `from` or later, in the order of the chain, and the versions that they list. */
export function evidenceSource(ledger: Ledger, from: string | undefined): EvidenceSource {
  return {
    bucket: ledger.bucket,
    region: ledger.region,
    where: 'the ledger itself',
    async *seals() {
      for (const { key, versionId, writtenAt } of await listSealObjects(ledger))
        if (from === undefined || instantOf(writtenAt).slice(0, 10) >= from)
          yield { key, bytes: await readVersion(ledger, key, versionId) };
    },
    statement: ({ key, versionId }) => readVersion(ledger, key, versionId),
  };
}
