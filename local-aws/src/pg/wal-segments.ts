/** Arithmetic of WAL positions. An LSN is text as PostgreSQL writes it: `0/1A2B3C4D`. */

export function lsnOf(text: string): bigint {
  const match = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text);
  const [, high, low] = match ?? [];
  if (high === undefined || low === undefined)
    throw new Error(`"${text}" is no WAL position such as 0/1A2B3C4D.`);
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

export function lsnText(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase();
}

/** Where the segment that holds `lsn` begins. */
export function segmentStart(lsn: bigint, segmentBytes: number): bigint {
  return lsn - (lsn % BigInt(segmentBytes));
}

/** The file name of the segment that holds `lsn`. */
export function segmentName(timeline: number, lsn: bigint, segmentBytes: number): string {
  const number = lsn / BigInt(segmentBytes);
  const perFile = 0x1_0000_0000n / BigInt(segmentBytes);
  const hex = (value: bigint) => value.toString(16).toUpperCase().padStart(8, '0');
  return hex(BigInt(timeline)) + hex(number / perFile) + hex(number % perFile);
}

/** The starts of the segments from the one that holds `from` up to, not including, `to`. */
export function* segmentStarts(from: bigint, to: bigint, segmentBytes: number): Generator<bigint> {
  for (let at = segmentStart(from, segmentBytes); at < to; at += BigInt(segmentBytes)) yield at;
}
