import { JobAssignedV2, SchedulerTermStartedV1 } from '@anime/contracts';
import { uuidv7, type EventLog } from '@anime/event-store';
import { MemorySnapshotStore } from '@anime/event-store/testing';
import { describe, expect, it } from '@jest/globals';
import { OpenWork } from '../domain/open-work/open-work.js';
import { SCHEDULER, studio, type Studio } from '../testing/studio.js';
import { OpenWorkKeeper } from './open-work-keeper.js';
import type { OrchestratorProcess } from './orchestrator-process.js';

/** What the reader does when the log refuses its place: here no snapshot fits either. */
async function beginAnew(s: Studio, process: OrchestratorProcess = s.process): Promise<void> {
  const keeper = new OpenWorkKeeper({
    log: s.log,
    process,
    snapshots: new MemorySnapshotStore(),
    schedulerId: SCHEDULER,
    now: () => 0,
    onTrouble: (_what, error) => s.errors.push(error),
  });
  expect(await keeper.restore()).toEqual({ position: 0, eventId: '' });
}

/** The studio's log whose acknowledgements can be kept back: the event is stored, who appended it does not know yet. */
function withheld(s: Studio): { readonly log: EventLog; hold: () => { stored: Promise<void>; release: () => void } } {
  const log = s.log.withCatalogue(s.log.catalogue);
  const append = log.append.bind(log);
  let acknowledged = Promise.resolve();
  let onStored = (): void => undefined;
  log.append = async (...args) => {
    const appended = await append(...args);
    onStored();
    await acknowledged;
    return appended;
  };
  const hold = () => {
    const stored = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    onStored = stored.resolve;
    acknowledged = release.promise;
    return { stored: stored.promise, release: release.resolve };
  };
  return { log, hold };
}

/** Makes the log so long that what is appended next lies far behind all that the test says afterwards. */
async function lengthen(s: Studio): Promise<void> {
  for (let n = 0; n < 30; n += 1) await s.log.putRaw({ subject: 'anime.elsewhere', data: 'x' });
}
const terms = async (s: Studio) => (await s.events()).filter((event) => event.type === SchedulerTermStartedV1.type);

describe('an older copy of the log under a running orchestrator', () => {
  it('without its term lets it begin one and decide again', async () => {
    const s = await studio();
    await s.request();
    await s.settle();
    expect(await terms(s)).toHaveLength(1);
    s.log.restoreTo(2);
    await beginAnew(s);
    const jobId = await s.request();
    await s.settle();
    expect(await s.trail(jobId)).toEqual(['requested', 'accepted', 'assigned']);
    expect(await terms(s)).toHaveLength(1);
  });

  it('lets it lead again though its term was on its way when the copy came', async () => {
    const s = await studio();
    const { log, hold } = withheld(s);
    const process = s.orchestrator(uuidv7(), () => true, log);
    await lengthen(s);
    const batch = await s.nextBatch(process);
    const { stored, release } = hold();
    const deciding = process.onBatch(batch);
    await stored;
    s.log.restoreTo(2);
    await beginAnew(s, process);
    release();
    await deciding;
    const jobId = await s.request();
    await s.settle(process);
    expect(await s.trail(jobId)).toContain('assigned');
  });

  it('makes a decision again that the copy lacks and that was not read back', async () => {
    const s = await studio();
    await s.settle();
    const jobId = await s.request();
    const copy = await s.log.end();
    await lengthen(s);
    await s.process.onBatch(await s.nextBatch(s.process));
    expect(await s.trail(jobId)).toEqual(['requested', 'accepted']);
    s.log.restoreTo(copy);
    await beginAnew(s);
    await s.settle();
    expect(await s.trail(jobId)).toEqual(['requested', 'accepted', 'assigned']);
  });

  it('makes a decision again that was on its way when the copy came', async () => {
    const s = await studio();
    const { log, hold } = withheld(s);
    const process = s.orchestrator(uuidv7(), () => true, log);
    await s.settle(process);
    const jobId = await s.request();
    const copy = await s.log.end();
    await lengthen(s);
    const batch = await s.nextBatch(process);
    const { stored, release } = hold();
    const deciding = process.onBatch(batch);
    await stored;
    expect(await s.trail(jobId)).toEqual(['requested', 'accepted']);
    s.log.restoreTo(copy);
    await beginAnew(s, process);
    release();
    await deciding;
    await s.settle(process);
    expect(await s.trail(jobId)).toEqual(['requested', 'accepted', 'assigned']);
  });

  it('gets nothing more from a round of decisions that had begun before', async () => {
    const s = await studio();
    const { log, hold } = withheld(s);
    const process = s.orchestrator(uuidv7(), () => true, log);
    await s.settle(process);
    // More than are decided side by side, so that some wait for the acknowledgements of others.
    const jobs = await Promise.all(Array.from({ length: 70 }, () => s.request()));
    const batch = await s.nextBatch(process);
    const { stored, release } = hold();
    const deciding = process.onBatch(batch);
    await stored;
    s.log.restoreTo(batch.end);
    await beginAnew(s, process);
    release();
    await deciding;
    const last = await s.trail(jobs.at(-1) ?? '');
    expect(last).toEqual(['requested']);
    await s.settle(process);
    const assigned = (await s.events()).filter((event) => event.type === JobAssignedV2.type);
    expect(assigned).toHaveLength(2);
  });

  it('is read to its end before anything is decided', async () => {
    const s = await studio();
    await s.settle();
    s.log.restoreTo(2);
    await beginAnew(s);
    await s.process.decide();
    expect(await s.log.end()).toBe(2);
  });

  it('is read to its end before anything is decided, also when a round has just begun', async () => {
    const s = await studio();
    await s.settle();
    const jobId = await s.request();
    const standby = s.orchestrator(uuidv7(), () => false);
    await s.settle(standby);
    const deciding = s.process.decide();
    s.process.restore(OpenWork.fromSnapshot(SCHEDULER, standby.work.toSnapshot()), standby.checkpoint);
    await deciding;
    expect(await s.trail(jobId)).toEqual(['requested']);
    await s.settle();
    expect(await s.trail(jobId)).toContain('assigned');
  });

  it('is read to its end before anything is decided, also when an executor was just found lost', async () => {
    const s = await studio();
    const { log, hold } = withheld(s);
    const process = s.orchestrator(uuidv7(), () => true, log);
    const standby = s.orchestrator(uuidv7(), () => false);
    s.executorWatch.look(true);
    await s.settle(process);
    for (let seconds = 0; seconds < 30; seconds += 2) {
      s.now = new Date(s.now.getTime() + 2_000);
      s.executorWatch.look(true);
    }
    const jobId = await s.request();
    await s.settle(standby);
    const { stored, release } = hold();
    const deciding = process.decide();
    await stored;
    process.restore(OpenWork.fromSnapshot(SCHEDULER, standby.work.toSnapshot()), standby.checkpoint);
    release();
    await deciding;
    expect(await s.trail(jobId)).toEqual(['requested']);
  });

  it('takes all jobs with it that it lacks', async () => {
    const s = await studio();
    const retried = await s.request();
    await s.settle();
    await s.failAttempt(retried, 'transient');
    for (let n = 0; n < 3; n += 1) await s.request();
    await s.settle();
    const standby = s.orchestrator(uuidv7(), () => false);
    await s.settle(standby);
    // One waits for its next attempt, and one for an executor; the standby has all to look at.
    expect([s.process.watched, standby.watched]).toEqual([2, 4]);
    s.log.restoreTo(2);
    for (const process of [s.process, standby]) {
      await beginAnew(s, process);
      expect(process.watched).toBe(0);
      expect(process.work.toSnapshot().jobs).toEqual([]);
    }
  });
});
