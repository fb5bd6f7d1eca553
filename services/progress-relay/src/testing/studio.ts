import {
  JobAssignedV2,
  JobAttemptLostV1,
  JobCompletedV1,
  JobRequestedV3,
  JobRetryScheduledV2,
  JobStartedV2,
  PreviewV1,
  PROGRESS_ROOT,
  ProgressV1,
  type EventContract,
  type EventData,
  type Preview,
  type Progress,
} from '@anime/contracts';
import { openLog, provision, uuidv7, type JetStreamLog } from '@anime/event-store';
import { publishLive } from '@anime/messaging';
import { readConfig, runService, type RunningService } from '@anime/service-runtime';
import { useNats, type TestNats } from '@anime/testing';
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { composeProgressRelay } from '../app.module.js';
import { ProgressRelayConfig } from '../config.js';
import { LIMITS, type Limits } from '../viewers/limits.js';

const AT = '2026-01-02T03:04:05.678Z';
const EXECUTOR = '018f0000-0000-7000-8000-00000000000e';

/** A provisioned server, a log to append to, and relays. */
export interface RelayStudio {
  readonly nats: TestNats;
  log(): JetStreamLog;
  /** Starts a relay; it is stopped after the test. */
  relay(limits?: Partial<Limits>, natsUrl?: string, env?: Readonly<Record<string, string>>): Promise<RunningService>;
  /** Stores a progress message. @returns its seq */
  publish(jobId: string, given?: Partial<Progress>): Promise<number>;
  /** Sends a picture; nobody may hear it. @param subject job that it is sent to the viewers of; default: that which it says */
  preview(jobId: string, given?: Partial<Preview>, subject?: string): Promise<void>;
  append<C extends EventContract>(contract: C, jobId: string, data: EventData<C>): Promise<number>;
  /** @returns the position of its `job.requested` */
  request(jobId: string): Promise<number>;
  /** A job that runs its first attempt. */
  runningJob(): Promise<string>;
  /** Gives a job's first attempt up, as when nothing is heard of its executor. */
  loseAttempt(jobId: string): Promise<void>;
  /** Assigns a job's second attempt, its first one having been given up. */
  assignAgain(jobId: string): Promise<void>;
  complete(jobId: string): Promise<number>;
  /** Puts an empty log in the place of the one that was there. */
  replaceLog(): Promise<void>;
}

/** Call it at the top of a test file. */
export function useRelayStudio(): RelayStudio {
  const nats = useNats();
  const running: RunningService[] = [];
  let connection: NatsConnection;
  let log: JetStreamLog;
  beforeAll(async () => {
    const natsUrl = (await nats.server()).url;
    await provision({ natsUrl });
    log = openLog({ natsUrl, name: 'test' });
    connection = await nats.connection();
  });
  afterEach(async () => {
    for (const relay of running.splice(0)) await relay.stop();
  });
  afterAll(async () => log.close());

  async function append<C extends EventContract>(contract: C, jobId: string, data: EventData<C>): Promise<number> {
    const meta = {
      id: uuidv7(),
      time: new Date().toISOString(),
      correlationId: jobId,
      actor: `service:${contract.producer}`,
    };
    return (await log.append({ contract, aggregateId: jobId, data, ...meta })).position;
  }
  const request = (jobId: string): Promise<number> =>
    append(JobRequestedV3, jobId, {
      type: 'image',
      template: { id: 'text-to-image', version: 1 },
      parameters: {},
      seed: 1,
      seedSource: 'given',
      inputs: [],
      limits: {},
      project: null,
    });
  const run = (attempt: number) => ({ attempt, executorId: EXECUTOR, promptId: EXECUTOR });
  return {
    nats,
    log: () => log,
    append,
    request,
    relay: async (limits = {}, natsUrl, own = {}) => {
      const env = { NATS_URL: natsUrl ?? (await nats.server()).url, PORT: '0', LOG_LEVEL: 'silent', ...own };
      const relay = await runService(
        composeProgressRelay(readConfig(ProgressRelayConfig, env), { ...LIMITS, ...limits }),
      );
      running.push(relay);
      return relay;
    },
    publish: async (jobId, given = {}) => {
      const data: Progress = {
        jobId,
        attempt: 1,
        phase: 'running',
        fraction: 0.5,
        node: '3',
        nodeTitle: 'KSampler',
        step: 1,
        steps: 2,
        at: new Date().toISOString(),
        ...given,
      };
      const header = headers();
      header.set('ce-type', ProgressV1.name);
      return (
        await jetstream(connection).publish(`${PROGRESS_ROOT}.${jobId}`, JSON.stringify(data), { headers: header })
      ).seq;
    },
    preview: async (jobId, given = {}, subject = jobId) => {
      const data: Preview = { jobId, attempt: 1, mediaType: 'image/jpeg', image: 'AAAA', at: AT, ...given };
      publishLive(connection, PreviewV1, { jobId: subject }, data);
      await connection.flush();
    },
    runningJob: async () => {
      const jobId = uuidv7();
      await request(jobId);
      await append(JobAssignedV2, jobId, { ...run(1), variant: 'normal', vramGb: 1, freeMemory: false });
      await append(JobStartedV2, jobId, { ...run(1), claim: EXECUTOR, environment: null });
      return jobId;
    },
    loseAttempt: async (jobId) => {
      await append(JobAttemptLostV1, jobId, run(1));
    },
    assignAgain: async (jobId) => {
      const notBefore = new Date().toISOString();
      const retry = {
        attempt: 2,
        failedAttempt: 1,
        class: 'executor-lost',
        notBefore,
        variant: 'normal',
        vramGb: 1,
        gpuBytes: 0,
        freeMemory: false,
        avoid: [] as string[],
      } as const;
      await append(JobRetryScheduledV2, jobId, retry);
      await append(JobAssignedV2, jobId, { ...run(2), variant: 'normal', vramGb: 1, freeMemory: false });
    },
    complete: (jobId) => append(JobCompletedV1, jobId, { attempt: 1, verdict: 'passed' }),
    replaceLog: async () => {
      await (await jetstreamManager(connection)).streams.delete(log.stream);
      await provision({ natsUrl: (await nats.server()).url });
    },
  };
}
