import { sealKey } from './verifier/seal-format.ts';
import type { ExportDescription } from './export-folder.ts';

/** What lies beside every export, for somebody who has never heard of Lifeboat and does not trust it. */
export function auditorReadme(description: ExportDescription, keyids: readonly string[]): string {
  const { bucket, region, from, to, firstSeal, lastSeal, statements, previous } = description;
  const before =
    previous === null
      ? 'It begins with the first seal of the ledger.'
      : `The seal before the first one in it has the SHA-256 \`${previous}\`.`;
  return `# Evidence of backups, restores and deletions

Exported from the ledger \`${bucket}\` (${region}): seals ${firstSeal} to ${lastSeal} with ${statements} statements, sealed from
${from} to ${to}. ${before}

## Verify it yourself

    node verify.mjs --key KEY.pem

\`verify.mjs\` needs Node 20 or later, no package and no network. It is short; read it. \`KEY.pem\` is the public key, and it must reach you
by another way than this folder: the owner of the AWS account prints it with

    aws kms get-public-key --key-id ARN --query PublicKey --output text | base64 -d | openssl pkey -pubin -inform DER

Its id must be ${keyids.map((id) => `\`${id}\``).join(' or ')}: the SHA-256 of the key in DER form. Without \`--key\` the
signatures are checked with the key in \`keys/\`, which proves only that the folder agrees with itself.
Exit status 0: verified. 1: not verified, every object concerned is named. 2: could not check.

## What lies here

| path | what |
| --- | --- |
| \`statements/DATE/SCOPE/NAME.json\` | one signed fact each: a backup with its copies and locks, a drill with its checks, an expiry proven |
| \`seals/NUMBER.json\` | the signed list of all statements since the seal before, its digest, and what became of every slot of the night |
| \`keys/ID.pem\` | the public keys named by the seals |
| \`export.json\` | where this came from, and with which seals it begins and ends |
| \`SHA256SUMS\` | digests of every file that no seal lists; \`sha256sum -c SHA256SUMS\` checks them, too |
| \`verify.mjs\` | the verifier, identical in every export of one release |

Statements and seals are DSSE envelopes around in-toto statements (v1) in canonical JSON (RFC 8785), exactly as they lie in the ledger. To read one:

    node -p 'JSON.stringify(JSON.parse(atob(JSON.parse(fs.readFileSync(process.argv[1])).payload)), null, 2)' ${sealKey(lastSeal)}

## What a verification proves, and what it cannot

- Every listed statement is there, unchanged, signed by a key that its seal names; every seal continues the one before it; counts and populations
  agree; nothing lies here that no seal lists.
- It cannot know of seals made after number ${lastSeal}. Ask for the digest of the ledger's newest seal, or list \`seals/\` in the bucket, whose objects
  are locked (S3 Object Lock, compliance mode) until a date that you can read with \`aws s3api get-object-retention\`.
- It proves who signed and that nothing was changed since; whether a statement was true when it was made follows from the checks described in it.
`;
}
