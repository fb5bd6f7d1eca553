import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { describe, expect, it } from '@jest/globals';
import { eventually } from './eventually.js';
import { useNats } from './use-nats.js';

describe('useNats', () => {
  const nats = useNats();
  const small = useNats({ storeMaxBytes: 64 * 1024 });

  it('gives one server to all tests of the file', async () => {
    expect(await nats.server()).toBe(await nats.server());
  });

  it('keeps stored messages over kill -9 and restart, and its connections come back', async () => {
    const connection = await nats.connection();
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: 'KEPT', subjects: ['kept.>'] });
    await jetstream(connection).publish('kept.one', 'a take');
    const server = await nats.server();
    await server.kill();
    await server.restart();
    const message = await (await jetstreamManager(await nats.connection())).streams.getMessage('KEPT', { seq: 1 });
    expect(message?.string()).toBe('a take');
    const answered = (): Promise<boolean> => connection.flush().then(() => true);
    expect(await eventually(answered, { what: 'the first connection answers again' })).toBe(true);
  });

  it('lets a server with a small max_file_store refuse what does not fit', async () => {
    const connection = await small.connection();
    await (await jetstreamManager(connection)).streams.add({ name: 'SMALL', subjects: ['small.>'] });
    const fill = async (): Promise<void> => {
      for (let n = 0; n < 20; n += 1) await jetstream(connection).publish('small.one', new Uint8Array(16 * 1024));
    };
    await expect(fill()).rejects.toThrow(/insufficient (resources|storage)|maximum/);
  });
});
