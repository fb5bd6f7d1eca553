import { describe, expect, it } from '@jest/globals';
import { runEventLogConformance } from '../testing/event-log-conformance.js';
import { followAll, START } from '../testing/conformance/follow-all.js';
import { cancelRequested } from '../testing/conformance/samples.js';
import { SAMPLED_V2 } from '../testing/sampled-contracts.js';
import { MemoryLog } from './memory-log.js';

runEventLogConformance('MemoryLog', async () => {
  const log = new MemoryLog({ catalogue: SAMPLED_V2 });
  return {
    log,
    root: log.root,
    putRaw: (message) => log.putRaw(message),
    readBy: (catalogue) => log.withCatalogue(catalogue),
  };
});

describe('MemoryLog', () => {
  it('forgets what an older copy does not have, its ids too', async () => {
    const log = new MemoryLog();
    const events = [cancelRequested(), cancelRequested()] as const;
    for (const event of events) await log.append(event);
    log.restoreTo(1);
    expect(await log.append(events[1])).toEqual({ position: 2, duplicate: false });
  });

  it('stops a running reader with checkpoint-mismatch when an older copy is put in its place', async () => {
    const log = new MemoryLog();
    await log.append(cancelRequested());
    const following = log.follow({
      after: START,
      signal: new AbortController().signal,
      onBatch: async () => log.restoreTo(0),
    });
    await expect(following).rejects.toMatchObject({ code: 'checkpoint-mismatch' });
    expect((await followAll(log)).entries).toEqual([]);
  });
});
