import { BUCKET_CHECK_IDS, type BucketCheckId } from '../../domain/verdict.ts';
import { ProbeLab } from '../../test/support/probe-lab.ts';
import { buildBase } from './base.ts';
import type { Ward } from './damage.ts';
import { examine, WITNESSES, type Witness } from './examine.ts';
import { CONTROL, DAMAGE_KINDS } from './kinds/index.ts';
import type { DamageKind } from './kinds/kind.ts';
import { BucketLab } from './s3/base.ts';
import { examineBucket } from './s3/examine.ts';
import { BUCKET_CONTROL, BUCKET_DAMAGE_KINDS, type BucketDamageKind } from './s3/kinds.ts';
import { bucketNight } from './s3/night.ts';

export const DATABASES: Ward<DamageKind, Witness> = {
  ...{ kinds: DAMAGE_KINDS, control: CONTROL, witnesses: WITNESSES },
  async open({ embedded, remember }) {
    const lab = await ProbeLab.open(embedded);
    try {
      const base = await buildBase(lab, remember);
      return { examine: (kind, seed) => examine(base, kind, seed), end: () => lab.end() };
    } catch (error) {
      await lab.end();
      throw error;
    }
  },
};

export const BUCKETS: Ward<BucketDamageKind, BucketCheckId> = {
  ...{ kinds: BUCKET_DAMAGE_KINDS, control: BUCKET_CONTROL, witnesses: BUCKET_CHECK_IDS },
  async open() {
    const lab = await BucketLab.open();
    try {
      const night = await bucketNight(lab);
      return { examine: (kind, seed) => examineBucket(night, kind, seed), end: () => lab.end() };
    } catch (error) {
      await lab.end();
      throw error;
    }
  },
};
