import { ProblemError, type FieldError } from '@anime/problem-details';
import { JetStreamApiError, type ConsumerConfig, type JetStreamManager, type StreamConfig } from '@nats-io/jetstream';
import { drift } from './drift.js';
import {
  durableRequest,
  durableSettings,
  earlierSettings,
  neededOfDurable,
  neededOfStream,
  streamSettings,
  topology,
  type DurableSettings,
  type DurableShape,
  type StreamSettings,
  type Topology,
} from './settings.js';
import { withManager, type ProvisionTarget } from './with-manager.js';

export type ProvisionOptions = ProvisionTarget & Partial<Topology>;

export interface ProvisionReport {
  /** What was made now, e.g. `stream ANIME_EVENTS`. */
  readonly created: readonly string[];
  /** What a build before this one had made otherwise and is now as it should be. */
  readonly updated: readonly string[];
  /** What was there already and is as it should be. */
  readonly found: readonly string[];
}

const STREAM_NOT_FOUND = 10059;
const CONSUMER_NOT_FOUND = 10014;

/**
 * Makes the streams, the buckets and the durables that are missing. Of what is there it changes only the settings that an
 * earlier build made otherwise.
 * @throws ProblemError `log-incompatible`: too old a server, one without JetStream, or settings that differ (each named
 * with both values; then nothing was made or changed); `log-unavailable`
 */
export function provision(options: ProvisionOptions): Promise<ProvisionReport> {
  return withManager(options, 'provisioning', async (manager) => {
    const names = topology(options);
    const before = await inspect(manager, names);
    refuse(before.differences);
    for (const { name, settings } of before.outdated) await manager.streams.update(name, settings);
    for (const settings of before.missingStreams) await manager.streams.add(settings);
    for (const settings of before.missingDurables) {
      await manager.consumers.add(names.stream, durableRequest(settings, 'start'));
    }
    // Asked again: a server may store other settings than it was given.
    const after = await inspect(manager, names);
    refuse([
      ...after.differences,
      ...after.missing.map((thing) => ({ path: thing, message: `${thing} was not made` })),
      ...after.outdated.map(({ name }) => ({ path: `stream ${name}`, message: `stream ${name} was not changed` })),
    ]);
    return {
      created: before.missing,
      updated: before.outdated.map(({ name }) => `stream ${name}`),
      found: before.found,
    };
  });
}

/**
 * Makes one durable that is missing: the repair command, and how an executor gets its own.
 * @param options.from `now`: only events appended from here on; `start`: the whole log
 * @returns false when it was there already, as it should be
 * @throws ProblemError `log-incompatible` when it is there with other settings; `log-unavailable`
 */
export function createDurable(
  name: string,
  options: ProvisionTarget & { readonly from: 'now' | 'start'; readonly stream?: string } & DurableShape,
): Promise<boolean> {
  return withManager(options, 'provisioning', async (manager) => {
    const { stream } = topology(options.stream === undefined ? {} : { stream: options.stream });
    const settings = durableSettings(name, options);
    const found = await durableConfig(manager, stream, name);
    if (found !== undefined) refuse(drift(`durable ${name}`, neededOfDurable(settings), found));
    else await manager.consumers.add(stream, durableRequest(settings, options.from));
    return found === undefined;
  });
}

interface Inspection {
  readonly missingStreams: readonly StreamSettings[];
  readonly missingDurables: readonly DurableSettings[];
  /** Streams of an earlier build, with the settings that are others now. */
  readonly outdated: readonly { readonly name: string; readonly settings: Partial<StreamConfig> }[];
  readonly missing: readonly string[];
  /** And neither outdated nor different. */
  readonly found: readonly string[];
  readonly differences: readonly FieldError[];
}

async function inspect(manager: JetStreamManager, names: Topology): Promise<Inspection> {
  const missingStreams: StreamSettings[] = [];
  const missingDurables: DurableSettings[] = [];
  const outdated: { name: string; settings: Partial<StreamConfig> }[] = [];
  const missing: string[] = [];
  const found: string[] = [];
  const differences: FieldError[] = [];
  const compare = (thing: string, needed: object, actual: object | undefined): boolean => {
    (actual === undefined ? missing : found).push(thing);
    if (actual !== undefined) differences.push(...drift(thing, needed, actual));
    return actual === undefined;
  };
  const earlier = earlierSettings(names);
  for (const settings of streamSettings(names)) {
    const { name } = settings;
    const actual = await streamConfig(manager, name);
    const changes = actual === undefined ? {} : changesFrom(earlier.get(name), settings, actual);
    if (compare(`stream ${name}`, neededOfStream(settings), actual && { ...actual, ...changes }))
      missingStreams.push(settings);
    if (Object.keys(changes).length > 0) outdated.push({ name, settings: changes });
  }
  for (const { name, description } of names.durables) {
    const settings = durableSettings(name, { description });
    const actual = await durableConfig(manager, names.stream, name);
    if (compare(`durable ${name}`, neededOfDurable(settings), actual)) missingDurables.push(settings);
  }
  const isOutdated = (thing: string): boolean => outdated.some(({ name }) => thing === `stream ${name}`);
  return {
    missingStreams,
    missingDurables,
    outdated,
    missing,
    found: found.filter((thing) => !isOutdated(thing)),
    differences,
  };
}

/** The settings, as they are to be, of which a stream still has an earlier build's. */
function changesFrom(
  earlier: Partial<StreamConfig> | undefined,
  needed: StreamSettings,
  actual: StreamConfig,
): Partial<StreamConfig> {
  const values = new Map<string, unknown>(Object.entries(actual));
  const outdated = Object.entries(earlier ?? {}).filter(([setting, value]) => values.get(setting) === value);
  const settings = new Set(outdated.map(([setting]) => setting));
  return Object.fromEntries(Object.entries(needed).filter(([setting]) => settings.has(setting)));
}

async function streamConfig(manager: JetStreamManager, name: string): Promise<StreamConfig | undefined> {
  return absent(async () => (await manager.streams.info(name)).config);
}

async function durableConfig(
  manager: JetStreamManager,
  stream: string,
  name: string,
): Promise<ConsumerConfig | undefined> {
  return absent(async () => {
    const { config, paused } = await manager.consumers.info(stream, name);
    // The time of a pause stays there when it is over.
    return paused === true ? config : { ...config, pause_until: '' };
  });
}

async function absent<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof JetStreamApiError && (error.code === STREAM_NOT_FOUND || error.code === CONSUMER_NOT_FOUND))
      return undefined;
    throw error;
  }
}

function refuse(differences: readonly FieldError[]): void {
  if (differences.length === 0) return;
  throw new ProblemError(
    'log-incompatible',
    `NATS is not as this build needs it: ${differences.map(({ message }) => message).join('; ')}.`,
    {
      errors: differences,
    },
  );
}
