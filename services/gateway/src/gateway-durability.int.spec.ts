import { EVENTS_STREAM } from '@anime/contracts';
import { provision } from '@anime/event-store';
import { AnswerCheck } from '@anime/gateway-client/testing';
import { createTestDatabase, eventually, startNatsCluster } from '@anime/testing';
import { expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { startTestGateway } from './testing/test-gateway.js';

it('a cluster whose log has one replica is told as unverified durability, and no longer once it has three', async () => {
  await using cluster = await startNatsCluster();
  await using database = await createTestDatabase();
  await eventually(() => provision({ natsUrl: cluster.url }), { what: 'the cluster takes streams' });
  await using gateway = await startTestGateway({
    natsUrl: cluster.url,
    databaseUrl: database.url,
    check: new AnswerCheck(),
  });
  const durability = async () => {
    const { checks } = (await (await fetch(`${gateway.url}/ready`)).json()) as { checks: { name: string }[] };
    return checks.find(({ name }) => name === 'durability');
  };
  expect(await durability()).toMatchObject({ ok: true, reason: expect.stringContaining('unverified') });
  const manager = await jetstreamManager(await gateway.log.connected());
  await manager.streams.update(EVENTS_STREAM, { num_replicas: 3 });
  expect(await durability()).toMatchObject({ ok: true, reason: null });
}, 60_000);
