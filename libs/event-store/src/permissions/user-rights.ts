import {
  CATALOGUE,
  eventFilter,
  executorDurable,
  executorFilter,
  LIVE_ROOT,
  LOG_READERS,
  logReaderName,
  MESSAGE_CONTRACTS,
  PROGRESS_READERS,
  READERS_PER_SERVICE,
  SERVICES,
  type ContractCatalogue,
  type ServiceName,
} from '@anime/contracts';
import { inboxPrefix } from '../jetstream/connection-options.js';
import { topology, type Topology } from '../provision/settings.js';
import { bucketRights } from './bucket-rights.js';

/** The user of `anime provision` and `anime consumers`: the only one that may make and change streams and durables. */
export const PROVISION_USER = 'provision';

/** What a NATS user may do; subjects with wildcards. What is not here is refused. */
export interface UserRights {
  readonly user: string;
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

export interface RightsOptions {
  /** Ids of the executors: each has a durable and a lease of its own, which no wildcard can tell from others. */
  readonly executorIds: readonly string[];
  /** What the events are; default: those of this build. */
  readonly catalogue?: ContractCatalogue;
  readonly names?: Partial<Topology>;
}

/** The rights that a studio's NATS users need, from the contracts: one user for each service, and `provision`. */
export function studioRights(options: RightsOptions): readonly UserRights[] {
  const names = topology(options.names);
  return [...SERVICES.map((service) => serviceRights(service, options, names)), provisionRights(names)];
}

function serviceRights(service: ServiceName, options: RightsOptions, names: Topology): UserRights {
  const executorIds = service === 'comfyui-executor' ? options.executorIds : [];
  return {
    user: service,
    publish: [
      ...eventsOf(service, options.catalogue ?? CATALOGUE, names),
      ...messagesOf(service),
      '$JS.API.INFO',
      ...logLooks(names),
      ...(LOG_READERS.includes(service) ? logReading(service, names) : []),
      ...names.durables.filter((durable) => durable.service === service).flatMap(({ name }) => reacting(name, names)),
      ...executorIds.flatMap((id) => executing(id, names)),
      ...(PROGRESS_READERS.includes(service) ? progressReading(names) : []),
      ...bucketRights(service, executorIds, names),
    ],
    // Of messages that are not stored anyone may know: they only tell how things are just now.
    subscribe: [`${inboxPrefix(service)}.>`, `${LIVE_ROOT}.>`],
  };
}

/** Law 4: each event type has one producer, which is a token of its subject. */
function eventsOf(service: ServiceName, { contracts }: ContractCatalogue, { root }: Topology): readonly string[] {
  const own = contracts.filter(({ producer }) => producer === service);
  return [...new Set(own.map((contract) => eventFilter(root, contract)))].toSorted();
}

function messagesOf(service: ServiceName): readonly string[] {
  return MESSAGE_CONTRACTS.filter(({ producer }) => producer === service || producer === 'each').map(({ subject }) =>
    subject.replace('{service}', service).replaceAll(/\{\w+\}/g, '*'),
  );
}

/**
 * Single messages, the ends of the log, and how consumers are. Not `DIRECT.GET`: its answer has the headers of the message
 * that was asked for, so whoever names an event's subject as the place of the answer could write what another service says.
 */
function logLooks({ stream }: Topology): readonly string[] {
  return [`$JS.API.STREAM.INFO.${stream}`, `$JS.API.STREAM.MSG.GET.${stream}`, `$JS.API.CONSUMER.INFO.${stream}.*`];
}

/** Names, no wildcard: whoever may create consumers of any name may change the durables of others. */
function logReading(service: ServiceName, { stream }: Topology): readonly string[] {
  const readers = Array.from({ length: READERS_PER_SERVICE }, (_, i) => logReaderName(service, i + 1));
  return ['CREATE', 'MSG.NEXT', 'DELETE'].flatMap((verb) =>
    readers.map((name) => `$JS.API.CONSUMER.${verb}.${stream}.${name}`),
  );
}

function reacting(durable: string, { stream }: Topology): readonly string[] {
  return [`$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`, `$JS.ACK.${stream}.${durable}.>`];
}

/** An executor's process makes its durable, with this very filter, before it registers. */
function executing(executorId: string, names: Topology): readonly string[] {
  const durable = executorDurable(executorId);
  const create = `$JS.API.CONSUMER.CREATE.${names.stream}.${durable}.${executorFilter(names.root, executorId)}`;
  return [create, ...reacting(durable, names)];
}

/** The stream of progress has no durables: there is no consumer that somebody else needs. */
function progressReading({ progressStream }: Topology): readonly string[] {
  return [
    `$JS.API.STREAM.INFO.${progressStream}`,
    `$JS.API.STREAM.MSG.GET.${progressStream}`,
    `$JS.API.CONSUMER.CREATE.${progressStream}.>`,
    ...['INFO', 'MSG.NEXT', 'DELETE'].map((verb) => `$JS.API.CONSUMER.${verb}.${progressStream}.*`),
  ];
}

/** No right to delete or purge a stream: nothing in the product does, and what is in the log is the record. */
function provisionRights(names: Topology): UserRights {
  const { stream } = names;
  return {
    user: PROVISION_USER,
    publish: [
      '$JS.API.INFO',
      ...['CREATE', 'UPDATE', 'INFO'].map((verb) => `$JS.API.STREAM.${verb}.*`),
      `$JS.API.STREAM.MSG.GET.${stream}`,
      `$JS.API.CONSUMER.CREATE.${stream}.>`,
      ...['INFO', 'DELETE'].map((verb) => `$JS.API.CONSUMER.${verb}.${stream}.*`),
      `$JS.API.CONSUMER.LIST.${stream}`,
    ],
    subscribe: [`${inboxPrefix(PROVISION_USER)}.>`],
  };
}
