import { describe, expect, it } from '@jest/globals';
import { AGGREGATES, CATALOGUE, createCatalogue, SERVICES, type ContractCatalogue } from '@anime/contracts';
import fc from 'fast-check';
import type { NewEvent } from '../event.js';
import type { LogEntry } from '../log-entry.js';
import { recordedFrom } from '../recorded-from.js';
import { assigned, cancelRequested, JOB, OTHER_JOB, started } from '../testing/conformance/samples.js';
import { JobSampledV0, JobSampledV1, JobSampledV2, SAMPLED_V2 } from '../testing/sampled-contracts.js';
import { testEvent } from '../testing/test-event.js';
import { classify } from './classify.js';
import { encodeEvent } from './encode-event.js';
import { MSG_ID_HEADER, type StoredMessage } from './stored-message.js';

interface Change {
  readonly subject?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly data?: string;
}

function stored(event: NewEvent, change: Change = {}): StoredMessage {
  const encoded = encodeEvent(event, 'anime');
  const headers = new Map<string, string | undefined>([
    ...encoded.headers,
    [MSG_ID_HEADER, event.id],
    ...Object.entries(change.headers ?? {}),
  ]);
  return {
    position: 7,
    subject: change.subject ?? encoded.subject,
    header: (name) => headers.get(name),
    data: change.data === undefined ? encoded.data : new TextEncoder().encode(change.data),
  };
}

function judged(event: NewEvent, change: Change = {}, catalogue: ContractCatalogue = CATALOGUE): LogEntry {
  return classify(stored(event, change), catalogue, 'anime');
}

describe('classify', () => {
  it('gives back every event that encodeEvent writes', () => {
    for (const event of [cancelRequested(JOB, { causationId: OTHER_JOB }), started(2), assigned(1, 3)]) {
      expect(judged(event)).toEqual({ status: 'event', position: 7, event: recordedFrom(event, 7) });
    }
  });

  const voids: [string, Change, RegExp][] = [
    ['no spec version', { headers: { 'ce-specversion': undefined } }, /ce-specversion is missing/],
    ['another spec version', { headers: { 'ce-specversion': '0.3' } }, /ce-specversion is 0\.3/],
    ['no id', { headers: { 'ce-id': undefined } }, /envelope.*\/id/],
    ['an upper-case id', { headers: { 'ce-id': JOB.toUpperCase() } }, /envelope.*\/id/],
    ['no Nats-Msg-Id', { headers: { [MSG_ID_HEADER]: undefined } }, /Nats-Msg-Id is missing/],
    ['another Nats-Msg-Id', { headers: { [MSG_ID_HEADER]: OTHER_JOB } }, /Nats-Msg-Id is /],
    ['a day that there is not', { headers: { 'ce-time': '2026-02-29T03:04:05.000Z' } }, /envelope.*\/time/],
    ['a leap second', { headers: { 'ce-time': '2026-06-30T23:59:60.000Z' } }, /envelope.*\/time/],
    [
      'a spec version without end',
      { headers: { 'ce-specversion': '🦊'.repeat(40_000) } },
      /^ce-specversion is 🦊{141}…$/u,
    ],
    ['a time without milliseconds', { headers: { 'ce-time': '2026-01-02T03:04:05Z' } }, /envelope.*\/time/],
    ['no correlation', { headers: { 'ce-correlationid': undefined } }, /envelope.*\/correlationid/],
    ['a speaking actor', { headers: { 'ce-actor': 'Jane' } }, /envelope.*\/actor/],
    ['an epoch that is no number', { headers: { 'ce-epoch': '0x10' } }, /envelope.*\/epoch/],
    [
      'a trace context of another version',
      { headers: { traceparent: `01-${'a'.repeat(32)}-${'b'.repeat(16)}-01` } },
      /envelope.*\/traceparent/,
    ],
    ['a type without version', { headers: { 'ce-type': 'job.started' } }, /envelope.*\/type/],
    [
      'the schema of another event',
      { headers: { 'ce-dataschema': 'urn:anime:schema:job.started.v9' } },
      /ce-dataschema is/,
    ],
    ['the id of another aggregate in ce-subject', { headers: { 'ce-subject': `job/${OTHER_JOB}` } }, /ce-subject is/],
    ['another source than its subject', { headers: { 'ce-source': '/anime/gateway' } }, /ce-source is/],
    ['another root', { subject: `other.job.${JOB}.comfyui-executor` }, /subject is not anime\./],
    ['too short a subject', { subject: `anime.job.${JOB}` }, /subject is not anime\./],
    ['too long a subject', { subject: `anime.job.${JOB}.comfyui-executor.a.b` }, /subject is not anime\./],
    [
      'a subject of another form',
      { subject: `anime.job.${JOB}.comfyui-executor.${OTHER_JOB}` },
      /does not belong on this subject/,
    ],
    [
      'another producer',
      { subject: `anime.job.${JOB}.gateway`, headers: { 'ce-source': '/anime/gateway' } },
      /belongs to comfyui-executor, not to gateway/,
    ],
    [
      'another aggregate',
      { subject: `anime.executor.${JOB}.comfyui-executor`, headers: { 'ce-subject': `executor/${JOB}` } },
      /not an event of executor/,
    ],
    ['data that is not JSON', { data: '{"attempt":' }, /the data is not JSON/],
    ['no data', { data: '' }, /the data is not JSON/],
    ['data of another shape', { data: '{"attempt":0}' }, /the data breaks job\.started\.v2: \/attempt/],
    [
      'an unknown field in its data',
      { data: JSON.stringify({ ...started(1).data, extra: 1 }) },
      /the data breaks job\.started\.v2/,
    ],
  ];
  it.each(voids)('calls a message with %s void and says why', (_name, change, reason) => {
    expect(judged(started(1), change)).toEqual({
      status: 'void',
      position: 7,
      subject: expect.any(String),
      reason: expect.stringMatching(reason),
      size: expect.any(Number),
    });
  });

  it('calls bytes that are not UTF-8, and headers that cannot be read, void', () => {
    expect(
      classify({ ...stored(started(1)), data: Uint8Array.of(0x22, 0xff, 0x22) }, CATALOGUE, 'anime'),
    ).toMatchObject({ status: 'void', reason: 'the data is not JSON' });
    const unreadable = (): never => {
      throw new Error('a header name with a space');
    };
    expect(classify({ ...stored(started(1)), header: unreadable }, CATALOGUE, 'anime')).toMatchObject({
      status: 'void',
      reason: 'the headers cannot be read',
    });
  });

  it('calls the assignment of another executor’s subject void', () => {
    expect(judged(assigned(1, 1), { subject: `anime.job.${JOB}.orchestrator.${OTHER_JOB}` })).toMatchObject({
      status: 'void',
    });
    expect(judged(assigned(1, 1), { subject: `anime.job.${JOB}.orchestrator` })).toMatchObject({ status: 'void' });
  });

  it('upcasts step by step, each time from the stored version', () => {
    const words = ['one', 'two'];
    const events = [
      testEvent(JobSampledV0, JOB, { text: 'one two' }),
      testEvent(JobSampledV1, JOB, { words }),
      testEvent(JobSampledV2, JOB, { words, count: 2 }),
    ];
    for (const event of events) {
      const entry = judged(event, {}, SAMPLED_V2);
      expect(entry).toMatchObject({
        status: 'event',
        event: { type: 'job.sampled', storedName: event.contract.name, data: { words, count: 2 } },
      });
    }
  });

  it('tells newer, unknown and void apart for what it has no contract for', () => {
    const newer = testEvent(JobSampledV2, JOB, { words: [], count: 0 });
    const knowsV1 = createCatalogue([JobSampledV1]);
    expect(judged(newer, {}, knowsV1)).toMatchObject({
      status: 'newer',
      type: 'job.sampled',
      name: 'job.sampled.v2',
      eventId: newer.id,
    });
    expect(judged(newer)).toMatchObject({ status: 'unknown', name: 'job.sampled.v2', eventId: newer.id });
    const old = testEvent(JobSampledV0, JOB, { text: '' });
    expect(judged(old, {}, knowsV1)).toMatchObject({ status: 'unknown', name: 'job.sampled.v0' });
    const usurped = { subject: `anime.job.${JOB}.orchestrator`, headers: { 'ce-source': '/anime/orchestrator' } };
    expect(judged(newer, usurped, knowsV1)).toMatchObject({
      status: 'void',
      reason: 'job.sampled.v1 belongs to gateway, not to orchestrator',
    });
    expect(judged(newer, { headers: { 'ce-time': 'now' } })).toMatchObject({ status: 'void' });
  });

  it('judges any message at all without throwing, and the same one always alike', () => {
    const token = fc.oneof(fc.constantFrom(...AGGREGATES, ...SERVICES, JOB, 'anime', 'accepted', ''), fc.string());
    const value = fc.oneof(fc.constantFrom(JOB, 'job.started.v1', '/anime/gateway', '1.0', `job/${JOB}`), fc.string());
    const names = [...encodeEvent(started(1), 'anime').headers.keys(), MSG_ID_HEADER];
    const message = fc.record({
      subject: fc.array(token, { maxLength: 6 }).map((tokens) => tokens.join('.')),
      headers: fc.dictionary(fc.constantFrom(...names), fc.option(value, { nil: undefined })),
      data: fc.oneof(fc.json(), fc.string()),
    });
    fc.assert(
      fc.property(message, fc.boolean(), ({ subject, headers, data }, keepSubject) => {
        const change = { headers, data, ...(keepSubject ? {} : { subject }) };
        const event = started(1);
        expect(judged(event, change)).toEqual(judged(event, change));
      }),
    );
  });
});
