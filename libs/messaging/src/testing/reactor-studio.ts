import { afterEach } from '@jest/globals';
import { JobCancelRequestedV2, type ContractCatalogue, type EventContract, type EventData } from '@anime/contracts';
import { createDurable, openLog, provision, uuidv7, type JetStreamLog, type RecordedEvent } from '@anime/event-store';
import { testEvent, type TestMeta } from '@anime/event-store/testing';
import { useNats, type TestNats } from '@anime/testing';
import { DONE, type ConsumerTable, type Outcome, type ReactorContext, type ReactorRow } from '../consumer-table.js';
import { JetStreamStrategy } from '../jetstream-strategy.js';
import type { MessagingLogger } from '../messaging-logger.js';

export const quietLogger: MessagingLogger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** A stream of its own on the file's server, its logs and its services; all ended after each test. */
export interface ReactorStudio {
  readonly nats: TestNats;
  readonly stream: string;
  readonly log: JetStreamLog;
  /** Another process's connection. */
  open(catalogue?: ContractCatalogue): Promise<JetStreamLog>;
  createDurable(name?: string, ackWaitMs?: number): Promise<void>;
  append<C extends EventContract>(
    contract: C,
    data: EventData<C>,
    aggregateId?: string,
    meta?: TestMeta,
  ): Promise<number>;
  /** Appends `count` events without data, each of its own job unless one is given. */
  appendMany(count: number, aggregateId?: string): Promise<void>;
  serve(
    table: ConsumerTable,
    options?: { log?: JetStreamLog; drainMs?: number; logger?: MessagingLogger },
  ): JetStreamStrategy;
}

export const DURABLE = 'worker';

/** Call at the top of a test file. */
export function useReactorStudios(): () => Promise<ReactorStudio> {
  const nats = useNats();
  const logs: JetStreamLog[] = [];
  const services: JetStreamStrategy[] = [];
  let count = 0;
  afterEach(async () => {
    await Promise.all(services.splice(0).map((service) => service.close()));
    await Promise.all(logs.splice(0).map((log) => log.close()));
  });
  return async () => {
    const { url } = await nats.server();
    count += 1;
    const names = {
      stream: `EVENTS_${count}`,
      root: `anime-${count}`,
      durables: [],
      progressStream: `PROGRESS_${count}`,
      progressRoot: `progress-${count}`,
    };
    await provision({ natsUrl: url, ...names });
    const open = async (catalogue?: ContractCatalogue): Promise<JetStreamLog> => {
      const { stream, root } = names;
      const log = openLog({
        natsUrl: url,
        name: 'test',
        stream,
        root,
        ...(catalogue === undefined ? {} : { catalogue }),
      });
      logs.push(log);
      return log;
    };
    const log = await open();
    const append: ReactorStudio['append'] = async (contract, data, aggregateId = uuidv7(), meta = {}) =>
      (await log.append(testEvent(contract, aggregateId, data, meta))).position;
    return {
      nats,
      stream: names.stream,
      log,
      open,
      createDurable: async (name = DURABLE, ackWaitMs = 30_000) =>
        void (await createDurable(name, { natsUrl: url, stream: names.stream, from: 'start', ackWaitMs })),
      append,
      appendMany: async (many, aggregateId) => {
        for (let i = 0; i < many; i += 1) await append(JobCancelRequestedV2, { reason: null }, aggregateId);
      },
      serve: (table, options = {}) => {
        const service = new JetStreamStrategy({
          log: options.log ?? log,
          table,
          service: 'quality-scorer',
          logger: options.logger ?? quietLogger,
          ...(options.drainMs === undefined ? {} : { drainMs: options.drainMs }),
        });
        services.push(service);
        service.listen(() => undefined);
        return service;
      },
    };
  };
}

/** A reactor row that notes what it is given. */
export interface Recorder {
  readonly row: ReactorRow;
  readonly handled: { readonly position: number; readonly deliveries: number; readonly at: number }[];
  readonly parked: { readonly position: number; readonly error: unknown; readonly deliveries: number }[];
  /** Positions in the order in which they were handled. */
  positions(): number[];
}

export function recorder(
  handle: (event: RecordedEvent, context: ReactorContext) => Promise<Outcome> = async () => DONE,
  options: Partial<ReactorRow> = {},
): Recorder {
  const handled: Recorder['handled'] = [];
  const parked: Recorder['parked'] = [];
  const row: ReactorRow = {
    kind: 'reactor',
    name: 'worker',
    durable: DURABLE,
    events: [JobCancelRequestedV2],
    ackWaitMs: 30_000,
    backoffMs: [50],
    concurrency: 4,
    handle: (event, context) => {
      handled.push({ position: event.position, deliveries: context.deliveries, at: performance.now() });
      return handle(event, context);
    },
    park: async (event, error, deliveries) => void parked.push({ position: event.position, error, deliveries }),
    ...options,
  };
  return { row, handled, parked, positions: () => handled.map((one) => one.position) };
}
