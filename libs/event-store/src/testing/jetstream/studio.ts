import { afterAll } from '@jest/globals';
import { useNats, type TestNats } from '@anime/testing';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { openLog, type JetStreamLog, type JetStreamLogOptions } from '../../jetstream/jetstream-log.js';
import type { RawMessage } from '../../memory/memory-storage.js';
import { streamSettings, topology } from '../../provision/settings.js';
import { SAMPLED_V2 } from '../sampled-contracts.js';

/** A stream of its own on the file's server, and logs that read it. */
export interface Studio {
  readonly stream: string;
  readonly root: string;
  readonly nc: NatsConnection;
  /** A new connection, for after a restart: what a client sends while it is disconnected is lost and waits for its timeout. */
  readonly connect: () => Promise<NatsConnection>;
  /** Opens a log on it, closed after the file's tests. */
  readonly open: (options?: Partial<JetStreamLogOptions>) => JetStreamLog;
  readonly putRaw: (message: RawMessage) => Promise<number>;
}

/** Call at the top of a test file; each call of the answer makes a new empty stream. */
export function useStudios(nats: TestNats = useNats()): () => Promise<Studio> {
  const logs: JetStreamLog[] = [];
  let count = 0;
  afterAll(async () => {
    await Promise.allSettled(logs.map((log) => log.close()));
  });
  return async () => {
    const { url } = await nats.server();
    const nc = await nats.connection();
    count += 1;
    const stream = `EVENTS_${count}`;
    const root = `anime-${count}`;
    const settings = streamSettings(topology({ stream, root }))[0];
    if (settings === undefined) throw new Error('there are no settings for the stream');
    await (await jetstreamManager(nc)).streams.add(settings);
    return {
      stream,
      root,
      nc,
      connect: () => nats.connection(),
      open: (options = {}) => {
        const log = openLog({ natsUrl: url, name: 'test', stream, root, catalogue: SAMPLED_V2, ...options });
        logs.push(log);
        return log;
      },
      putRaw: async ({ subject, headers: fields = {}, data }) => {
        const block = headers();
        for (const [name, value] of Object.entries(fields)) block.set(name, value);
        return (await jetstream(nc).publish(subject, data, { headers: block })).seq;
      },
    };
  };
}
