import type { Preview, Progress, ViewedJob } from '@anime/contracts';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  emptyOutbox,
  offerJob,
  offerPreview,
  offerProgress,
  offerReset,
  takeAll,
  type Outbox,
  type Outgoing,
  type PlacedProgress,
} from './outbox.js';

const JOB = '0199f0f0-0000-7000-8000-000000000001';
const AT = '2026-01-02T03:04:05.678Z';
const progressAt = (seq: number): PlacedProgress => ({ seq, data: dataAt(seq) });
const dataAt = (seq: number): Progress => ({
  jobId: JOB,
  attempt: 1,
  phase: 'running',
  fraction: Math.min(1, seq / 10_000),
  node: null,
  nodeTitle: null,
  step: null,
  steps: null,
  at: AT,
});
const jobAt = (position: number): ViewedJob => ({ jobId: JOB, status: 'running', attempt: 1, position, at: AT });

const previewAt = (index: number): { readonly data: Preview } => ({
  data: { jobId: JOB, attempt: index + 1, mediaType: 'image/jpeg', image: '', at: AT },
});

type Step = 'progress' | 'job' | 'reset' | 'preview' | 'take' | 'take while busy';
const steps = fc.array(
  fc.constantFrom<Step>('progress', 'progress', 'progress', 'job', 'reset', 'preview', 'take', 'take while busy'),
  { maxLength: 60 },
);
const gaps = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 60, maxLength: 60 });

interface Run {
  readonly start: number;
  /** Every progress seq that was offered, in order. */
  readonly offered: readonly number[];
  readonly resets: readonly number[];
  readonly sent: readonly Outgoing[];
}

/** Offers and takes as the steps say, then takes the rest, as a viewer does who reads at its own pace. */
function play(script: readonly Step[], distances: readonly number[], start: number): Run {
  let outbox: Outbox = emptyOutbox(start);
  let seq = start;
  const [offered, resets, sent]: [number[], number[], Outgoing[]] = [[], [], []];
  const take = (idle = true): void => {
    const { messages, rest } = takeAll(outbox, idle);
    sent.push(...messages);
    outbox = rest;
  };
  script.forEach((step, index) => {
    if (step === 'take' || step === 'take while busy') return take(step === 'take');
    if (step === 'preview') return void (outbox = offerPreview(outbox, previewAt(index)));
    if (step === 'job') return void (outbox = offerJob(outbox, jobAt(index + 1)));
    seq += distances[index] ?? 1;
    if (step === 'reset') {
      outbox = offerReset(outbox, { seq, job: null, progress: null });
      resets.push(seq);
    } else {
      outbox = offerProgress(outbox, progressAt(seq));
      offered.push(seq);
    }
  });
  take();
  return { start, offered, resets, sent };
}

const seqOf = (message: Outgoing): number =>
  message.type === 'reset' ? message.reset.seq : message.type === 'progress' ? message.progress.seq : message.prev;

describe('the outbox of a viewer', () => {
  it('names in each message the seq of the one before, whatever is coalesced', () => {
    fc.assert(
      fc.property(steps, gaps, fc.nat(100), (script, distances, start) => {
        let before = start;
        for (const message of play(script, distances, start).sent) {
          expect(message.prev).toBe(before);
          before = seqOf(message);
        }
      }),
    );
  });

  it('leaves no gap: each progress stands for exactly what was offered since the message before it', () => {
    fc.assert(
      fc.property(steps, gaps, fc.nat(100), (script, distances, start) => {
        const { offered, sent } = play(script, distances, start);
        let covered = start;
        for (const message of sent) {
          const seq = seqOf(message);
          if (message.type === 'progress') {
            const stoodFor = offered.filter((one) => one > covered && one <= seq);
            expect(message.from).toBe(stoodFor.length === 1 ? undefined : stoodFor[0]);
            expect(stoodFor.at(-1)).toBe(seq);
            expect(message.progress.data).toEqual(dataAt(seq));
          }
          covered = seq;
        }
        expect(offered.filter((one) => one > covered)).toEqual([]);
      }),
    );
  });

  it('ends with the latest status and nothing left, and holds at most one message of each type', () => {
    fc.assert(
      fc.property(steps, gaps, (script, distances) => {
        const { sent } = play(script, distances, 0);
        const lastReset = script.lastIndexOf('reset');
        const lastJob = script.lastIndexOf('job');
        const shown = sent.findLast((message) => message.type === 'job');
        if (lastJob > lastReset) expect(shown?.type === 'job' && shown.job.position).toBe(lastJob + 1);
        const alone = takeAll(
          script.reduce<Outbox>((outbox, step, index) => {
            if (step === 'progress') return offerProgress(outbox, progressAt(index + 1));
            return step === 'job' ? offerJob(outbox, jobAt(index + 1)) : outbox;
          }, emptyOutbox(0)),
        );
        expect(alone.messages.length).toBeLessThanOrEqual(2);
        expect(takeAll(alone.rest).messages).toEqual([]);
      }),
    );
  });

  it('lets a reset replace all that waited', () => {
    const waiting = offerJob(offerProgress(emptyOutbox(3), progressAt(5)), jobAt(1));
    const { messages } = takeAll(
      offerProgress(offerReset(waiting, { seq: 9, job: null, progress: null }), progressAt(10)),
    );
    expect(messages.map((message) => [message.type, message.prev, seqOf(message)])).toEqual([
      ['reset', 3, 9],
      ['progress', 9, 10],
    ]);
  });

  it('holds a preview back while something else is on its way, and then sends the newest, behind the rest', () => {
    const first = offerPreview(offerProgress(emptyOutbox(3), progressAt(5)), previewAt(0));
    const busy = takeAll(first, false);
    expect(busy.messages.map((message) => message.type)).toEqual(['progress']);
    const { messages, rest } = takeAll(offerJob(offerPreview(busy.rest, previewAt(1)), jobAt(1)), true);
    expect(messages.map((message) => [message.type, message.prev])).toEqual([
      ['job', 5],
      ['preview', 5],
    ]);
    expect(messages.at(-1)).toMatchObject({ preview: previewAt(1) });
    expect(takeAll(rest).messages).toEqual([]);
  });

  it('loses a preview to a reset: it is of the state before', () => {
    const outbox = offerReset(offerPreview(emptyOutbox(0), previewAt(0)), { seq: 1, job: null, progress: null });
    expect(takeAll(outbox).messages.map((message) => message.type)).toEqual(['reset']);
  });
});
