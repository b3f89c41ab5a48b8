import { createReadStream, existsSync } from 'node:fs';
import { constants, copyFile, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { BucketRecord, ObjectVersion } from '../../s3/records.ts';
import { inBatches } from './batches.ts';

const PARALLEL = 8;
const PER_FOLDER = 1000;

/** What an archive is of. */
export interface ArchiveHeader {
  readonly bucket: BucketRecord;
  readonly objects: number;
  readonly bytes: number;
  /** Objects whose key could not be used. */
  readonly failed: number;
  /** Objects whose bytes were not there. */
  readonly unreadable?: number | undefined;
}

/** One object as it was, and the file of the archive that has its bytes. */
export interface ArchivedObject {
  readonly version: ObjectVersion;
  readonly file: string;
}

/** Where the bytes of an object lie now. */
export interface Source {
  readonly version: ObjectVersion;
  readonly path: string;
}

interface Writing {
  readonly bucket: BucketRecord;
  readonly failed: number;
  /** Says whether an object whose bytes are not there is missed; it is left out either way. */
  readonly isMissed: (version: ObjectVersion) => boolean;
  readonly signal: AbortSignal;
}

/**
 * The bytes of backed-up buckets, away from the buckets themselves: a folder per recovery point, with one file per object, a list of the
 * objects, and a header that is written last. Without the header an archive does not count.
 */
export class Archives {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  isComplete(key: string): boolean {
    return existsSync(this.#header(key));
  }

  /** Of all archives, complete or not: `<account>/<region>/<id>`. */
  async keys(): Promise<string[]> {
    const folders = async (path: string) => (existsSync(path) ? readdir(path) : []);
    const found: string[] = [];
    for (const account of await folders(this.#root))
      for (const region of await folders(join(this.#root, account)))
        for (const id of await folders(join(this.#root, account, region)))
          found.push(`${account}/${region}/${id}`);
    return found;
  }

  async header(key: string): Promise<ArchiveHeader> {
    return JSON.parse(await readFile(this.#header(key), 'utf8')) as ArchiveHeader;
  }

  async *objects(key: string): AsyncGenerator<ArchivedObject> {
    const lines = createInterface({ input: createReadStream(this.#list(key), 'utf8'), crlfDelay: Infinity });
    for await (const line of lines) if (line !== '') yield JSON.parse(line) as ArchivedObject;
  }

  pathOf(key: string, { file }: ArchivedObject): string {
    return join(this.#dir(key), file);
  }

  /**
   * Writes an archive; what was left of an earlier attempt goes away first.
   * @param failed how many objects are not among the sources, since their key could not be used.
   */
  async write(
    key: string,
    { bucket, failed, isMissed, signal }: Writing,
    sources: AsyncIterable<Source> | Iterable<Source>,
  ): Promise<ArchiveHeader> {
    await this.remove(key);
    await mkdir(this.#dir(key), { recursive: true, mode: 0o700 });
    const list = await open(this.#list(key), 'wx', 0o600);
    let [objects, bytes, number, unreadable] = [0, 0, 0, 0];
    const store = async ({ version, path }: Source): Promise<string> => {
      signal.throwIfAborted();
      const place = number++;
      const file = join('objects', String(Math.floor(place / PER_FOLDER)), String(place));
      const target = join(this.#dir(key), file);
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      try {
        await copyFile(path, target, constants.COPYFILE_FICLONE);
      } catch (err) {
        if ((err as NodeJS.ErrnoException).code !== 'ENOENT') throw err;
        if (isMissed(version)) unreadable += 1;
        return '';
      }
      objects += 1;
      bytes += version.size;
      return `${JSON.stringify({ version, file } satisfies ArchivedObject)}\n`;
    };
    try {
      await inBatches(sources, PARALLEL, store, (lines) => list.appendFile(lines.join('')));
      await list.sync();
    } finally {
      await list.close();
    }
    const header: ArchiveHeader = { bucket, objects, bytes, failed, unreadable };
    await this.#finish(key, header);
    return header;
  }

  /** Copies all bytes of an archive, as they are. @throws when some are not there */
  async copy(from: string, to: string, signal: AbortSignal): Promise<ArchiveHeader> {
    const { bucket, failed } = await this.header(from);
    const sources = async function* (archives: Archives): AsyncGenerator<Source> {
      for await (const object of archives.objects(from))
        yield { version: object.version, path: archives.pathOf(from, object) };
    };
    const isMissed = ({ key }: ObjectVersion): never => {
      throw new Error(`The bytes of object ${key} cannot be read.`);
    };
    return this.write(to, { bucket, failed, isMissed, signal }, sources(this));
  }

  async remove(key: string): Promise<void> {
    await rm(this.#header(key), { force: true });
    await rm(this.#dir(key), { recursive: true, force: true });
  }

  /** Makes the archive count. */
  async #finish(key: string, header: ArchiveHeader): Promise<void> {
    const temporary = `${this.#header(key)}.new`;
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(JSON.stringify(header));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, this.#header(key));
  }

  #dir(key: string): string {
    return join(this.#root, key);
  }

  #list(key: string): string {
    return join(this.#dir(key), 'objects.jsonl');
  }

  #header(key: string): string {
    return join(this.#dir(key), 'archive.json');
  }
}
