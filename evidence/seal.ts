import { canonicalSha256 } from './canonical.ts';
import { STATEMENT_TYPE } from './verifier/envelope.ts';
import { countEnds, SEAL_PREDICATE } from './verifier/seal-format.ts';
import type { NightFact } from '../domain/facts.ts';
import type { Statement } from './statement.ts';
import type {
  Irregularity,
  LedgerKey,
  LedgerSettings,
  OpenSlot,
  SealedStatement,
  SealPredicate,
} from './verifier/seal-format.ts';

export interface SealContent {
  readonly sequence: number;
  readonly previous: string | null;
  readonly openedAt: string;
  readonly sealedAt: string;
  readonly night: NightFact;
  readonly statements: readonly SealedStatement[];
  readonly keys: readonly LedgerKey[];
  readonly irregularities: readonly Irregularity[];
  readonly unsealed?: readonly OpenSlot[];
  readonly open?: readonly OpenSlot[];
  readonly settings?: LedgerSettings;
}

/** A seal is itself an in-toto statement; its subject is the night. */
export function sealStatement(content: SealContent): Statement<SealPredicate> {
  const { night } = content;
  const statements = content.statements.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const counts = { statements: statements.length, population: countEnds(night.population) };
  const subject = { name: `night/${night.policy}/${night.slot}`, digest: { sha256: canonicalSha256(night) } };
  return {
    _type: STATEMENT_TYPE,
    subject: [subject],
    predicateType: SEAL_PREDICATE,
    predicate: { ...content, statements, counts },
  };
}
