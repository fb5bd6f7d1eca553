import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { useNats } from '@anime/testing';
import { followAll } from '../testing/conformance/follow-all.js';
import { cancelRequested, JOB, outline } from '../testing/conformance/samples.js';
import { collect } from '../testing/collect.js';
import { useStudios } from '../testing/jetstream/studio.js';

const nats = useNats();
const newStudio = useStudios(nats);

/** Publishes bytes that no client library would send; returns when the server has taken them. */
async function publishRaw(subject: string, headerBlock: string, data: string): Promise<void> {
  const socket = connect((await nats.server()).port, '127.0.0.1');
  await once(socket, 'connect');
  const bytes = Buffer.byteLength(headerBlock);
  socket.write('CONNECT {"headers":true,"verbose":false,"lang":"test","version":"0"}\r\n');
  socket.write(`HPUB ${subject} ${bytes} ${bytes + Buffer.byteLength(data)}\r\n${headerBlock}${data}\r\nPING\r\n`);
  let answer = '';
  for await (const chunk of socket) {
    answer += String(chunk);
    if (answer.includes('PONG')) break;
    if (answer.includes('-ERR')) throw new Error(answer);
  }
  socket.destroy();
}

describe('garbage on an event subject', () => {
  // Header blocks that end or mislead the client library's own parsing: without a body, as that is when it looks at them.
  const blocks: Readonly<Record<string, string>> = {
    'a header name with a space': 'NATS/1.0\r\nbad name: x\r\n\r\n',
    'the status of a missing message': 'NATS/1.0 404 Message Not Found\r\n\r\n',
    'the status of no responders': 'NATS/1.0 503\r\n\r\n',
    'the status of an end of batch': 'NATS/1.0 204 EOB\r\n\r\n',
    'a heartbeat': 'NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 1\r\n\r\n',
    'headers of the server': 'NATS/1.0\r\nNats-Subject: other\r\nNats-Sequence: 99\r\nNats-Stream: OTHER\r\n\r\n',
  };

  for (const [name, block] of Object.entries(blocks)) {
    it(`with ${name} is void for every reader, and the connection goes on`, async () => {
      const { open, root } = await newStudio();
      const log = open();
      await log.append(cancelRequested());
      for (const data of ['', 'garbage']) await publishRaw(`${root}.job.${JOB}.gateway`, block, data);
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
    for (const subject of [
      'x',
      'job',
      `job.${JOB}`,
      `job.${JOB}.gateway.a.b.c`,
      'jöb.é.漢',
      'scheduler.x.orchestrator',
    ]) {
      await publishRaw(`${root}.${subject}`, 'NATS/1.0\r\n\r\n', '{}');
    }
    await log.append(cancelRequested());
    const expected = [1, 2, 3, 4, 5, 6].map((position) => `${position} void`).concat('7 event');
    expect(outline(await collect(log.read({ after: 0 })))).toEqual(expected);
    expect(outline((await followAll(log)).entries)).toEqual(expected);
  });
});
