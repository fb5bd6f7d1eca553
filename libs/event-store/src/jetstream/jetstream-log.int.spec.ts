import { describe, expect, it } from '@jest/globals';
import { JobAssignedV2, JobStartedV2 } from '@anime/contracts';
import { jetstream, type JsMsg } from '@nats-io/jetstream';
import { assigned, outline, termStarted } from '../testing/conformance/samples.js';
import { runEventLogConformance } from '../testing/event-log-conformance.js';
import { useStudios } from '../testing/jetstream/studio.js';

const newStudio = useStudios();

runEventLogConformance('JetStreamLog', async () => {
  const { open, root, putRaw } = await newStudio();
  return { log: open(), root, putRaw, readBy: (catalogue) => open({ catalogue }) };
});

describe('a message that a consumer delivered', () => {
  it('is fenced by the terms before it, if its type is one of those asked for', async () => {
    const { open, nc, stream } = await newStudio();
    const writer = open();
    for (const event of [termStarted(2), assigned(1, 1), assigned(2, 2)]) await writer.append(event);
    const delivered: JsMsg[] = [];
    const consumer = await jetstream(nc).consumers.get(stream, { opt_start_seq: 2 });
    for await (const message of await consumer.fetch({ max_messages: 2 })) delivered.push(message);
    const judged = async (types?: ReadonlySet<string>) => {
      // A reader that has read nothing yet must learn the earlier terms by itself.
      const log = open();
      return outline(await Promise.all(delivered.map((message) => log.entryOf(message, types))));
    };
    expect(await judged()).toEqual(['2 fenced', '3 event']);
    expect(await judged(new Set([JobAssignedV2.type]))).toEqual(['2 fenced', '3 event']);
    expect(await judged(new Set([JobStartedV2.type]))).toEqual(['2 event', '3 event']);
  });
});
