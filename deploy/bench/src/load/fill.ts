import { uuidv7 } from '@anime/event-store';
import { jetstream } from '@nats-io/jetstream';
import { connect, headers, type MsgHdrs } from '@nats-io/transport-node';
import { encodeEvent } from '@anime/event-store';
import { storyOfJob } from '../job-events.js';
import { serve } from './serve.js';

export interface FillAsk {
  readonly natsUrl: string;
  readonly jobs: number;
}
export interface FillAnswer {
  readonly events: number;
}

const IN_FLIGHT = 1_000;

/** Stores the twelve events of each job, a few jobs at a time so that they interleave as in a studio at work. */
serve(async ({ natsUrl, jobs }: FillAsk): Promise<FillAnswer> => {
  const nc = await connect({ servers: natsUrl });
  const js = jetstream(nc, { timeout: 30_000 });
  const templateId = uuidv7();
  // Encoded once: of a job only its own id and those of its events differ.
  const steps = storyOfJob(templateId).map((event) => encodeEvent(event, 'anime'));
  const inFlight = new Set<Promise<unknown>>();
  const AT_ONCE = 20;
  let events = 0;
  for (let begun = 0; begun < jobs; begun += AT_ONCE) {
    const ids = Array.from({ length: Math.min(AT_ONCE, jobs - begun) }, () => uuidv7());
    for (const step of steps) {
      for (const id of ids) {
        const messageId = uuidv7();
        const subject = step.subject.replace(templateId, id);
        const sent = js.publish(subject, step.data, {
          msgID: messageId,
          headers: envelope(step.headers, templateId, id, messageId),
        });
        inFlight.add(sent);
        void sent.finally(() => inFlight.delete(sent));
        events += 1;
        if (inFlight.size >= IN_FLIGHT) await Promise.race(inFlight);
      }
    }
  }
  await Promise.all(inFlight);
  await nc.close();
  return { events };
});

function envelope(of: ReadonlyMap<string, string>, templateId: string, id: string, messageId: string): MsgHdrs {
  const block = headers();
  for (const [name, value] of of) block.set(name, name === 'ce-id' ? messageId : value.replace(templateId, id));
  return block;
}
