import type { BackupVaultEvent } from '@aws-sdk/client-backup';
import type { BackupContext } from './context.ts';
import type { Issue } from './kinds/kind.ts';
import { parseVaultArn } from './names.ts';
import type { BackupJobRecord, CopyJobRecord, RestoreJobRecord, VaultRecord } from './records.ts';

/** What vaults tell their topics about jobs, in AWS's words. */

export function tellBackup(context: BackupContext, job: BackupJobRecord, issue?: Issue): void {
  const { state, id, createdAt: at, pointArn = '', resourceArn, statusMessage = '' } = job;
  const vault = context.store.vault(job, job.vaultName);
  const tell = (event: BackupVaultEvent, message: string) => {
    context.notifier.notify(vault, { event, message, eventType: 'BACKUP_JOB', state, id, at });
  };
  const facts = `Recovery point ARN: ${pointArn}. Resource ARN : ${resourceArn}. BackupJob ID : ${id}`;
  if (state === 'RUNNING') tell('BACKUP_JOB_STARTED', `An AWS Backup job was started. ${facts}`);
  if (state === 'FAILED') tell('BACKUP_JOB_FAILED', `An AWS Backup job failed. ${statusMessage} ${facts}`);
  if (state === 'EXPIRED') tell('BACKUP_JOB_EXPIRED', `An AWS Backup job expired. ${statusMessage} ${facts}`);
  if (state === 'COMPLETED') {
    const message = `An AWS Backup job was completed successfully. ${facts}`;
    tell('BACKUP_JOB_COMPLETED', message);
    tell('BACKUP_JOB_SUCCESSFUL', message);
  }
  if (issue) tell(issue.event, issue.message);
}

export function tellCopy(context: BackupContext, job: CopyJobRecord): void {
  const { state, id, createdAt: at, sourcePointArn, destinationVaultArn, statusMessage = '' } = job;
  const tell = (event: BackupVaultEvent, message: string) => {
    const happening = { event, message, eventType: 'COPY_JOB', state, id, at };
    context.notifier.notify(context.store.vault(job, job.sourceVaultName), happening);
    context.notifier.notify(destinationOf(context, job), happening);
  };
  const facts = `Recovery point ARN: ${sourcePointArn}. Destination vault ARN: ${destinationVaultArn}. CopyJob ID : ${id}`;
  if (state === 'RUNNING') tell('COPY_JOB_STARTED', `An AWS Backup copy job was started. ${facts}`);
  if (state === 'FAILED') tell('COPY_JOB_FAILED', `An AWS Backup copy job failed. ${statusMessage} ${facts}`);
  if (state === 'COMPLETED')
    tell('COPY_JOB_SUCCESSFUL', `An AWS Backup copy job was completed successfully. ${facts}`);
}

export function tellRestore(context: BackupContext, job: RestoreJobRecord, issue?: Issue): void {
  const { state, id, createdAt: at, pointArn, createdResourceArn = '', statusMessage = '' } = job;
  const point = context.store.points.get(pointArn);
  const vault = point && context.store.vault(point, point.vaultName);
  const tell = (event: BackupVaultEvent, message: string) => {
    context.notifier.notify(vault, { event, message, eventType: 'RESTORE_JOB', state, id, at });
  };
  const facts = `Recovery point ARN: ${pointArn}. Created resource ARN : ${createdResourceArn}. RestoreJob ID : ${id}`;
  if (state === 'RUNNING') tell('RESTORE_JOB_STARTED', `An AWS Backup restore job was started. ${facts}`);
  if (state === 'FAILED')
    tell('RESTORE_JOB_FAILED', `An AWS Backup restore job failed. ${statusMessage} ${facts}`);
  if (state === 'COMPLETED') {
    const message = `An AWS Backup restore job was completed successfully. ${facts}`;
    tell('RESTORE_JOB_COMPLETED', message);
    tell('RESTORE_JOB_SUCCESSFUL', message);
  }
  if (issue) tell(issue.event, issue.message);
}

function destinationOf({ store }: BackupContext, job: CopyJobRecord): VaultRecord | undefined {
  const parsed = parseVaultArn(job.destinationVaultArn);
  return parsed && store.vault(parsed, parsed.name);
}
