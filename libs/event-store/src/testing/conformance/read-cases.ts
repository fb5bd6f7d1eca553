import { expect, it } from '@jest/globals';
import { JobAssignedV2, JobCancelRequestedV2, JobStartedV2, type ContractCatalogue } from '@anime/contracts';
import type { EventLog } from '../../event-log.js';
import type { LogEntry } from '../../log-entry.js';
import { collect } from '../collect.js';
import type { ConformanceFactory } from './harness.js';
import { JobSampledV0, JobSampledV1, JobSampledV2, SAMPLED_UNKNOWN, SAMPLED_V1 } from '../sampled-contracts.js';
import { testEvent } from '../test-event.js';
import { followAll } from './follow-all.js';
import { assigned, cancelRequested, EXECUTOR, JOB, OTHER_JOB, outline, started, termStarted } from './samples.js';

export function readCases(factory: ConformanceFactory): void {
  it('reads behind a position up to the end or an inclusive end', async () => {
    const { log } = await factory();
    expect(await collect(log.read({ after: 0 }))).toEqual([]);
    for (let n = 0; n < 5; n += 1) await log.append(cancelRequested());
    expect(outline(await collect(log.read({ after: 0 })))).toEqual([
      '1 event',
      '2 event',
      '3 event',
      '4 event',
      '5 event',
    ]);
    expect(outline(await collect(log.read({ after: 2, to: 4 })))).toEqual(['3 event', '4 event']);
    expect(await collect(log.read({ after: 5 }))).toEqual([]);
    expect(await collect(log.read({ after: 99 }))).toEqual([]);
  });

  it('reads one aggregate in order, behind a position, and nothing of an aggregate that is not there', async () => {
    const { log } = await factory();
    expect(await collect(log.readAggregate('job', JOB))).toEqual([]);
    await log.append(cancelRequested());
    await log.append(cancelRequested(OTHER_JOB));
    await log.append(started(1));
    await log.append(assigned(1, 1));
    expect(outline(await collect(log.readAggregate('job', JOB)))).toEqual(['1 event', '3 event', '4 event']);
    expect(outline(await collect(log.readAggregate('job', JOB, { after: 1 })))).toEqual(['3 event', '4 event']);
    expect(await collect(log.readAggregate('job', JOB, { after: 4 }))).toEqual([]);
  });

  it('reads every aggregate of a kind in order, and no other', async () => {
    const { log, root, putRaw } = await factory();
    expect(await collect(log.readKind('job'))).toEqual([]);
    await log.append(cancelRequested());
    await log.append(termStarted(1));
    await log.append(cancelRequested(OTHER_JOB));
    await putRaw({ subject: `${root}.job.${JOB}.gateway`, data: 'garbage' });
    await log.append(assigned(1, 1));
    expect(outline(await collect(log.readKind('job')))).toEqual(['1 event', '3 event', '4 void', '5 event']);
    expect(outline(await collect(log.readKind('scheduler')))).toEqual(['2 event']);
    expect(await collect(log.readKind('executor'))).toEqual([]);
  });

  it('knows the last message of an aggregate and of each exact subject', async () => {
    const { log } = await factory();
    expect(await log.lastOfAggregate('job', JOB)).toBeUndefined();
    expect(await log.lastOnSubject(JobStartedV2, JOB)).toBeUndefined();
    await log.append(cancelRequested());
    await log.append(assigned(1, 1));
    await log.append(started(1));
    await log.append(cancelRequested(OTHER_JOB));
    expect(await log.lastOfAggregate('job', JOB)).toMatchObject({ position: 3, event: { type: 'job.started' } });
    expect(await log.lastOnSubject(JobCancelRequestedV2, JOB)).toMatchObject({
      position: 1,
      event: { type: 'job.cancel-requested' },
    });
    expect(await log.lastOnSubject(JobAssignedV2, JOB, EXECUTOR)).toMatchObject({
      position: 2,
      event: { data: { attempt: 1 } },
    });
    expect(await log.lastOnSubject(JobAssignedV2, JOB, OTHER_JOB)).toBeUndefined();
  });

  it('brings old versions up to the newest one wherever an event is read', async () => {
    const { log } = await factory();
    await log.append(testEvent(JobSampledV0, JOB, { text: 'two words' }));
    const event = { type: 'job.sampled', storedName: 'job.sampled.v0', data: { words: ['two', 'words'], count: 2 } };
    for (const entry of await everyWay(log, 1)) expect(entry).toMatchObject({ status: 'event', event });
  });

  it('calls a newer version of a known type newer, and a type without contract unknown, wherever an event is read', async () => {
    const { log, readBy } = await factory();
    const newer = testEvent(JobSampledV2, JOB, { words: [], count: 0 });
    await log.append(newer);
    const judged = (catalogue: ContractCatalogue): Promise<(LogEntry | undefined)[]> => everyWay(readBy(catalogue), 1);
    for (const entry of await judged(SAMPLED_V1)) {
      expect(entry).toMatchObject({
        status: 'newer',
        position: 1,
        name: 'job.sampled.v2',
        type: 'job.sampled',
        eventId: newer.id,
      });
    }
    for (const entry of await judged(SAMPLED_UNKNOWN))
      expect(entry).toMatchObject({ status: 'unknown', name: 'job.sampled.v2', eventId: newer.id });
  });

  it('calls garbage on an event subject void with the reason, wherever it is read', async () => {
    const { log, root, putRaw } = await factory();
    await putRaw({ subject: `${root}.job.${JOB}.gateway`, data: '{"not":"ours"}' });
    for (const entry of await everyWay(log, 1)) {
      expect(entry).toEqual({
        status: 'void',
        position: 1,
        subject: `${root}.job.${JOB}.gateway`,
        reason: 'ce-specversion is missing',
        size: 14,
      });
    }
  });

  it('fences a decision that stands behind a term of a higher epoch, and none before it, wherever it is read', async () => {
    const { log, readBy } = await factory();
    await log.append(termStarted(1));
    await log.append(assigned(1, 1));
    await log.append(termStarted(2));
    await log.append(assigned(2, 1));
    const fenced = { status: 'fenced', position: 4, term: 2, event: { data: { attempt: 2 } } };
    // A reader that has read nothing yet must learn the earlier terms by itself.
    const fresh = (): EventLog => readBy(SAMPLED_V1);
    for (const reader of [log, fresh()]) expect(await reader.lastOfAggregate('job', JOB)).toMatchObject(fenced);
    expect(await fresh().lastOnSubject(JobAssignedV2, JOB, EXECUTOR)).toMatchObject(fenced);
    expect(await collect(fresh().read({ after: 3 }))).toMatchObject([fenced]);
    expect(await collect(fresh().readAggregate('job', JOB, { after: 2 }))).toMatchObject([fenced]);
    expect(outline(await collect(fresh().readAggregate('job', JOB)))).toEqual(['2 event', '4 fenced']);
    expect(outline(await collect(log.read({ after: 0 })))).toEqual(['1 event', '2 event', '3 event', '4 fenced']);
    await log.append(assigned(3, 2));
    expect(await log.lastOfAggregate('job', JOB)).toMatchObject({ status: 'event', position: 5 });
  });
}

/** The message at `position`, the only one of its job and subject, by each way of reading. */
async function everyWay(log: EventLog, position: number): Promise<(LogEntry | undefined)[]> {
  return [
    (await collect(log.read({ after: position - 1, to: position })))[0],
    (await collect(log.readAggregate('job', JOB)))[0],
    await log.lastOfAggregate('job', JOB),
    await log.lastOnSubject(JobSampledV1, JOB),
    (await followAll(log)).entries[position - 1],
  ];
}
