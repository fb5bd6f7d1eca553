import {
  ExecutorLostV1,
  ExecutorRegisteredV1,
  JobAttemptFailedV2,
  JobCancelRequestedV2,
  SchedulerTermStartedV1,
} from '@anime/contracts';
import { uuidv7 } from '@anime/event-store';
import { testEvent } from '@anime/event-store/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { OpenWork } from '../domain/open-work/open-work.js';
import { EXECUTOR, SCHEDULER, studio, type Studio } from '../testing/studio.js';
import { ExecutorWatch } from './executor-watch.js';

const OTHER = uuidv7();

describe('an executor of which nothing is heard', () => {
  let s: Studio;
  beforeEach(async () => {
    s = await studio();
    await s.settle();
  });

  /** Seconds pass, tick by tick; who is named is heard in each. */
  const pass = (seconds: number, ...heard: readonly string[]): Promise<void> =>
    passSaying(seconds, Object.fromEntries(heard.map((executorId) => [executorId, true])));
  /** @param reachable of each that is heard, whether its server answers it */
  async function passSaying(seconds: number, reachable: Readonly<Record<string, boolean>>): Promise<void> {
    for (let second = 0; second <= seconds; second += 1) {
      if (second > 0) s.now = new Date(s.now.getTime() + 1_000);
      s.executorWatch.look(true);
      for (const [executorId, answers] of Object.entries(reachable)) s.executorWatch.onHeartbeat(executorId, answers);
      await s.process.decide();
      await s.settle();
    }
  }
  const secondExecutor = (): Promise<void> =>
    s.append(ExecutorRegisteredV1, OTHER, { name: 'comfyui-2', comfyuiVersion: '1', simulator: true, devices: [] });
  const executorEvents = async (id = EXECUTOR): Promise<string[]> => (await s.events(id)).map(({ type }) => type);

  it('is lost after the limit, and its attempt goes to another', async () => {
    const jobId = await s.request();
    await s.settle();
    await secondExecutor();
    await s.settle();
    await pass(29, OTHER);
    expect(await executorEvents()).toEqual(['executor.registered']);
    await pass(3, OTHER);
    expect(await executorEvents()).toEqual(['executor.registered', 'executor.lost']);
    expect(await s.trail(jobId)).toEqual([
      'requested',
      'accepted',
      'assigned',
      'attempt-lost',
      'retry-scheduled',
      'assigned',
    ]);
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 2, executorId: OTHER });
    expect(await executorEvents(OTHER)).toEqual(['executor.registered']);
  });

  it('is not lost while it is heard, and not more than once while it is not', async () => {
    await pass(100, EXECUTOR);
    expect(await executorEvents()).toEqual(['executor.registered']);
    await pass(100);
    expect(await executorEvents()).toEqual(['executor.registered', 'executor.lost']);
  });

  it('is lost when its server has not answered it for a limit of its own, and recovers with the first answer', async () => {
    const jobId = await s.request();
    await s.settle();
    await secondExecutor();
    await s.settle();
    await passSaying(299, { [EXECUTOR]: false, [OTHER]: true });
    expect(await executorEvents()).toEqual(['executor.registered']);
    await passSaying(5, { [EXECUTOR]: false, [OTHER]: true });
    expect(await executorEvents()).toEqual(['executor.registered', 'executor.lost']);
    expect((await s.trail(jobId)).slice(2)).toEqual(['assigned', 'attempt-lost', 'retry-scheduled', 'assigned']);
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 2, executorId: OTHER });
    await passSaying(600, { [EXECUTOR]: false, [OTHER]: true });
    expect(await executorEvents()).toEqual(['executor.registered', 'executor.lost']);
    await pass(1, EXECUTOR, OTHER);
    expect(await executorEvents()).toEqual(['executor.registered', 'executor.lost', 'executor.recovered']);
    expect(await executorEvents(OTHER)).toEqual(['executor.registered']);
  });

  it('is not lost because its server stood still for less than that, however often', async () => {
    for (let n = 0; n < 3; n += 1) {
      await passSaying(250, { [EXECUTOR]: false });
      await pass(1, EXECUTOR);
    }
    expect(await executorEvents()).toEqual(['executor.registered']);
  });

  it('gets no work while it is lost, and gets it as soon as it is heard again', async () => {
    await pass(31);
    const jobId = await s.request();
    await s.settle();
    await pass(31);
    expect(await s.trail(jobId)).toEqual(['requested', 'accepted']);
    await pass(0, EXECUTOR);
    await pass(1, EXECUTOR);
    expect(await executorEvents()).toEqual(['executor.registered', 'executor.lost', 'executor.recovered']);
    expect(await s.trail(jobId)).toEqual(['requested', 'accepted', 'assigned']);
  });

  it('does not keep a job from being cancelled', async () => {
    const jobId = await s.request();
    await s.settle();
    await s.append(JobCancelRequestedV2, jobId, { reason: null });
    await s.settle();
    await pass(31);
    expect((await s.trail(jobId)).slice(3)).toEqual([
      'cancel-requested',
      'cancel-ordered',
      'attempt-lost',
      'cancelled',
    ]);
  });

  it('may report its attempt when it is back, but the job goes on without it', async () => {
    const jobId = await s.request();
    await s.settle();
    await secondExecutor();
    await s.settle();
    const first = await s.assignment(jobId);
    await pass(29, OTHER);
    await pass(3, OTHER);
    await s.reportExecuted(jobId, first);
    await s.settle();
    await s.run(jobId);
    await s.settle();
    expect((await s.trail(jobId)).slice(5)).toEqual([
      'assigned',
      'executed',
      'executed',
      'scored',
      'organised',
      'gated',
      'completed',
    ]);
  });

  it('is not lost because the orchestrator was cut off, or stood still', async () => {
    await pass(20, EXECUTOR);
    s.now = new Date(s.now.getTime() + 60_000);
    await pass(20);
    s.executorWatch.look(false);
    await s.process.decide();
    await pass(20);
    await s.settle();
    expect(await executorEvents()).toEqual(['executor.registered']);
  });

  it('stays lost for a standby that has heard it long ago and takes over', async () => {
    let leads = true;
    const standbyWatch = new ExecutorWatch(() => s.now.getTime());
    const standby = s.orchestrator(uuidv7(), () => !leads, s.log, standbyWatch);
    const bothHear = async (seconds: number, beats: boolean): Promise<void> => {
      for (let second = 0; second < seconds; second += 1) {
        standbyWatch.look(true);
        if (beats) standbyWatch.onHeartbeat(EXECUTOR);
        await pass(1, ...(beats ? [EXECUTOR] : []));
        await s.settle(standby);
      }
    };
    await bothHear(5, true);
    await bothHear(40, false);
    expect(await executorEvents()).toEqual(['executor.registered', 'executor.lost']);
    const jobId = await s.request();
    leads = false;
    const end = await s.log.end();
    for (let second = 0; second < 5; second += 1) {
      s.now = new Date(s.now.getTime() + 1_000);
      standbyWatch.look(true);
      await standby.decide();
      await s.settle(standby);
    }
    expect(await s.log.end()).toBeGreaterThan(end); // it leads
    expect(await executorEvents()).toEqual(['executor.registered', 'executor.lost']);
    expect(await s.trail(jobId)).toEqual(['requested', 'accepted']);
    standbyWatch.onHeartbeat(EXECUTOR);
    await standby.decide();
    await s.settle(standby);
    expect(await executorEvents()).toEqual(['executor.registered', 'executor.lost', 'executor.recovered']);
  });

  it('gets no work in the round in which it is found to be lost', async () => {
    const jobId = await s.request();
    await s.settle();
    const { executorId, promptId } = await s.assignment(jobId);
    await pass(29);
    const failure = { class: 'transient', reason: 'r', message: 'm', evidence: {} } as const;
    await s.append(JobAttemptFailedV2, jobId, { attempt: 1, executorId, promptId, ...failure });
    await pass(5);
    expect(await executorEvents()).toEqual(['executor.registered', 'executor.lost']);
    expect((await s.trail(jobId)).slice(2)).toEqual(['assigned', 'attempt-failed', 'retry-scheduled']);
  });

  it.each(['', '.orchestrator', '.comfyui-executor', '.nobody.at.all'])(
    'is lost and recovered all the same when garbage stands on anime.executor.<id>%s',
    async (suffix) => {
      const subject = `anime.executor.${EXECUTOR}${suffix}`;
      await s.log.putRaw({ subject, data: 'garbage' });
      await s.settle();
      await pass(31);
      expect(await executorEvents()).toEqual(['executor.registered', 'executor.lost']);
      await s.log.putRaw({ subject, data: 'garbage' });
      await s.settle();
      await pass(1, EXECUTOR);
      expect(await executorEvents()).toEqual(['executor.registered', 'executor.lost', 'executor.recovered']);
    },
  );

  it('is lost and recovered all the same when the leader of a term that had ended called it lost', async () => {
    const tooLate = async (): Promise<void> => {
      await s.log.append(testEvent(ExecutorLostV1, EXECUTOR, { silentMs: 30_000 }, { epoch: 1 }));
      expect(await s.log.lastOfAggregate('executor', EXECUTOR)).toMatchObject({ status: 'fenced' });
      await s.settle();
    };
    await s.append(SchedulerTermStartedV1, SCHEDULER, { epoch: 2, leader: OTHER });
    await tooLate();
    await pass(31);
    expect(await executorEvents()).toEqual(['executor.registered', 'executor.lost']);
    await tooLate();
    await pass(1, EXECUTOR);
    expect(await executorEvents()).toEqual(['executor.registered', 'executor.lost', 'executor.recovered']);
  });

  it('stays lost for an orchestrator that goes on from a snapshot', async () => {
    await pass(31);
    const jobId = await s.request();
    const next = s.orchestrator();
    next.restore(OpenWork.fromSnapshot(SCHEDULER, structuredClone(s.process.work.toSnapshot())), s.process.checkpoint);
    await s.settle(next);
    expect(await s.trail(jobId)).toEqual(['requested', 'accepted']);
    expect(next.work.executors()).toMatchObject([{ executorId: EXECUTOR, lostAt: expect.any(String) }]);
  });
});
