import { CATALOGUE, createCatalogue, defineEvent, defineUpcaster } from '@anime/contracts';
import { z } from 'zod';

const shape = {
  type: 'job.sampled',
  aggregate: 'job',
  producer: 'gateway',
  description: 'a fixture of the tests',
} as const;

/** Three versions of one event type that exists in tests only. */
export const JobSampledV0 = defineEvent({ ...shape, version: 0, data: z.strictObject({ text: z.string() }) });
export const JobSampledV1 = defineEvent({ ...shape, version: 1, data: z.strictObject({ words: z.array(z.string()) }) });
export const JobSampledV2 = defineEvent({
  ...shape,
  version: 2,
  data: z.strictObject({ words: z.array(z.string()), count: z.int() }),
});

const fromV0 = defineUpcaster(JobSampledV0, JobSampledV1, ({ text }) => ({ words: text.split(' ') }));
const fromV1 = defineUpcaster(JobSampledV1, JobSampledV2, ({ words }) => ({ words, count: words.length }));

/** A reader of today: knows all three versions and brings the old ones up in single steps. */
export const SAMPLED_V2 = createCatalogue(
  [...CATALOGUE.contracts, JobSampledV0, JobSampledV1, JobSampledV2],
  [...CATALOGUE.upcasters.values(), fromV0, fromV1],
);
/** A reader of yesterday: version 2 is newer than it knows. */
export const SAMPLED_V1 = createCatalogue(
  [...CATALOGUE.contracts, JobSampledV0, JobSampledV1],
  [...CATALOGUE.upcasters.values(), fromV0],
);
/** A reader that has never heard of the type. */
export const SAMPLED_UNKNOWN = CATALOGUE;
