import type * as S3 from '@aws-sdk/client-s3';
import type { Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { checksumHeaders } from './body.ts';
import { checksumMember } from './checksums.ts';
import { invalidArgument, invalidRequest } from './errors.ts';
import { storageClassOf } from './owner.ts';
import { findVersion, versionContext, versionHeader } from './read-handlers.ts';
import type { ObjectVersion } from './records.ts';

const MAX_PARTS = 1000;
const KNOWN = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'];

export function attributesHandlers(parts: S3Parts, access: S3Access) {
  return {
    async GetObjectAttributes(input, call) {
      const { Key: key = '', VersionId: versionId } = input;
      const suffix = versionId === undefined ? '' : 'Version';
      const context = versionContext(versionId);
      const bucket = access.bucket(call, input, `s3:GetObject${suffix}Attributes`, key, context);
      access.authorize(call, bucket, `s3:GetObject${suffix}`, key, context);
      const wanted = (input.ObjectAttributes ?? [])
        .flatMap((list) => list.split(','))
        .map((name) => name.trim());
      if (wanted.length === 0)
        throw invalidRequest(
          'The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty',
        );
      if (!wanted.every((name) => KNOWN.includes(name)))
        throw invalidArgument(
          'Invalid attribute name specified.',
          'x-amz-object-attributes',
          wanted.join(','),
        );
      const wants = (name: string): boolean => wanted.includes(name);
      const version = findVersion(parts, access, call, bucket, key, versionId);
      return {
        LastModified: new Date(version.modifiedAt),
        ...versionHeader(version),
        ...(wants('ETag') ? { ETag: version.etag } : {}),
        ...(wants('ObjectSize') ? { ObjectSize: version.size } : {}),
        ...(wants('StorageClass') ? { StorageClass: storageClassOf(version) as S3.StorageClass } : {}),
        ...(wants('Checksum') ? { Checksum: checksumHeaders(version.checksum) } : {}),
        ...(wants('ObjectParts') && version.parts ? { ObjectParts: partsOf(version, input) } : {}),
      };
    },
  } satisfies Handlers<typeof S3>;
}

/** Single parts are told only where their checksums were kept: under a composite checksum. */
function partsOf(
  { parts = [], checksum }: ObjectVersion,
  { MaxParts = MAX_PARTS, PartNumberMarker }: S3.GetObjectAttributesCommandInput,
): S3.GetObjectAttributesParts {
  const TotalPartsCount = parts.length;
  if (checksum.type !== 'COMPOSITE') return { TotalPartsCount };
  const after = Number(PartNumberMarker ?? 0);
  const rest = parts.filter(({ number }) => number > after);
  const page = rest.slice(0, Math.min(MaxParts, MAX_PARTS));
  return {
    TotalPartsCount,
    PartNumberMarker: String(after),
    NextPartNumberMarker: String(page.at(-1)?.number ?? after),
    MaxParts: Math.min(MaxParts, MAX_PARTS),
    IsTruncated: page.length < rest.length,
    Parts: page.map((part) => ({
      PartNumber: part.number,
      Size: part.size,
      [checksumMember(checksum.algorithm)]: part.checksum,
    })),
  };
}
