/** What the control plane's worker serves. */
export { changeHold } from './change-hold.ts';
export { knownBadDrill } from './known-bad-drill.ts';
export { nightlyRun } from './nightly-run.ts';
export { protectResource } from './protect-resource.ts';
export { recordDecision } from './record-decision.ts';
export { recordPolicy } from './record-policy.ts';
export { restoreDrill } from './restore-drill.ts';
export { restoreRequest } from './restore-request.ts';
export { retentionPass } from './retention-pass.ts';
export { sweepOrphans } from './sweep-orphans.ts';
