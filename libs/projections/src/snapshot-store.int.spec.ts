import { describe, expect, it } from '@jest/globals';
import { createTestDatabase } from '@anime/testing';
import { PostgresSnapshotStore } from './snapshot-store.js';
import { jobId, tallyDatabase } from './test-support/tally.js';

const at = (position: number, event: number, foldVersion = 1) => ({
  id: jobId(1),
  position,
  eventId: jobId(event),
  foldVersion,
  state: { event },
});

describe('a snapshot that does not belong to the log', () => {
  it('is replaced by an earlier one, but only that very one and only when it is named', async () => {
    await using server = await createTestDatabase();
    const database = tallyDatabase(server.url, 'gateway');
    const store = new PostgresSnapshotStore(database);
    const foreign = at(9, 1);
    await store.save('job', foreign);
    await store.save('job', at(3, 2));
    expect(await store.load('job', foreign.id)).toEqual(foreign);
    await store.save('job', at(3, 2), { position: 9, eventId: jobId(7) });
    await store.save('job', at(3, 2), { position: 8, eventId: foreign.eventId });
    expect(await store.load('job', foreign.id)).toEqual(foreign);

    await store.save('job', at(4, 3), foreign);
    expect(await store.load('job', foreign.id)).toEqual(at(4, 3));
    // A slower process, which also found the foreign one.
    await store.save('job', at(3, 2), foreign);
    expect(await store.load('job', foreign.id)).toEqual(at(4, 3));
    await database.close();
  });
});
