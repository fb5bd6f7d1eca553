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
interface ObjectUse {
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

/** One row for each object store. */
function objectUses(names: Topology): readonly ObjectUse[] {
  return [
    {
      bucket: names.blobsBucket,
      readers: ['quality-scorer', 'file-organizer'],
      writers: ['gateway', 'orchestrator', 'comfyui-executor'],
    },
  ];
}

/** What a service may do with the buckets that it uses: nothing with those of others. */
export function bucketRights(service: ServiceName, executorIds: readonly string[], names: Topology): readonly string[] {
  return [
    ...keyValueUses(executorIds, names)
      .filter((use) => use.service === service)
      .flatMap(keyValueRights),
    ...objectUses(names).flatMap((use) => objectRights(service, use)),
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

/** Those who write may remove what is left of an upload that failed, and so any object. The stream has no durables. */
function objectRights(service: ServiceName, { bucket, readers, writers }: ObjectUse): readonly string[] {
  const stream = `OBJ_${bucket}`;
  const writes = writers.includes(service);
  if (!writes && !readers.includes(service)) return [];
  return [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.*.$O.${bucket}.C.*`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
    `$JS.API.CONSUMER.DELETE.${stream}.*`,
    ...(writes ? [`$JS.API.STREAM.PURGE.${stream}`, ...['C', 'M', 'U'].map((kind) => `$O.${bucket}.${kind}.*`)] : []),
  ];
}
