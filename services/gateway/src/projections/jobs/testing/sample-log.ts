import { ENVELOPE_HEADERS, JobScoredV1, SPEC_VERSION } from '@anime/contracts';
import { deriveId, encodeEvent, type EventLog, type NewEvent } from '@anime/event-store';
import type { MemoryLog } from '@anime/event-store/memory';
import { sampleLetters } from '../../dead-letters/testing/sample-letters.js';
import { projectStory } from '../../projects/testing/project-events.js';
import { otherEvents } from './other-events.js';
import { olderEvents } from './older-events.js';
import { STORIES, type StoryName } from './sample-events.js';

const ROOT_ID = '00000000-0000-5000-8000-000000000000';

/** Id of the n-th sample job. */
export function sampleJobId(n: number): string {
  return deriveId(ROOT_ID, 'job', String(n));
}

/** What one step of a sample log does. */
export type LogStep =
  | { readonly kind: 'next'; readonly job: number }
  | { readonly kind: 'repeat'; readonly job: number }
  | { readonly kind: 'garbage'; readonly what: 'no-envelope' | 'bad-data' | 'wrong-producer' | 'unknown' };

/** Every event that is not of a job, then one of each story step by step as `steps` say, then what is left of each. */
export async function fillLog(log: MemoryLog, stories: readonly StoryName[], steps: readonly LogStep[]): Promise<void> {
  const others = [
    ...otherEvents('first', 1),
    ...projectStory('demo-film'),
    ...olderEvents([sampleJobId(20_000), sampleJobId(20_001)]),
  ];
  for (const event of others) await log.append(event);
  const queues = stories.map((name, n) =>
    STORIES[name](sampleJobId(n), { minute: n % 3, prompt: `prompt ${n} \u0000` }),
  );
  const told = queues.map((): NewEvent[] => []);
  const next = async (job: number): Promise<void> => {
    const event = queues[job]?.shift();
    if (event === undefined) return;
    told[job]?.push(event);
    await log.append(event);
  };
  for (const [index, step] of steps.entries()) {
    if (step.kind === 'next') await next(step.job % queues.length);
    else if (step.kind === 'repeat') await repeat(log, told[step.job % told.length]?.at(-1));
    else await garbage(log, step.what, index);
  }
  for (const job of queues.keys()) while ((queues[job]?.length ?? 0) > 0) await next(job);
  // From here on decisions of term 1 are fenced.
  for (const event of otherEvents('second', 2)) await log.append(event);
  for (const event of sampleLetters('letters')) await log.append(event);
  await repeat(log, sampleLetters('letters')[0]);
  for (const event of STORIES.completed(sampleJobId(10_000))) await log.append(event);
}

/** The very same event stored twice, as when the log's own window for duplicates has passed. */
async function repeat(log: MemoryLog, event: NewEvent | undefined): Promise<void> {
  if (event === undefined) return;
  const { subject, headers, data } = encodeEvent(event, log.root);
  await log.putRaw({ subject, headers: { ...Object.fromEntries(headers), 'Nats-Msg-Id': event.id }, data });
}

async function garbage(
  log: MemoryLog,
  what: Extract<LogStep, { readonly kind: 'garbage' }>['what'],
  index: number,
): Promise<void> {
  const job = sampleJobId(0);
  const id = deriveId(ROOT_ID, 'garbage', String(index));
  const subject = `${log.root}.job.${job}.quality-scorer`;
  const envelope = (name: string): Record<string, string> => ({
    'ce-specversion': SPEC_VERSION,
    'Nats-Msg-Id': id,
    [ENVELOPE_HEADERS.id]: id,
    [ENVELOPE_HEADERS.type]: name,
    [ENVELOPE_HEADERS.source]: '/anime/quality-scorer',
    [ENVELOPE_HEADERS.subject]: `job/${job}`,
    [ENVELOPE_HEADERS.time]: '2026-01-01T00:00:00.000Z',
    [ENVELOPE_HEADERS.dataschema]: `urn:anime:schema:${name}`,
    [ENVELOPE_HEADERS.correlationid]: id,
    [ENVELOPE_HEADERS.actor]: 'service:quality-scorer',
  });
  switch (what) {
    case 'no-envelope':
      await log.putRaw({ subject: `${log.root}.job.\u0001.${'x'.repeat(index)}`, data: 'rubbish' });
      return;
    case 'bad-data':
      await log.putRaw({ subject, headers: envelope(JobScoredV1.name), data: '{"attempt":0}' });
      return;
    case 'wrong-producer':
      await log.putRaw({ subject: `${log.root}.job.${job}.gateway`, headers: envelope(JobScoredV1.name), data: '{}' });
      return;
    case 'unknown':
      await log.putRaw({ subject, headers: envelope('job.dreamt.v1'), data: '{}' });
  }
}

/** Names of all contracts that a log holds valid events of. */
export async function contractsIn(log: EventLog): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  for await (const entry of log.read({ after: 0 })) if (entry.status === 'event') names.add(entry.event.storedName);
  return names;
}
