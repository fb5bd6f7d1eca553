import { provision } from '@anime/event-store';

/** Subjects of the baseline's own stream of progress. */
export const RAW_PROGRESS_ROOT = 'raw-progress';

/** A stream with the settings of `ANIME_PROGRESS`, whose messages the progress-relay does not get. */
export async function provisionRawProgress(natsUrl: string): Promise<void> {
  await provision({
    natsUrl,
    stream: 'RAW',
    root: 'raw',
    progressStream: 'RAW_PROGRESS',
    progressRoot: RAW_PROGRESS_ROOT,
    leasesBucket: 'RAW_LEASES',
    durables: [],
  });
}
