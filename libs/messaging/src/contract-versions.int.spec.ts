import { CATALOGUE, createCatalogue, JobCancelRequestedV1, JobCancelRequestedV2 } from '@anime/contracts';
import { uuidv7, type JetStreamLog, type RecordedEvent } from '@anime/event-store';
import { testEvent } from '@anime/event-store/testing';
import { eventually } from '@anime/testing';
import { describe, expect, it, jest } from '@jest/globals';
import { DONE, type ProcessRow } from './consumer-table.js';
import { recorder, useReactorStudios } from './testing/reactor-studio.js';

jest.setTimeout(30_000);
const studios = useReactorStudios();

/** What a build knew before there was a second version of the event. */
const OLD = createCatalogue(
  CATALOGUE.contracts.filter((contract) => contract !== JobCancelRequestedV2),
  [...CATALOGUE.upcasters.values()].filter(({ to }) => to !== JobCancelRequestedV2),
);
const REASON = {
  sealed: 'aes-256-gcm',
  subject: '0193a000-0000-7000-8000-000000000001',
  keyVersion: 1,
  nonce: 'AAAAAAAAAAAAAAAA',
  ciphertext: 'q83vEg==',
  tag: 'AAAAAAAAAAAAAAAAAAAAAA==',
} as const;

/** A reactor and a process of one build, that note what they are given. */
function build(contract: typeof JobCancelRequestedV1 | typeof JobCancelRequestedV2) {
  const reacted: RecordedEvent[] = [];
  const folded: RecordedEvent[] = [];
  const worker = recorder(
    async (event) => {
      reacted.push(event);
      return DONE;
    },
    { events: [contract], concurrency: 1 },
  );
  const fold: ProcessRow = {
    kind: 'process',
    name: 'fold',
    events: [contract],
    maxBatch: 10,
    loadCheckpoint: async () => ({ position: 0, eventId: '' }),
    onBatch: async ({ entries }) => {
      for (const entry of entries) if (entry.status === 'event') folded.push(entry.event);
    },
  };
  return { reacted, folded, table: [worker.row, fold] };
}
const dataOf = (events: readonly RecordedEvent[]): unknown[] => events.map(({ data }) => data);

describe('two builds of which one knows a newer version of an event', () => {
  const write = {
    v1: (log: JetStreamLog, jobId: string) => log.append(testEvent(JobCancelRequestedV1, jobId, {})),
    v2: (log: JetStreamLog, jobId: string) => log.append(testEvent(JobCancelRequestedV2, jobId, { reason: REASON })),
  };

  it('work side by side when readers are deployed before writers: each event is handled once, old ones in the new form', async () => {
    const studio = await studios();
    await studio.createDurable();
    const [oldWriter, newWriter] = [await studio.open(OLD), await studio.open()];
    const [older, newer] = [build(JobCancelRequestedV1), build(JobCancelRequestedV2)];
    const jobId = uuidv7();
    const oldReader = studio.serve(older.table, { log: await studio.open(OLD) });
    await write.v1(oldWriter, jobId);
    await eventually(async () => older.reacted.length === 1, { what: 'the old build handles what it wrote' });

    // The new reader comes beside the old one, which still shares the durable with it.
    const newReader = studio.serve(newer.table, { log: await studio.open() });
    for (let i = 0; i < 6; i += 1) await write.v1(oldWriter, jobId);
    await eventually(async () => older.reacted.length + newer.reacted.length === 7, { what: 'both share the work' });
    await eventually(async () => older.folded.length === 7 && newer.folded.length === 7, { what: 'both fold it all' });
    expect(older.folded.map(({ id }) => id)).toEqual(newer.folded.map(({ id }) => id));
    expect(dataOf(older.folded)).toEqual(Array.from({ length: 7 }, () => ({})));
    expect(dataOf(newer.folded)).toEqual(Array.from({ length: 7 }, () => ({ reason: null })));
    await oldReader.close();

    // Then the writer, for a while also beside the old one.
    await write.v2(newWriter, jobId);
    await write.v1(oldWriter, jobId);
    await write.v2(newWriter, jobId);
    await eventually(async () => older.reacted.length + newer.reacted.length === 10, { what: 'all are handled' });
    await eventually(async () => newer.folded.length === 10, { what: 'all are folded' });
    expect(dataOf(newer.folded.slice(7))).toEqual([{ reason: REASON }, { reason: null }, { reason: REASON }]);
    expect(new Set([...older.reacted, ...newer.reacted].map(({ id }) => id)).size).toBe(10);
    expect(newReader.check()).toEqual({ ok: true, reason: null });
  });

  it('lose nothing when a writer is deployed too early: old readers stop, name the event and leave it to new ones', async () => {
    const studio = await studios();
    await studio.createDurable();
    const [older, newer] = [build(JobCancelRequestedV1), build(JobCancelRequestedV2)];
    const oldReader = studio.serve(older.table, { log: await studio.open(OLD) });
    const jobId = uuidv7();
    await write.v1(await studio.open(OLD), jobId);
    await eventually(async () => older.reacted.length === 1 && older.folded.length === 1, {
      what: 'the first is read',
    });
    const early = await studio.open();
    await write.v2(early, jobId);
    await write.v2(early, jobId);
    await eventually(async () => oldReader.consumers().every(({ state }) => state !== 'running'), {
      what: 'both old readers stop',
    });
    expect(oldReader.check()).toMatchObject({ ok: false });
    for (const { reason } of oldReader.consumers())
      expect(reason).toMatch(/position [23] holds job\.cancel-requested\.v2/);
    expect([older.reacted.length, older.folded.length]).toEqual([1, 1]);
    await oldReader.close();

    studio.serve(newer.table, { log: await studio.open() });
    await eventually(async () => newer.reacted.length === 2 && newer.folded.length === 3, { what: 'the rest is read' });
    expect(dataOf(newer.reacted)).toEqual([{ reason: REASON }, { reason: REASON }]);
  });
});
