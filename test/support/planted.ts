import { readdir, readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { join } from 'node:path';
import { connect, type SampleConnection } from '../../scripts/sample/connection.ts';

/** Personal data that exists nowhere else: if one of these is found outside the database, it leaked from it. */
export const PLANTED = {
  name: 'Zyxwina Quillfeather',
  email: 'zq.quillfeather@planted.example',
  card: '4929717512348760',
  default: 'default.person@planted.example',
  trigger: 'trigger.person@planted.example',
  comment: 'comment.person@planted.example',
  check: 'check.person@planted.example',
} as const;

/** Rows, a default, a constraint, a comment and a function that hold personal data. */
export async function plant(connection: SampleConnection): Promise<void> {
  const client = await connect(connection, 'plant');
  try {
    await client.query(`
      CREATE TABLE public.person (
        id int PRIMARY KEY, name text, email text DEFAULT '${PLANTED.default}', card text,
        CONSTRAINT nobody CHECK (email <> '${PLANTED.check}')
      );
      COMMENT ON TABLE public.person IS 'ask ${PLANTED.comment}';
      CREATE UNIQUE INDEX person_card ON public.person (card);
      CREATE FUNCTION public.refuse_person() RETURNS trigger LANGUAGE plpgsql AS
        $f$ BEGIN RAISE EXCEPTION 'no: ${PLANTED.trigger} %', NEW.name; END $f$;
      CREATE TRIGGER refuse BEFORE UPDATE ON public.person FOR EACH ROW EXECUTE FUNCTION public.refuse_person();
      INSERT INTO public.person (id, name, email, card)
        SELECT n, '${PLANTED.name}', '${PLANTED.email}', CASE n WHEN 1 THEN '${PLANTED.card}' ELSE n::text END
        FROM generate_series(1, 400) n;
    `);
  } finally {
    await client.end();
  }
}

/** Every form in which a value may hide: as it is, in base64 at any of the three offsets, and in hex. */
const NEEDLES: readonly (readonly [string, string])[] = Object.values(PLANTED).flatMap((value) => {
  const bytes = Buffer.from(value);
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(shift === 0 ? 0 : 4, -4),
  );
  return [value, bytes.toString('hex'), ...base64].map((form) => [value, form] as const);
});

/** @returns the planted values that `text` contains, in whatever form. */
export function foundIn(text: string): string[] {
  return [...new Set(NEEDLES.filter(([, form]) => text.includes(form)).map(([value]) => value))];
}

/** Bytes as they are and, where they are compressed, as what they hold. */
export function readable(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes);
  const isGzip = buffer[0] === 0x1f && buffer[1] === 0x8b;
  return buffer.toString('latin1') + (isGzip ? gunzipSync(buffer).toString('latin1') : '');
}

/** Every file below `folder`, read whole; for logs and exports. */
export async function textOfFiles(
  folder: string,
  wanted: (path: string) => boolean,
): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const path of await readdir(folder, { recursive: true }))
    if (wanted(path)) {
      const bytes = await readFile(join(folder, path)).catch(() => null);
      if (bytes !== null) texts.set(path, readable(bytes));
    }
  return texts;
}
