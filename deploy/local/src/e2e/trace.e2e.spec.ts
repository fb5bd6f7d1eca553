import { rename, rm, writeFile } from 'node:fs/promises';
import { SERVICES, type ServiceName } from '@anime/contracts';
import { METRICS, type MetricDefinition } from '@anime/contracts/telemetry';
import type { RecordedEvent } from '@anime/event-store';
import { eventually, startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { answersTraceQuery, dashboardQueries, missingMetrics } from '../testing/dashboard-panels.js';
import { emittedMetrics, emittedSpan, type EmittedMetric } from '../testing/emitted.js';
import { TestStudio } from '../testing/test-studio.js';

/** Stands where people write, and may stand in no span. */
const WORD = 'xylotomous';

type Job = 'completed' | 'retried' | 'failed' | 'refiled';
type LogLine = Readonly<Record<string, unknown>>;

interface Traced {
  readonly events: readonly RecordedEvent[];
  readonly spans: readonly ReceivedSpan[];
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
const serviceOf = (span: ReceivedSpan): string => text(span.resource['service.name']);
const spanIdOf = (event: RecordedEvent): string | undefined => event.traceparent?.slice(36, 52);

describe('a trace', () => {
  let receiver: OtlpReceiver;
  let studio: TestStudio;
  const pids = new Map<string, unknown>();
  const trails = new Map<Job, readonly RecordedEvent[]>();
  let libraryPaths: readonly string[] = [];
  let metrics: readonly EmittedMetric[] = [];
  let refused: { readonly traceId?: string } = {};
  /** Of the request that is refused, and of a reactor that fails. */
  let lines: readonly LogLine[] = [];

  beforeAll(async () => {
    receiver = await startOtlpReceiver();
    studio = await TestStudio.start({
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, LOG_LEVEL: 'debug' },
    });
    for (const name of SERVICES) {
      const ready = studio
        .service(name)
        .lines()
        .find((line) => line['ready'] === true);
      pids.set(name, ready?.['pid']);
    }
    const gateway = studio.service('gateway').url;
    refused = (await (await fetch(`${gateway}/${WORD}?q=${WORD}`)).json()) as { traceId?: string };
    await fetch(`${gateway}/api/anime/jobs?${WORD}=${WORD}`);
    lines = [await logLine('gateway', (line) => line['code'] === 'not-found')];

    // A first one alone, so that every batch after it is written by connections that are there.
    const completed = await studio.requestImage({ prompt: `a ${WORD}`, steps: 40, seed: 1 });
    const viewer = new WebSocket(
      `${studio.service('progress-relay').url.replace('http', 'ws')}/api/anime/jobs/${completed}/progress?resume=${WORD}`,
    );
    const messages: string[] = [];
    viewer.on('message', (data: Buffer) => messages.push(data.toString('utf8')));
    await eventually(() => messages.some((message) => message.includes('"completed"')), {
      what: 'the viewer is shown the end',
      timeoutMs: 60_000,
    });
    viewer.close();
    libraryPaths = (await studio.ended(completed)).files.map((file) => file.path);
    trails.set('completed', await studio.events(completed));

    const failing = async (exception_type: string, times: number, seed: number) => {
      const failNode = { class_type: 'KSampler', exception_type, message: `${WORD} broke`, times };
      await fetch(`${studio.simulator.url}/simulator/faults`, { method: 'POST', body: JSON.stringify({ failNode }) });
      const jobId = await studio.requestImage({ prompt: `a ${WORD}`, steps: 2, seed });
      await studio.ended(jobId);
      return studio.events(jobId);
    };
    trails.set('retried', await failing('ConnectionResetError', 1, 2));
    trails.set('failed', await failing('ValueError', 1, 3));

    await rename(studio.libraryDir, `${studio.libraryDir}.away`);
    await writeFile(studio.libraryDir, 'no folder');
    const refiled = await studio.requestImage({ steps: 2, seed: 4 });
    lines = [...lines, await logLine('file-organizer', (line) => line['msg'] === 'will be tried again')];
    await rm(studio.libraryDir);
    await rename(`${studio.libraryDir}.away`, studio.libraryDir);
    await studio.ended(refiled);
    trails.set('refiled', await studio.events(refiled));

    // Garbage, which every reader passes over and counts.
    await (await studio.log.connected()).request('anime.job.x.gateway', 'garbage');
    metrics = await eventually(
      async () => {
        const shown = await emittedMetrics((name) => studio.service(name).url);
        return shown.some(({ name, labels }) => name === METRICS.consumerSkipped.name && labels.length > 0) && shown;
      },
      { what: 'the garbage is counted' },
    );
    // What a process still holds back is sent at its end.
    for (const name of SERVICES) await studio.service(name).stop();
  }, 240_000);
  afterAll(async () => {
    await studio[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
  }, 60_000);

  const logLine = (service: ServiceName, wanted: (line: LogLine) => boolean): Promise<LogLine> =>
    eventually(() => linesOf(studio.service(service).output()).find(wanted), { what: `a log line of the ${service}` });
  function trace(which: Job): Traced {
    const events = trails.get(which) ?? [];
    const traceId = events[0]?.traceparent?.slice(3, 35);
    return { events, spans: receiver.spans.filter((span) => span.traceId === traceId) };
  }
  const byId = (spanId: string | undefined): ReceivedSpan | undefined =>
    receiver.spans.find((span) => span.spanId === spanId);
  const shape = (span: ReceivedSpan): string => `${serviceOf(span)}: ${span.name}`;
  /** Each span under its parent, both by service and name, without those that instrumentations make. */
  const edges = ({ spans }: Traced): string[] =>
    spans
      .filter((span) => span.scope === '@anime')
      .map((span) => {
        const parent = byId(span.parentSpanId);
        return `${parent === undefined ? '' : shape(parent)} > ${shape(span)}`;
      });

  it('reaches from the request over all six processes, each span the child of one that is there', () => {
    const { spans } = trace('completed');
    expect([...new Set(spans.map(serviceOf))].toSorted()).toEqual([...SERVICES].toSorted());
    const processes = new Map(spans.map((span) => [serviceOf(span), span.resource['process.pid']]));
    expect(processes).toEqual(pids);
    expect(new Set(processes.values()).size).toBe(6);
    expect(new Set(spans.map((span) => span.resource['service.instance.id'])).size).toBe(6);
    for (const { resource } of spans) expect(resource['service.version']).toMatch(/^\d+\.\d+\.\d+/);

    const roots = spans.filter((span) => span.parentSpanId === undefined);
    expect(roots.map(shape)).toEqual(['gateway: POST /api/anime/generate/image']);
    const orphans = spans.filter(
      (span) => span.parentSpanId !== undefined && !spans.some(({ spanId }) => spanId === span.parentSpanId),
    );
    expect(orphans.map(shape)).toEqual([]);
  });

  it('goes on from event to event, to the files', () => {
    const all = edges(trace('completed'));
    expect(all).toEqual(
      expect.arrayContaining([
        'gateway: POST /api/anime/generate/image > gateway: publish job.requested',
        'gateway: publish job.requested > orchestrator: decide accept',
        'orchestrator: decide accept > orchestrator: publish job.accepted',
        'orchestrator: publish job.accepted > orchestrator: decide assign',
        'orchestrator: decide assign > orchestrator: publish job.assigned',
        'orchestrator: publish job.assigned > comfyui-executor: process job.assigned',
        'comfyui-executor: process job.assigned > comfyui-executor: publish job.started',
        'comfyui-executor: process job.assigned > comfyui-executor: publish job.executed',
        'comfyui-executor: publish job.executed > quality-scorer: process job.executed',
        'quality-scorer: process job.executed > quality-scorer: measure picture',
        'quality-scorer: process job.executed > quality-scorer: publish job.scored',
        'comfyui-executor: publish job.executed > file-organizer: process job.executed',
        'file-organizer: process job.executed > file-organizer: file output',
        'file-organizer: process job.executed > file-organizer: file thumbnail',
        'file-organizer: process job.executed > file-organizer: file sidecar',
        'file-organizer: process job.executed > file-organizer: publish job.organised',
        'orchestrator: decide gate > orchestrator: publish job.gated',
        'orchestrator: decide complete > orchestrator: publish job.completed',
        'orchestrator: publish job.completed > progress-relay: project job.completed',
        'orchestrator: publish job.completed > progress-relay: show job.completed',
      ]),
    );
    const { spans } = trace('completed');
    const filed = spans
      .filter((span) => span.name.startsWith('file '))
      .map((span) => text(span.attributes['file.path']));
    expect(filed.toSorted()).toEqual([...libraryPaths].toSorted());
    const toComfy = spans.filter((span) => span.scope.endsWith('instrumentation-undici'));
    expect(
      toComfy.map((span) => `${text(span.attributes['http.request.method'])} ${text(span.attributes['url.path'])}`),
    ).toEqual(expect.arrayContaining(['POST /prompt', 'GET /view']));
    for (const span of toComfy)
      expect(shape(byId(span.parentSpanId) ?? span)).toBe('comfyui-executor: process job.assigned');
  });

  it('has a span for the append of each event, which is the one that the event names', () => {
    for (const which of ['completed', 'retried', 'failed'] as const) {
      for (const event of trace(which).events) {
        const published = byId(spanIdOf(event));
        expect(published).toMatchObject({
          name: `publish ${event.type}`,
          kind: 'producer',
          resource: { 'service.name': event.producer },
          attributes: { 'messaging.message.id': event.id, 'anime.position': event.position },
        });
      }
    }
  });

  it('leads from each event to the INSERTs: its projection is linked to the transaction of its batch', () => {
    for (const event of trace('completed').events) {
      const projected = receiver.spans.filter(
        (span) =>
          serviceOf(span) === 'gateway' &&
          span.name === `project ${event.type}` &&
          span.attributes['messaging.message.id'] === event.id,
      );
      expect(projected.map((span) => span.parentSpanId)).toEqual([spanIdOf(event)]);
      const [link] = projected.flatMap((span) => span.links);
      const batch = byId(link?.spanId);
      expect(batch).toMatchObject({ name: 'project batch', parentSpanId: undefined, traceId: link?.traceId });
      const statements = receiver.spans.filter((span) => span.parentSpanId === batch?.spanId);
      expect(statements.map((span) => text(span.attributes['db.query.text']).split(' ')[0])).toEqual(
        expect.arrayContaining(['begin', 'insert', 'commit']),
      );
    }
  });

  it('holds the attempts of a job that is tried again one behind the other', () => {
    const retried = trace('retried');
    expect(retried.events.map((event) => event.type)).toEqual(
      expect.arrayContaining(['job.attempt-failed', 'job.retry-scheduled', 'job.completed']),
    );
    expect(retried.spans.filter((span) => span.parentSpanId === undefined)).toHaveLength(1);
    expect(edges(retried)).toEqual(
      expect.arrayContaining([
        'comfyui-executor: process job.assigned > comfyui-executor: publish job.attempt-failed',
        'comfyui-executor: publish job.attempt-failed > orchestrator: decide settle-failure',
        'orchestrator: decide settle-failure > orchestrator: publish job.retry-scheduled',
        'orchestrator: publish job.retry-scheduled > orchestrator: decide assign',
      ]),
    );
    expect(retried.spans.filter((span) => span.name === 'process job.assigned')).toHaveLength(2);
    const failed = edges(trace('failed'));
    expect(failed).toContain('orchestrator: decide settle-failure > orchestrator: publish job.failed');
  });

  it('is made of what the catalogue knows, and holds no word of people or prompts', () => {
    const seen = receiver.spans.map(emittedSpan);
    expect(seen.filter(({ definition }) => definition === undefined)).toEqual([]);
    const beyond = seen.flatMap(({ service, definition, name, attributes }) => [
      ...(definition?.services.some((each) => each === service) === true ? [] : [`${service}: ${name}`]),
      ...attributes.filter((key) => definition?.attributes.includes(key) !== true).map((key) => `${name}: ${key}`),
    ]);
    expect([...new Set(beyond)]).toEqual([]);
    const statements = seen.flatMap(({ name }) => /^pg\.query:(\S+)/.exec(name)?.[1] ?? []);
    expect(new Set(statements)).toEqual(new Set(['SELECT', 'INSERT', 'UPDATE', 'BEGIN', 'COMMIT']));
    expect(receiver.spans.length).toBeGreaterThan(100);
    expect(receiver.text()).not.toContain(WORD);
    for (const span of receiver.spans) expect(text(span.attributes['url.full'] ?? '')).not.toContain('?');
  });

  it('stands in the logs, and in the answer to a request that is refused', () => {
    expect(refused.traceId).toMatch(/^[0-9a-f]{32}$/);
    const refiled = trace('refiled');
    const [ofRequest, ofReactor] = lines;
    expect(ofRequest).toMatchObject({ service: 'gateway', trace_id: refused.traceId });
    expect(ofReactor).toMatchObject({ service: 'file-organizer', trace_id: refiled.spans[0]?.traceId });
    const tries = refiled.spans.filter(
      (span) => serviceOf(span) === 'file-organizer' && span.name === 'process job.executed',
    );
    const outcomes = new Map(tries.map((span) => [span.spanId, span.attributes['anime.outcome']]));
    expect(outcomes.get(text(ofReactor?.['span_id']))).toBe('retry');
    expect([...outcomes.values()]).toContain('done');
    expect(tries.find((span) => span.failed)?.attributes['error.type']).toBe('storage-failed');
  });

  it('has metrics beside it: every one of the catalogue, each from the services that it names', () => {
    const own = metrics.filter(({ name }) => name.startsWith('anime_'));
    const expected = Object.values(METRICS as Readonly<Record<string, MetricDefinition>>).flatMap(
      ({ name, kind, services }) => services.map((service: ServiceName) => `${service} ${kind} ${name}`),
    );
    expect(own.map(({ service, kind, name }) => `${service} ${kind} ${name}`).toSorted()).toEqual(expected.toSorted());
    const labelsOf = new Map<string, readonly string[]>(
      Object.values(METRICS).map(({ name, labels }) => [name, [...labels].toSorted()]),
    );
    for (const { name, labels } of own)
      if (labels.length > 0) expect({ name, labels }).toEqual({ name, labels: labelsOf.get(name) });
    const series = new Set(own.filter(({ labels }) => labels.length > 0).map(({ name }) => name));
    for (const metric of [
      METRICS.consumerLag,
      METRICS.consumerPosition,
      METRICS.httpDuration,
      METRICS.openJobs,
      METRICS.decisions,
      METRICS.attempts,
      METRICS.promptDuration,
      METRICS.queueWait,
      METRICS.metricScoring,
      METRICS.filing,
    ])
      expect(series).toContain(metric.name);
  });

  it('fills every panel of the dashboards: its query finds its metric or its span', async () => {
    const queries = await dashboardQueries();
    expect(queries.length).toBeGreaterThan(20);
    const unanswered = queries.flatMap(({ panel, language, query }) => {
      if (language === 'promql') return missingMetrics(query, metrics).map((missing) => `${panel}: ${missing}`);
      return receiver.spans.some((span) => answersTraceQuery(query, span)) ? [] : [`${panel}: ${query}`];
    });
    expect(unanswered).toEqual([]);
    const missing = (query: string) => missingMetrics(query, metrics);
    expect(missing('sum by (colour) (anime_jobs_open{state="eaten"}) + anime_never')).toEqual([
      'anime_jobs_open: colour',
      'anime_jobs_open: state="eaten"',
      'anime_never',
    ]);
    expect(missing('sum(anime_jobs_open{service="nobody"})')).toEqual(['anime_jobs_open: service="nobody"']);
    expect(missing('anime_jobs_open{colour!="red"}')).toContain('anime_jobs_open: colour');
    expect(missing('sum((rate(anime_jobs_open[5m)')).toEqual([expect.stringMatching(/is no PromQL/)]);
  });
});

/** The JSON lines of a service's output. */
function linesOf(output: string): LogLine[] {
  return output.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as LogLine];
    } catch {
      return [];
    }
  });
}
