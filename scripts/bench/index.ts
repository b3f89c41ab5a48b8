export interface Bench {
  /** One line for the list of benches. */
  readonly what: string;
  /** @returns the exit status. */
  readonly run: (args: readonly string[]) => Promise<number>;
}

/** Every bench by its name. Modules are loaded when they are run. */
export const BENCHES: Readonly<Record<string, Bench>> = {
  night: {
    what: 'one night on this computer, by step, beside `cp -a` of the source and a count of its rows',
    run: async () => (await import('./night.ts')).benchNight(),
  },
  'local-aws': {
    what: 'the AWS on this computer: snapshots beside `cp -a`, S3 beside plain files, describe calls per second, start with state',
    run: async () => (await import('./local-aws.ts')).benchLocalAws(),
  },
  'local-aws-kills': {
    what: 'kills the AWS on this computer under load, and looks for all that it promised; --count N and --seed TEXT may follow',
    run: async (args) => (await import('./local-aws-kills.ts')).benchKills(args),
  },
  evidence: {
    what: 'a year of evidence of 200 resources written, verified beside a plain check of the same files, reported and damaged; NIGHTS and RESOURCES may follow',
    run: async ([nights = '365', resources = '200']) =>
      (await import('./evidence.ts')).benchEvidence({
        nights: whole(nights, 'NIGHTS'),
        resources: whole(resources, 'RESOURCES'),
        mutations: 200,
      }),
  },
  content: {
    what: 'digest of content beside reladiff and a count, pages, structure, memory; ROWS of the generated table may follow',
    run: async ([rows = '2000000']) => (await import('./content.ts')).benchContent(whole(rows, 'ROWS')),
  },
  memory: {
    what: 'both passes at the source with and without memory of the night before; ROWS of the generated table may follow',
    run: async ([rows = '1000000']) => (await import('./memory.ts')).benchMemory(whole(rows, 'ROWS')),
  },
  's3-manifest': {
    what: 'manifests of generated buckets and their comparison: objects per second, growth of memory; OBJECTS of the largest may follow',
    run: async ([objects = '1000000']) =>
      (await import('./s3-manifest.ts')).benchManifest(whole(objects, 'OBJECTS')),
  },
};

function whole(text: string, what: string): number {
  const n = Number(text);
  if (Number.isInteger(n) && n > 0) return n;
  throw new Error(`${what} must be a whole number above 0, not "${text}".`);
}
