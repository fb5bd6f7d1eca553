import { describe, expect, it } from '@jest/globals';
import { GARBAGE_HEADERS, publishRaw, useNats } from '@anime/testing';
import { followAll } from '../testing/conformance/follow-all.js';
import { cancelRequested, JOB, outline } from '../testing/conformance/samples.js';
import { collect } from '../testing/collect.js';
import { useStudios } from '../testing/jetstream/studio.js';

const nats = useNats();
const newStudio = useStudios(nats);

describe('garbage on an event subject', () => {
  for (const [name, block] of Object.entries(GARBAGE_HEADERS)) {
    it(`with ${name} is void for every reader, and the connection goes on`, async () => {
      const { open, root } = await newStudio();
      const log = open();
      await log.append(cancelRequested());
      const { port } = await nats.server();
      for (const data of ['', 'garbage']) {
        await publishRaw(port, { subject: `${root}.job.${JOB}.gateway`, headerBlock: block, data });
      }
      expect(await log.lastOfAggregate('job', JOB)).toMatchObject({ status: 'void', position: 3 });
      await log.append(cancelRequested(), { expect: { scope: 'aggregate', lastPosition: 3 } });
      const seen = ['1 event', '2 void', '3 void', '4 event'];
      expect(outline(await collect(log.readAggregate('job', JOB)))).toEqual(seen);
      expect(outline(await collect(log.read({ after: 0 })))).toEqual(seen);
      const { batches, entries } = await followAll(log);
      expect(outline(entries)).toEqual(seen);
      const behindGarbage = await followAll(log, { position: 3, eventId: '' });
      expect(outline(behindGarbage.entries)).toEqual(['4 event']);
      expect(batches.at(-1)?.checkpoint).toMatchObject({ position: 4 });
      expect(log.state()).toEqual({ connected: true, reason: null });
    });
  }

  it('on subjects of any form is void in its place', async () => {
    const { open, root } = await newStudio();
    const log = open();
    const { port } = await nats.server();
    for (const subject of [
      'x',
      'job',
      `job.${JOB}`,
      `job.${JOB}.gateway.a.b.c`,
      'jöb.é.漢',
      'scheduler.x.orchestrator',
    ]) {
      await publishRaw(port, { subject: `${root}.${subject}`, headerBlock: 'NATS/1.0\r\n\r\n', data: '{}' });
    }
    await log.append(cancelRequested());
    const expected = [1, 2, 3, 4, 5, 6].map((position) => `${position} void`).concat('7 event');
    expect(outline(await collect(log.read({ after: 0 })))).toEqual(expected);
    expect(outline((await followAll(log)).entries)).toEqual(expected);
  });
});
