import { duration } from '../../units.ts';
import { parseArn } from '../arn.ts';
import { problem } from './rule.ts';
import type { Complaint, Rule } from './rule.ts';

/** Evidence lies and is signed where production cannot reach it, and outlives what it speaks of. */
export const ledgerOutlivesPoints: Rule = ({ ledger, accounts, retention }) => {
  const { region, account, resource } = parseArn(ledger.signingKey);
  const path = ['ledger', 'signingKey'];
  const allowed = `the ARN of a KMS key in ${ledger.region} of account ${accounts.vault.id}`;
  const complaints: Complaint[] = [];
  if (!resource.startsWith('key/')) {
    const message = `${ledger.signingKey} was given; ${allowed} is allowed (an alias does not name one key for ever)`;
    complaints.push(problem(path, allowed, message));
  }
  if (account !== accounts.vault.id) {
    const message = `is a key of account ${account}; evidence is signed in the vault account (${accounts.vault.id})`;
    complaints.push(problem(path, allowed, message));
  }
  if (region !== ledger.region) {
    const message = `is a key in ${region}, but the ledger is in ${ledger.region}; use a key of the ledger's region, so that losing another region does not stop the evidence`;
    complaints.push(problem(path, allowed, message));
  }
  if (duration(ledger.keep) < retention.days * 86_400) {
    const message = `${ledger.keep} was given, less than retention.days (${retention.days}); keep evidence at least as long as the points it speaks of`;
    complaints.push(problem(['ledger', 'keep'], `at least ${retention.days}d`, message));
  }
  return complaints;
};
