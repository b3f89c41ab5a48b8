import * as RDS from '@aws-sdk/client-rds';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { RdsContext } from './context.ts';
import { fault, invalidValue, required } from './faults.ts';
import { idFrom } from './instance-handlers.ts';
import { rdsArn } from './names.ts';
import { byKey, page } from './paging.ts';
import type { InstanceRecord } from './records.ts';
import { tagContext } from './tags.ts';

const PORTION_BYTES = 1024 * 1024;
const DEFAULT_LINES = 10_000;

/** The server's own log, as RDS hands it out: in portions of at most 1 MB. A marker is the byte to go on from. */
export function logHandlers({ platform, store }: RdsContext): Handlers<typeof RDS> {
  return {
    async DescribeDBLogFiles(input, call) {
      refuseMembers('rds', 'DescribeDBLogFiles', input, ['Filters']);
      const record = readable('rds:DescribeDBLogFiles', input.DBInstanceIdentifier, call);
      const root = join(store.serverDir(record), 'log');
      const names = await readdir(join(root, 'error')).catch(() => []);
      const files = await Promise.all(
        names.map(async (name) => {
          const { size, mtimeMs } = await stat(join(root, 'error', name));
          return {
            LogFileName: `error/${name}`,
            Size: size,
            LastWritten: Math.round(mtimeMs + platform.clock.offsetMs),
          };
        }),
      );
      const matching = files
        .filter(
          ({ LogFileName, LastWritten, Size }) =>
            LogFileName.includes(input.FilenameContains ?? '') &&
            LastWritten >= (input.FileLastWritten ?? 0) &&
            Size >= (input.FileSize ?? 0),
        )
        .sort(byKey(({ LogFileName }) => LogFileName));
      const { items, Marker } = page(matching, ({ LogFileName }) => LogFileName, input);
      return { DescribeDBLogFiles: items, Marker };
    },

    async DownloadDBLogFilePortion(input, call) {
      const record = readable('rds:DownloadDBLogFilePortion', input.DBInstanceIdentifier, call);
      const name = required(input.LogFileName, 'LogFileName');
      const missing = () =>
        fault(RDS.DBLogFileNotFoundFault, `DBLog File: ${name} is not found on the DB instance`);
      if (!/^error\/[\w.-]+$/.test(name) || name.includes('..')) throw missing();
      const from = input.Marker === undefined ? undefined : Number(input.Marker);
      if (from !== undefined && !(Number.isInteger(from) && from >= 0))
        throw invalidValue(`Invalid marker: ${input.Marker ?? ''}`);
      const file = await open(join(store.serverDir(record), 'log', name), 'r').catch(() => {
        throw missing();
      });
      try {
        const { size } = await file.stat();
        const start = from ?? Math.max(0, size - PORTION_BYTES); // without a marker RDS gives the end of the file
        const { buffer, bytesRead } = await file.read(Buffer.alloc(PORTION_BYTES), 0, PORTION_BYTES, start);
        const text = wholeLines(
          buffer.subarray(0, bytesRead),
          start + bytesRead >= size,
          input.NumberOfLines ?? DEFAULT_LINES,
        );
        const end = start + text.length;
        return { LogFileData: text.toString('utf8'), Marker: String(end), AdditionalDataPending: end < size };
      } finally {
        await file.close();
      }
    },
  };

  function readable(action: string, id: string | undefined, call: Call): InstanceRecord {
    const wanted = idFrom(required(id, 'DBInstanceIdentifier'));
    const record = store.instance(call, wanted);
    platform.authorize(call, action, rdsArn(call, 'db', wanted), tagContext([], record?.tags));
    if (!record) throw fault(RDS.DBInstanceNotFoundFault, `DBInstance ${wanted} not found.`);
    if (record.createdAt === undefined)
      throw fault(
        RDS.DBInstanceNotReadyFault,
        `DB instance ${wanted} is ${record.status}; it has no log yet.`,
      );
    return record;
  }
}

/** Cuts after the last complete line, so that no character and no line is torn, and after `most` lines. */
function wholeLines(bytes: Buffer, atEnd: boolean, most: number): Buffer {
  let end = 0;
  for (let lines = 0; lines < most; lines++) {
    const newline = bytes.indexOf(10, end);
    if (newline < 0) return atEnd || end === 0 ? bytes : bytes.subarray(0, end);
    end = newline + 1;
  }
  return bytes.subarray(0, end);
}
