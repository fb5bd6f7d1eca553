import type { ServiceName } from '@anime/contracts';
import type { Topology } from '../provision/settings.js';

/** Who uses a key-value bucket. */
interface KeyValueUse {
  readonly bucket: string;
  readonly service: ServiceName;
  /** What it may write; `>` for all. It may read the whole bucket. */
  readonly keys: readonly string[];
}

/** Who uses an object store. */
export interface ObjectUse {
  readonly bucket: string;
  readonly readers: readonly ServiceName[];
  /** They also read. */
  readonly writers: readonly ServiceName[];
}

/** One row for each service that uses a bucket. */
function keyValueUses(executorIds: readonly string[], names: Topology): readonly KeyValueUse[] {
  const leases = names.leasesBucket;
  return [
    { bucket: leases, service: 'orchestrator', keys: ['orchestrator'] },
    { bucket: leases, service: 'comfyui-executor', keys: executorIds.map((id) => `executor-${id}`) },
    { bucket: names.keyUseBucket, service: 'gateway', keys: ['>'] },
  ];
}

/** One row for each object store, which is all that a new one needs here. */
const OBJECT_USES: readonly ObjectUse[] = [];

/** What a service may do with the buckets that it uses: nothing with those of others. */
export function bucketRights(service: ServiceName, executorIds: readonly string[], names: Topology): readonly string[] {
  return [
    ...keyValueUses(executorIds, names)
      .filter((use) => use.service === service)
      .flatMap(keyValueRights),
    ...OBJECT_USES.flatMap((use) => objectRights(service, use)),
  ];
}

/**
 * Get, create, put, update and delete; a watch or a list of keys would need consumers. Reads are `STREAM.MSG.GET`, as the
 * client asks for a bucket that was opened without `allow_direct`.
 */
function keyValueRights({ bucket, keys }: KeyValueUse): readonly string[] {
  const stream = `KV_${bucket}`;
  return [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    ...keys.map((key) => `$KV.${bucket}.${key}`),
  ];
}

/** Those who write may remove what is left of an upload that failed, and so any object. */
export function objectRights(service: ServiceName, { bucket, readers, writers }: ObjectUse): readonly string[] {
  const stream = `OBJ_${bucket}`;
  const writes = writers.includes(service);
  if (!writes && !readers.includes(service)) return [];
  return [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    ...consumersOf(stream),
    ...(writes ? [`$O.${bucket}.>`, `$JS.API.STREAM.PURGE.${stream}`] : []),
  ];
}

/** Consumers of any name, on a stream that has no durables. */
export function consumersOf(stream: string): readonly string[] {
  return [
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    ...['INFO', 'MSG.NEXT', 'DELETE'].map((verb) => `$JS.API.CONSUMER.${verb}.${stream}.*`),
  ];
}
