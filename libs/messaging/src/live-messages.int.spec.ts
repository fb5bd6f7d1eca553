import { describe, expect, it } from '@jest/globals';
import {
  ExecutorHeartbeatV1,
  MESSAGE_CONTRACTS,
  ProgressV1,
  ServiceStatusV1,
  type ExecutorHeartbeat,
  type Progress,
  type ServiceStatus,
} from '@anime/contracts';
import { eventually, useNats } from '@anime/testing';
import { jetstreamManager } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import {
  messageFilter,
  messageSubject,
  publishLive,
  publishProgress,
  subscribeLive,
  subscribeSigns,
} from './live-messages.js';
import { startStatusReporter } from './status-reporter.js';
import { quietLogger } from './testing/reactor-studio.js';

const nats = useNats();
const ID = '00000000-0000-4000-8000-000000000001';
const OTHER = '00000000-0000-4000-8000-000000000002';
const AT = '2026-01-01T00:00:00.000Z';
const heartbeat = (executorId: string): ExecutorHeartbeat => ({
  executorId,
  name: 'comfyui-1',
  reachable: true,
  reason: null,
  jobId: null,
  queue: null,
  at: AT,
});

describe('the subject of a live message', () => {
  it('is its contract’s with the placeholders filled in, or a wildcard for each', () => {
    expect(messageSubject(ExecutorHeartbeatV1, { executorId: ID })).toBe(`anime-live.executor.${ID}.heartbeat`);
    expect(MESSAGE_CONTRACTS.map((contract) => messageFilter(contract))).toEqual([
      'anime-progress.*',
      'anime-live.executor.*.heartbeat',
      'anime-live.preview.*',
      'anime-live.service.*.*.status',
    ]);
    expect(messageFilter(ServiceStatusV1, { service: 'gateway' })).toBe('anime-live.service.gateway.*.status');
  });

  it('takes no value that would reach other subjects', () => {
    for (const jobId of ['*', '>', 'a.b', '']) expect(() => messageSubject(ProgressV1, { jobId })).toThrow('jobId');
    expect(() => messageSubject(ProgressV1, {})).toThrow('jobId');
  });
});

describe('live messages', () => {
  it('are signs of life whatever they say, and in whatever version; what they say comes along where it is known', async () => {
    const nc = await nats.connection();
    const heard: unknown[] = [];
    const signs = subscribeSigns(nc, ExecutorHeartbeatV1, (params, said) => heard.push([params, said?.reachable]));
    publishLive(nc, ExecutorHeartbeatV1, { executorId: ID }, heartbeat(ID));
    const newer = headers();
    newer.set('ce-type', 'executor-heartbeat.v2');
    nc.publish(`anime-live.executor.${OTHER}.heartbeat`, '{"quite":"different"}', { headers: newer });
    nc.publish(`anime-live.executor.${ID}.heartbeat`, 'no JSON');
    nc.publish(`anime-live.preview.${ID}`, 'something else');
    await nc.flush();
    await eventually(() => heard.length >= 3, { what: 'all three are heard' });
    expect(heard).toEqual([
      [{ executorId: ID }, true],
      [{ executorId: OTHER }, undefined],
      [{ executorId: ID }, undefined],
    ]);
    signs.stop();
  });

  it('reach who listens to them, all or those of one', async () => {
    const nc = await nats.connection();
    const all: string[] = [];
    const one: string[] = [];
    subscribeLive(nc, ExecutorHeartbeatV1, (data) => all.push(data.executorId));
    const subscription = subscribeLive(nc, ExecutorHeartbeatV1, (data) => one.push(data.executorId), {
      params: { executorId: OTHER },
    });
    for (const id of [ID, OTHER]) publishLive(nc, ExecutorHeartbeatV1, { executorId: id }, heartbeat(id));
    await nc.flush();
    subscription.stop();
    publishLive(nc, ExecutorHeartbeatV1, { executorId: OTHER }, heartbeat(OTHER));
    await nc.flush();
    expect([all, one]).toEqual([[ID, OTHER, OTHER], [OTHER]]);
  });

  it('are dropped and counted when they are not what they say, and never stop the listener', async () => {
    const nc = await nats.connection();
    const seen: ExecutorHeartbeat[] = [];
    const reasons: string[] = [];
    const subscription = subscribeLive(
      nc,
      ExecutorHeartbeatV1,
      (data) => {
        seen.push(data);
        if (seen.length === 1) throw new Error('the handler broke');
      },
      { onError: (reason) => reasons.push(reason) },
    );
    const subject = messageSubject(ExecutorHeartbeatV1, { executorId: ID });
    const typed = (type: string) => {
      const header = headers();
      header.set('ce-type', type);
      return { headers: header };
    };
    nc.publish(subject, 'no type');
    nc.publish(subject, 'not JSON', typed('executor-heartbeat.v1'));
    nc.publish(subject, '{"executorId":"x"}', typed('executor-heartbeat.v1'));
    nc.publish(subject, '{}', typed('preview.v1'));
    nc.publish(subject, '{"of":"tomorrow"}', typed('executor-heartbeat.v2'));
    publishLive(nc, ExecutorHeartbeatV1, { executorId: ID }, heartbeat(ID));
    publishLive(nc, ExecutorHeartbeatV1, { executorId: ID }, heartbeat(ID));
    await nc.flush();
    expect(seen).toHaveLength(2);
    expect(subscription.invalid).toBe(4);
    expect(reasons.at(-1)).toBe('the handler broke');
  });

  it('are not sent when they break their contract', async () => {
    const nc = await nats.connection();
    const broken = { ...heartbeat(ID), name: 'Not A Slug' };
    expect(() => publishLive(nc, ExecutorHeartbeatV1, { executorId: ID }, broken)).toThrow('executor-heartbeat.v1');
  });

  it('of progress go into the stream that listens for them', async () => {
    const nc = await nats.connection();
    const manager = await jetstreamManager(nc);
    await manager.streams.add({ name: 'ANIME_PROGRESS', subjects: ['anime-progress.>'], storage: 'memory' });
    const progress: Progress = {
      jobId: ID,
      attempt: 1,
      phase: 'running',
      fraction: 0.5,
      node: '3',
      nodeTitle: 'KSampler',
      step: 10,
      steps: 20,
      at: AT,
    };
    publishProgress(nc, progress);
    await nc.flush();
    const stored = await eventually(
      () => manager.streams.getMessage('ANIME_PROGRESS', { last_by_subj: `anime-progress.${ID}` }),
      { what: 'it is stored' },
    );
    expect(stored.json()).toEqual(progress);
    expect(stored.header.get('ce-type')).toBe('progress.v1');
  });
});

describe('the status reporter', () => {
  it('tells at once and then again how the process is, and says nothing while NATS is away', async () => {
    const nc = await nats.connection();
    const seen: ServiceStatus[] = [];
    subscribeLive(nc, ServiceStatusV1, (status) => seen.push(status));
    await nc.flush();
    let connected = false;
    const reporter = startStatusReporter({
      nats: { connected: async () => nc, state: () => ({ connected, reason: connected ? null : 'away' }) },
      service: 'gateway',
      instance: ID,
      version: '1.2.3',
      readiness: async () => ({ ready: false, checks: [{ name: 'database', ok: false, reason: 'away' }] }),
      consumers: () => [
        {
          name: 'jobs',
          kind: 'projection',
          position: 7,
          lag: 2,
          state: 'paused',
          reason: 'away',
          skipped: { void: 1, unknown: 0, newer: 0, fenced: 0 },
        },
      ],
      logger: quietLogger,
      intervalMs: 20,
    });
    expect(seen).toEqual([]);
    connected = true;
    await eventually(() => seen.length >= 2, { what: 'two reports' });
    reporter.stop();
    expect(seen[0]).toMatchObject({
      service: 'gateway',
      instance: ID,
      version: '1.2.3',
      ready: false,
      checks: [{ name: 'database', ok: false, reason: 'away' }],
      consumers: [{ name: 'jobs', position: 7, lag: 2, state: 'paused', reason: 'away' }],
    });
  });
});
