import { createAwsClients } from '../../activities/aws/clients.ts';
import { createLedgerReader, type LedgerReader } from '../../activities/ledger/index.ts';

/** Reads the ledger with the credentials of this process; needs no right to write or to sign. */
export async function withLedger<T>(use: (ledger: LedgerReader) => Promise<T>): Promise<T> {
  const clients = createAwsClients({ sessionName: 'lifeboat-reader' });
  try {
    return await use(createLedgerReader({ clients }));
  } finally {
    clients.destroy();
  }
}
