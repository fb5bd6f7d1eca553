import type { ConsumerRow } from './consumer-table.js';
import type { MessagingLogger } from './messaging-logger.js';

/** Tells a row that this build reads no further. Never throws. */
export async function releaseRow(row: ConsumerRow, logger: MessagingLogger): Promise<void> {
  await row.release?.().catch((error: unknown) => {
    logger.warn({ consumer: row.name, err: error }, 'the row could not be released');
  });
}
