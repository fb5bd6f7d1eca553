import { openLog, type JetStreamLog } from '@anime/event-store';
import { requestedEvent } from '../job-events.js';
import { RawPublisher } from '../raw/raw-publisher.js';
import { percentile } from '../statistics.js';
import { serve } from './serve.js';
import { runWindow } from './windows.js';

export interface AppendAsk {
  readonly natsUrl: string;
  readonly who: 'product' | 'raw';
  readonly inFlight: number;
  readonly seconds: number;
}
export interface AppendAnswer {
  readonly perSecond: number;
  readonly p50Ms: number;
}

/** More than a server stores that syncs each write. Where it is not enough, a window ends earlier. */
const MOST_PER_SECOND = 10_000;

let log: JetStreamLog | undefined;
let raw: RawPublisher | undefined;

serve(async ({ natsUrl, who, inFlight, seconds }: AppendAsk): Promise<AppendAnswer> => {
  log ??= openLog({ natsUrl, name: 'bench' });
  raw ??= await RawPublisher.open(natsUrl);
  await log.connected();
  // Both know the events before the clock runs; the product's work on an event is part of its append.
  const events = Array.from({ length: MOST_PER_SECOND * seconds }, () => requestedEvent());
  const window = await (who === 'product'
    ? appends(log, events, inFlight, seconds)
    : publishes(raw, events, inFlight, seconds));
  return { perSecond: window.perSecond, p50Ms: percentile(window.ms, 0.5) };
});

function appends(to: JetStreamLog, events: ReturnType<typeof requestedEvent>[], inFlight: number, seconds: number) {
  const expect = { scope: 'aggregate', lastPosition: 0 } as const;
  return runWindow(inFlight, seconds, () => {
    const event = events.pop();
    return event && to.append(event, { expect });
  });
}

function publishes(to: RawPublisher, events: ReturnType<typeof requestedEvent>[], inFlight: number, seconds: number) {
  const messages = events.map((event) => to.encode(event));
  return runWindow(inFlight, seconds, () => {
    const message = messages.pop();
    return message && to.publish(message);
  });
}
