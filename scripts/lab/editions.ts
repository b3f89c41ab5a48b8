/** The major version of PostgreSQL whose programs come with the local AWS. */
export const USUAL_MAJOR = 18;
/** Further ones, whose programs are installed where this computer can run them. */
export const OTHER_MAJORS = [13, 14, 15, 16, 17] as const;

/** Where the programs of other major versions are installed. */
export const HAS_OTHER_MAJORS = process.platform === 'linux' && process.arch === 'x64';

/** The package with the programs of another major version. */
export function embeddedEdition(major: number): string {
  return `postgresql-${major}-linux-x64`;
}
