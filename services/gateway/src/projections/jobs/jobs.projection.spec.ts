import { describe, expect, it } from '@jest/globals';
import { CATALOGUE, JobRetryRequestedV1, type EventContract, type JobStatus } from '@anime/contracts';
import type { NewEvent } from '@anime/event-store';
import fc from 'fast-check';
import { PROJECTIONS } from '../index.js';
import { JOB_ATTEMPTS, JOBS } from './tables.js';
import { RowMap } from './testing/row-map.js';
import { jobEvents, STORIES, type StoryName } from './testing/sample-events.js';
import { sampleJobId } from './testing/sample-log.js';

const id = sampleJobId(1);
const stories = fc.constantFrom(...(Object.keys(STORIES) as StoryName[]));

/** The story's events so interleaved that only the order within each producer is kept; the request stays first. */
function interleaved(events: readonly NewEvent[], choices: readonly number[]): NewEvent[] {
  const [request, ...rest] = events;
  // A wish to try it again is stored only if nothing came in between: its place among the decisions is its own.
  const writer = ({ contract }: NewEvent): string =>
    contract.type === JobRetryRequestedV1.type ? 'orchestrator' : contract.producer;
  const byProducer = Object.values(Object.groupBy(rest, writer)).map((group) => [...(group ?? [])]);
  const order = request === undefined ? [] : [request];
  for (let n = 0; byProducer.some((group) => group.length > 0); n += 1) {
    const open = byProducer.filter((group) => group.length > 0);
    const next = open[(choices[n % choices.length] ?? 0) % open.length]?.shift();
    if (next !== undefined) order.push(next);
  }
  return order;
}

/** Status of the job after each event. */
function statuses(events: readonly NewEvent[]): JobStatus[] {
  const rows = new RowMap();
  return events.map((event) => rows.apply(event).row(JOBS, { id }).status);
}

describe('the read-models of the gateway', () => {
  it('read every event of the catalogue, each in one of them, in its newest version, but those of API keys', () => {
    const read: readonly EventContract[] = PROJECTIONS.flatMap((projection) => [...projection.events]);
    // Keys are known without PostgreSQL.
    const newest = [...CATALOGUE.newest.values()].filter(({ aggregate }) => aggregate !== 'api-key');
    expect(read.map(({ name }) => name).sort()).toEqual(newest.map(({ name }) => name).sort());
  });
});

describe('the jobs projection', () => {
  it('follows a job through its statuses', () => {
    expect(statuses(STORIES.completed(id))).toEqual([
      'requested',
      'queued',
      'assigned',
      'running',
      'executed',
      'executed',
      'executed',
      'executed',
      'executed',
      'completed',
    ]);
    expect(statuses(STORIES.retriedAndFailed(id))).toEqual([
      'requested',
      'queued',
      'assigned',
      'running',
      'running',
      'queued',
      'assigned',
      'running',
      'running',
      'failed',
    ]);
    expect(statuses(STORIES.cancelled(id))).toEqual([
      'requested',
      'queued',
      'assigned',
      'assigned',
      'assigned',
      'assigned',
      'running',
      'running',
      'cancelled',
    ]);
    expect(statuses(STORIES.declined(id)).slice(2, 7)).toEqual([
      'assigned',
      'assigned',
      'queued',
      'assigned',
      'running',
    ]);
    expect(statuses(STORIES.triedAgain(id)).slice(4, 16)).toEqual([
      'running',
      'failed',
      'queued',
      'queued',
      'queued',
      'assigned',
      'running',
      'running',
      'failed',
      'queued',
      'assigned',
      'running',
    ]);
    expect(statuses(STORIES.rejected(id))).toEqual(['requested', 'rejected']);
    expect(statuses(STORIES.movedElsewhere(id)).slice(2, 9)).toEqual([
      'assigned',
      'running',
      'assigned',
      'assigned',
      'queued',
      'assigned',
      'running',
    ]);
  });

  it('gives the same rows however facts and decisions are interleaved', () => {
    fc.assert(
      fc.property(stories, fc.array(fc.nat(), { minLength: 1, maxLength: 30 }), (name, choices) => {
        const inOrder = new RowMap().apply(...STORIES[name](id));
        const swapped = new RowMap().apply(...interleaved(STORIES[name](id), choices));
        expect(swapped.withoutPositions()).toEqual(inOrder.withoutPositions());
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same rows when any events come a second time, at any later place', () => {
    fc.assert(
      fc.property(
        stories,
        fc.array(fc.tuple(fc.nat(9), fc.nat(9)), { minLength: 1, maxLength: 8 }),
        (name, repeats) => {
          const events = STORIES[name](id);
          const again = [...events];
          for (const [which, later] of repeats) {
            const event = events[which % events.length];
            if (event !== undefined) again.splice(again.indexOf(event) + 1 + later, 0, event);
          }
          expect(new RowMap().apply(...again).withoutPositions()).toEqual(
            new RowMap().apply(...events).withoutPositions(),
          );
        },
      ),
    );
  });

  it('changes no row when an event comes a second time: the timeline keeps the place of the first', () => {
    for (const tell of Object.values(STORIES)) {
      const events = tell(id);
      const rows = new RowMap();
      for (const [index, event] of events.entries()) {
        const before = rows.apply(event).all();
        for (const repeat of events.slice(0, index + 1)) expect(rows.apply(repeat).all()).toEqual(before);
      }
    }
  });

  it('ignores a second fact of one attempt and kind under another id, but lists it', () => {
    const job = jobEvents(id);
    const told = [
      job.requested,
      job.accepted,
      job.assigned(1),
      job.started(1),
      job.executed(1),
      job.scored(1),
      job.organised(1),
    ];
    const rows = new RowMap().apply(...told);
    const before = rows.withoutPositions();
    const seconds = [job.started(1), job.executed(1), job.scored(1), job.organised(1)].map((event, n) => ({
      ...event,
      id: sampleJobId(500 + n),
    }));
    const added = [...rows.apply(...seconds).withoutPositions()].filter(
      ([name, row]) => JSON.stringify(before.get(name)) !== JSON.stringify(row),
    );
    expect(added.map(([name]) => name)).toEqual(
      seconds.map((event) => JSON.stringify(['job_timeline', id, event.id])).sort(),
    );
  });

  it('keeps the figures of every scorer build', () => {
    const job = jobEvents(id);
    const rows = new RowMap().apply(job.requested, job.scored(1, 'a'), job.scored(1, 'b'), {
      ...job.scored(1, 'a'),
      id: sampleJobId(7),
    });
    expect(rows.row(JOB_ATTEMPTS, { job_id: id, attempt: 1 }).scorer_builds).toEqual(['a', 'b']);
    expect([...rows.withoutPositions().keys()].filter((name) => name.startsWith('["job_scores"'))).toHaveLength(4);
  });

  it('records what an attempt does that is no longer current, without touching the job', () => {
    const job = jobEvents(id);
    const rows = new RowMap().apply(
      job.requested,
      job.accepted,
      job.assigned(1),
      job.retryScheduled(2),
      job.assigned(2),
    );
    const before = rows.row(JOBS, { id });
    rows.apply(job.started(1), job.executed(1));
    expect(rows.row(JOBS, { id })).toEqual(before);
    expect(rows.row(JOB_ATTEMPTS, { job_id: id, attempt: 1 }).executed_at).not.toBeNull();
  });

  it('opens a job that failed when somebody wants it to be tried again, and forgets why it failed and that it was to be cancelled', () => {
    const job = jobEvents(id);
    const rows = new RowMap().apply(job.requested, job.cancelRequested, job.accepted, job.assigned(1), job.failed(1));
    expect(rows.row(JOBS, { id })).toMatchObject({ status: 'failed', failure_class: 'transient' });
    rows.apply(job.retryRequested(1));
    expect(rows.row(JOBS, { id })).toMatchObject({
      status: 'queued',
      ended_at: null,
      failure_class: null,
      failure_message: null,
      executor_id: null,
      cancel_requested: false,
    });
    const waiting = rows.row(JOBS, { id });
    const started = job.started(1);
    rows.apply(started, job.attemptFailed(1));
    expect(rows.row(JOBS, { id })).toEqual({ ...waiting, started_at: started.time });
  });

  it.each(['completed', 'cancelled', 'rejected'] as const)('does not open one that is %s', (name) => {
    const rows = new RowMap().apply(...STORIES[name](id));
    const before = rows.row(JOBS, { id });
    expect(rows.apply(jobEvents(id).retryRequested(1)).row(JOBS, { id })).toEqual(before);
  });

  it('keeps a cancelled job cancelled, whatever becomes known later', () => {
    const job = jobEvents(id);
    const rows = new RowMap().apply(job.requested, job.accepted, job.assigned(1), job.cancelled(1));
    rows.apply(job.started(1), job.executed(1), job.scored(1), job.organised(1), job.gated(1), job.completed(1));
    expect(rows.row(JOBS, { id })).toMatchObject({ status: 'cancelled', verdict: null });
  });
});
