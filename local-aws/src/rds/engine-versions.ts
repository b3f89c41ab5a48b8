import { AdminRefusal, type Platform, type Table } from '../platform.ts';
import { majorOf } from './describe.ts';
import { invalidCombination } from './faults.ts';

type Status = 'available' | 'retired';

/**
 * Versions of PostgreSQL that AWS offers. One is installed and runs all of them: minor versions share their files, so an earlier one
 * is a name here. `POST /engine-versions {version, status}` of the admin endpoint offers an earlier minor version, or retires one.
 */
export class EngineVersions {
  readonly installed: string;
  readonly #table: Table<Status>;

  constructor({ table, admin }: Platform, installed: string) {
    this.installed = installed;
    this.#table = table('rds/engine-versions');
    const shown = () => ({ installed, offered: this.offered, retired: this.#named('retired') });
    admin.route('GET', '/engine-versions', async () => shown());
    admin.route('POST', '/engine-versions', async ({ version, status }) => {
      if (typeof version !== 'string' || !this.#canRun(version))
        throw new AdminRefusal(
          `version must be ${installed} or an earlier minor version of PostgreSQL ${majorOf(installed)}; got '${String(version)}'.`,
        );
      if (status !== 'available' && status !== 'retired')
        throw new AdminRefusal(`status must be available or retired; got '${String(status)}'.`);
      await this.#table.put(version, status);
      return shown();
    });
  }

  /** Oldest first. */
  get offered(): string[] {
    const all = [...new Set([...this.#named('available'), this.installed])];
    return all.filter((one) => this.#table.get(one) !== 'retired').sort((a, b) => minorOf(a) - minorOf(b));
  }

  /** Newer ones that what has this version can be upgraded to. */
  targets(version: string): string[] {
    return this.offered.filter((one) => minorOf(one) > minorOf(version));
  }

  /** @param asked a version, a major version, or nothing @throws InvalidParameterCombination */
  chosen(asked: string | undefined): string {
    const newest = this.offered.at(-1);
    if (newest !== undefined && (asked === undefined || asked === majorOf(this.installed))) return newest;
    if (asked !== undefined && this.offered.includes(asked)) return asked;
    throw this.#unknown(asked ?? this.installed);
  }

  /** For the data of a backup. @throws InvalidParameterCombination when the version is retired, or no server here can read it */
  requireRestorable(version: string): void {
    if (majorOf(version) !== majorOf(this.installed) || this.#table.get(version) === 'retired')
      throw this.#unknown(version);
  }

  #unknown(version: string): Error {
    const offered = this.offered.join(', ') || 'none';
    return invalidCombination(`Cannot find version ${version} for postgres. Offered here: ${offered}.`);
  }

  #named(status: Status): string[] {
    return [...this.#table.entries()].filter(([, one]) => one === status).map(([version]) => version);
  }

  #canRun(version: string): boolean {
    const fits = /^\d+\.\d+$/.test(version) && majorOf(version) === majorOf(this.installed);
    return fits && minorOf(version) <= minorOf(this.installed);
  }
}

function minorOf(version: string): number {
  return Number(version.split('.')[1] ?? 0);
}
