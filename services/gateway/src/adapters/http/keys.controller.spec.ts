import { KeyRing } from '@anime/api-keys';
import { MemoryLog } from '@anime/event-store/memory';
import { describe, expect, it } from '@jest/globals';
import { KeyCommands } from '../../commands/key-commands.js';
import { KeyQueries } from '../../queries/key-queries.js';
import { KeysController } from './keys.controller.js';
import { SealOpener } from './seal-opener.js';

const NOW = '2026-01-02T03:04:05.678Z';
const CALLER = { actor: '018f0000-0000-7000-8000-000000000001', scopes: ['admin'], keyId: null } as const;
const NO_PERSON = { seal: () => Promise.reject(new Error('no label')), open: async () => undefined };

/** A gateway whose reader of keys has come as far as the test says. */
function gateway() {
  const [log, ring] = [new MemoryLog(), new KeyRing()];
  const queries = new KeyQueries(ring, { lastUses: async () => new Map() });
  const seals = new SealOpener(NO_PERSON, fail);
  const controller = new KeysController(
    new KeyCommands({ log, subjectKeys: NO_PERSON, now: () => NOW }),
    queries,
    seals,
  );
  const readUpTo = (position: number): void =>
    ring.take({ entries: [], checkpoint: { position, eventId: '' }, caughtUp: true });
  return { log, controller, readUpTo };
}

/** Whether it has settled by the time that everything that is ready to run has run. */
async function hasSettled(answer: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void answer.finally(() => (settled = true));
  for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

function fail(error: Error): never {
  throw error;
}

describe('the answer to who issues or revokes a key', () => {
  it('comes once this gateway acts by it', async () => {
    const { log, controller, readUpTo } = gateway();
    const request = { params: undefined, query: undefined, headers: {}, body: { scopes: ['jobs:read' as const] } };
    const creating = controller.create(request, CALLER);
    expect([await hasSettled(creating), await log.end()]).toEqual([false, 1]);
    readUpTo(1);
    const { id } = await creating;
    const revoking = controller.revoke({ params: { id }, query: undefined, headers: {}, body: undefined }, CALLER);
    expect([await hasSettled(revoking), await log.end()]).toEqual([false, 2]);
    readUpTo(2);
    expect(await revoking).toEqual({ id, position: 2 });
  });
});
