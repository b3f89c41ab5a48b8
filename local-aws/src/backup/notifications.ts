import type { BackupVaultEvent } from '@aws-sdk/client-backup';
import type { Platform } from '../platform.ts';
import { vaultArn } from './names.ts';
import type { BackupStore } from './store.ts';
import type { VaultRecord } from './records.ts';

/** What is published to a topic. */
export interface Publication {
  readonly topicArn: string;
  readonly subject: string;
  readonly message: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** SNS, when it is there. */
export type Publish = (publication: Publication) => Promise<void>;

export interface VaultHappening {
  readonly event: BackupVaultEvent;
  readonly message: string;
  /** `BACKUP_JOB`, `COPY_JOB`, `RESTORE_JOB` or `RECOVERY_POINT`. */
  readonly eventType: string;
  readonly state: string;
  readonly id: string;
  readonly at: string;
}

/** Vault notifications: best effort, as in AWS. A topic that cannot be reached fails no job. */
export class Notifier {
  readonly #platform: Platform;
  readonly #store: BackupStore;
  readonly #publish: Publish | undefined;

  constructor(platform: Platform, store: BackupStore, publish: Publish | undefined) {
    this.#platform = platform;
    this.#store = store;
    this.#publish = publish;
  }

  notify(vault: VaultRecord | undefined, happening: VaultHappening): void {
    const current = vault && this.#store.vault(vault, vault.name);
    const wanted = current?.notifications;
    if (!current || !wanted?.events.includes(happening.event)) return;
    const { accountId, region } = current;
    const entry = { kind: 'service', service: 'backup', accountId, region } as const;
    const resource = vaultArn(current);
    this.#platform.tasks.run(`backup: ${happening.event}`, async () => {
      let detail = `${happening.event} for ${wanted.topicArn}: ${happening.message}`;
      if (!this.#publish) detail += ' (not delivered: there is no SNS)';
      else
        await this.#publish({
          topicArn: wanted.topicArn,
          subject: 'Notification from AWS Backup',
          message: happening.message,
          attributes: {
            EventType: happening.eventType,
            State: happening.state,
            AccountId: accountId,
            Id: happening.id,
            StartTime: happening.at,
          },
        }).catch((err: unknown) => {
          detail += ` (not delivered: ${err instanceof Error ? err.message : String(err)})`;
        });
      this.#platform.events.record({ ...entry, resource, detail });
    });
  }
}
