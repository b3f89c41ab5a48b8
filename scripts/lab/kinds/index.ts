import { BACKUP_KINDS } from './backups.ts';
import { FILE_KINDS } from './files.ts';
import type { DamageKind } from './kind.ts';
import { PAGE_KINDS } from './pages.ts';
import { ROW_KINDS } from './rows.ts';
import { SCHEMA_KINDS } from './schema.ts';

/** A copy as it came: unless it passes, nothing that the laboratory says means anything. */
export const CONTROL: DamageKind = {
  name: 'nothing',
  make: async ({ lab, atRest }) => ({ server: await lab.duplicate(atRest), what: 'as it came' }),
};

/** Every kind of damage, in the order of the matrix. */
export const DAMAGE_KINDS: readonly DamageKind[] = [
  ...PAGE_KINDS,
  ...FILE_KINDS,
  ...BACKUP_KINDS,
  ...ROW_KINDS,
  ...SCHEMA_KINDS,
];
