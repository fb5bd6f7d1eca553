import { JobAssignedV2, JobCancelRequestedV2, SchedulerTermStartedV1 } from '@anime/contracts';
import { uuidv7, type EventLog, type NewEvent } from '@anime/event-store';
import { ProblemError } from '@anime/problem-details';
import { describe, expect, it } from '@jest/globals';
import { SCHEDULER, studio, type Studio } from '../testing/studio.js';

/** The studio's log with an appending side that can be cut, as when NATS goes away. */
function cuttable(s: Studio): { readonly log: EventLog; cut: boolean; appends: NewEvent[] } {
  const state = { cut: false, appends: [] as NewEvent[] };
  const log: EventLog = {
    append: async (event, options) => {
      state.appends.push(event);
      if (state.cut) throw new ProblemError('log-unavailable', 'cut by the test');
      return s.log.append(event, options);
    },
    lastOfAggregate: (...args) => s.log.lastOfAggregate(...args),
    lastOnSubject: (...args) => s.log.lastOnSubject(...args),
    readAggregate: (...args) => s.log.readAggregate(...args),
    readKind: (...args) => s.log.readKind(...args),
    read: (options) => s.log.read(options),
    follow: (options) => s.log.follow(options),
    end: () => s.log.end(),
  };
  return Object.assign(state, { log });
}
const terms = async (s: Studio) => (await s.events()).filter((event) => event.type === SchedulerTermStartedV1.type);

describe('a decision', () => {
  it('is not stored when an event stands before it that was not seen', async () => {
    const s = await studio();
    await s.settle();
    const jobId = await s.request();
    await s.step(s.process, 1);
    // `accepted` is in the log and on its way; before it is folded somebody cancels.
    await s.append(JobCancelRequestedV2, jobId, { reason: null });
    await s.step(s.process, 1);
    await s.settle();
    expect(await s.trail(jobId)).toEqual(['requested', 'accepted', 'cancel-requested', 'cancelled']);
  });

  it('on a job that was cancelled behind its back conflicts, and the next one is right', async () => {
    const s = await studio();
    await s.settle();
    const jobId = await s.request();
    const end = await s.log.end();
    const entries = [];
    for await (const entry of s.log.read({ after: s.process.checkpoint.position })) entries.push(entry);
    await s.append(JobCancelRequestedV2, jobId, { reason: null });
    await s.process.onBatch({ entries, checkpoint: { position: end, eventId: '' }, caughtUp: true, end });
    expect(await s.trail(jobId)).toEqual(['requested', 'cancel-requested']);
    await s.settle();
    expect(await s.trail(jobId)).toEqual(['requested', 'cancel-requested', 'cancelled']);
  });

  it('is made again when the log could not be written, without any event', async () => {
    const s = await studio();
    const cut = cuttable(s);
    const process = s.orchestrator(uuidv7(), () => true, cut.log);
    await s.settle(process);
    cut.cut = true;
    const jobId = await s.request();
    await s.step(process, 9);
    expect(await s.trail(jobId)).toEqual(['requested']);
    expect(s.errors).toHaveLength(1);
    cut.cut = false;
    await process.decide();
    expect(await s.trail(jobId)).toEqual(['requested']);
    s.now = new Date(s.now.getTime() + 1_000);
    await process.decide();
    expect(await s.trail(jobId)).toEqual(['requested', 'accepted']);
  });

  it('is made again after a clock that had stepped back', async () => {
    const s = await studio();
    const jobId = await s.request();
    await s.settle();
    await s.failAttempt(jobId, 'transient');
    await s.settle();
    const due = new Date(s.now.getTime() + 500);
    s.now = due;
    // Queued by this clock, refused by the earlier one that the decision sees.
    const asked: Date[] = [];
    Object.defineProperty(s, 'now', {
      get: () => {
        asked.push(due);
        return asked.length === 1 ? due : new Date(due.getTime() - 400);
      },
      configurable: true,
    });
    await s.process.decide();
    Object.defineProperty(s, 'now', { value: new Date(due.getTime() + 5_000), writable: true, configurable: true });
    await s.process.decide();
    await s.settle();
    expect((await s.assignment(jobId)).attempt).toBe(2);
  });

  it('on its way counts: no executor gets more than its share before the log has shown it', async () => {
    const s = await studio();
    await Promise.all([s.request(), s.request(), s.request()]);
    // Accepted and folded, but not a single assignment folded yet.
    for (let step = 0; step < 4; step += 1) await s.step(s.process, 3);
    await s.process.decide();
    await s.process.decide();
    const assigned = (await s.events()).filter((event) => event.type === JobAssignedV2.type);
    expect(assigned).toHaveLength(2);
  });

  it('is sent once, however often the process looks before the log has shown it', async () => {
    const s = await studio();
    const counted = cuttable(s);
    const process = s.orchestrator(uuidv7(), () => true, counted.log);
    await s.settle(process);
    counted.appends.length = 0;
    await s.request();
    await s.step(process, 9);
    await process.decide();
    await process.decide();
    expect(counted.appends.map((event) => event.contract.type)).toEqual(['job.accepted']);
  });
});

describe('garbage', () => {
  it.each([
    ['on a subject that no event has', 'anime.scheduler.x'],
    ['of another scheduler', 'anime.scheduler.somebody.orchestrator'],
    ['of this very scheduler', `anime.scheduler.${SCHEDULER}.orchestrator`],
    ['below this scheduler without a producer', `anime.scheduler.${SCHEDULER}`],
  ])('%s keeps no process from leading', async (_what, subject) => {
    const s = await studio();
    await s.log.putRaw({ subject, data: 'garbage' });
    const jobId = await s.request();
    await s.settle();
    expect(await s.trail(jobId)).toContain('assigned');
    await s.log.putRaw({ subject, data: 'garbage' });
    const successor = s.orchestrator();
    await s.settle(successor);
    expect(await terms(s)).toHaveLength(2);
  });

  it.each(['', '.orchestrator', '.orchestrator.accepted', '.gateway', '.nobody.at.all'])(
    'on anime.job.<id>%s does not hold up the job',
    async (suffix) => {
      const s = await studio();
      const jobId = await s.request();
      await s.log.putRaw({ subject: `anime.job.${jobId}${suffix}`, data: 'garbage' });
      await s.settle();
      await s.log.putRaw({ subject: `anime.job.${jobId}${suffix}`, data: 'garbage' });
      await s.run(jobId);
      await s.settle();
      expect((await s.trail(jobId)).at(-1)).toBe('completed');
    },
  );

  it('a term of another studio is outbid, so that nothing of this one is fenced', async () => {
    const s = await studio();
    await s.append(SchedulerTermStartedV1, '018f0000-0000-7000-8000-0000000000aa', { epoch: 7, leader: uuidv7() });
    const jobId = await s.request();
    await s.settle();
    expect(await s.trail(jobId)).toContain('assigned');
    expect((await terms(s)).map((event) => (event.data as { epoch: number }).epoch)).toEqual([7, 8]);
  });
});

describe('two processes that may both lead', () => {
  it('begin one term between them', async () => {
    const s = await studio();
    const other = s.orchestrator();
    const batch = await s.nextBatch(s.process);
    await Promise.all([s.process.onBatch(batch), other.onBatch(batch)]);
    expect(await terms(s)).toHaveLength(1);
  });
});

describe('a standby', () => {
  it('keeps nothing of jobs that have ended', async () => {
    const s = await studio();
    const standby = s.orchestrator(uuidv7(), () => false);
    for (let count = 0; count < 5; count += 1) {
      const jobId = await s.request();
      await s.settle();
      await s.run(jobId);
      await s.settle();
      await s.settle(standby);
    }
    expect(standby.watched).toBe(0);
    expect(standby.work.toSnapshot().jobs).toEqual([]);
  });
});
