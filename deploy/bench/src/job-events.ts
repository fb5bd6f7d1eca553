import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  CATALOGUE,
  JobAcceptedV3,
  JobAssignedV2,
  JobAttemptLostV1,
  JobCompletedV1,
  JobExecutedV2,
  JobGatedV1,
  JobOrganisedV1,
  JobRequestedV3,
  JobRetryScheduledV2,
  JobScoredV1,
  JobStartedV2,
  type ApiGraph,
  type EventContract,
  type EventData,
} from '@anime/contracts';
import { uuidv7, type NewEvent } from '@anime/event-store';
import { ROOT } from './studio.js';

/**
 * The golden sample of a contract: an ordinary event of its type.
 * @throws when there is a newer version: what is measured is what the product writes today
 */
function golden<C extends EventContract>(contract: C): EventData<C> {
  const newest = CATALOGUE.newest.get(contract.type)?.name;
  if (newest !== contract.name) throw new Error(`the benchmarks store ${contract.name}, the product ${newest}`);
  const file = path.join(ROOT, 'contracts', 'golden', `${contract.name}.json`);
  const { data } = JSON.parse(readFileSync(file, 'utf8')) as { readonly data: unknown };
  return contract.data.parse(data) as EventData<C>; // parsed by its schema
}

function event<C extends EventContract>(contract: C, jobId: string, data: EventData<C>): NewEvent<C> {
  const id = uuidv7();
  return {
    contract,
    aggregateId: jobId,
    data,
    id,
    time: new Date().toISOString(),
    correlationId: id,
    actor: contract.producer === 'gateway' ? jobId : `service:${contract.producer}`,
    ...(contract.producer === 'orchestrator' ? { epoch: 1 } : {}),
  };
}

const requested = golden(JobRequestedV3);

/** The first event of a new job. */
export function requestedEvent(jobId = uuidv7()): NewEvent<typeof JobRequestedV3> {
  return event(JobRequestedV3, jobId, requested);
}

/** What makes a job shown as running its first attempt. */
export function runningJob(jobId: string): readonly NewEvent[] {
  return [
    requestedEvent(jobId),
    event(JobAssignedV2, jobId, { ...golden(JobAssignedV2), attempt: 1 }),
    event(JobStartedV2, jobId, { ...golden(JobStartedV2), attempt: 1 }),
  ];
}

/** Bytes of the graph in `job.accepted`: one event of 6 KB, as an ordinary workflow has. */
const GRAPH_BYTES = 6 * 1024;

/** The twelve events of a job whose first attempt is lost with its executor and whose second one is taken. */
export function storyOfJob(jobId: string): readonly NewEvent[] {
  const attempt = <T>(data: T, n: number): T => ({ ...data, attempt: n });
  return [
    requestedEvent(jobId),
    event(JobAcceptedV3, jobId, acceptedWithGraph()),
    event(JobAssignedV2, jobId, attempt(golden(JobAssignedV2), 1)),
    event(JobAttemptLostV1, jobId, attempt(golden(JobAttemptLostV1), 1)),
    event(JobRetryScheduledV2, jobId, golden(JobRetryScheduledV2)),
    event(JobAssignedV2, jobId, attempt(golden(JobAssignedV2), 2)),
    event(JobStartedV2, jobId, attempt(golden(JobStartedV2), 2)),
    event(JobExecutedV2, jobId, attempt(golden(JobExecutedV2), 2)),
    event(JobScoredV1, jobId, attempt(golden(JobScoredV1), 2)),
    event(JobOrganisedV1, jobId, attempt(golden(JobOrganisedV1), 2)),
    event(JobGatedV1, jobId, attempt(golden(JobGatedV1), 2)),
    event(JobCompletedV1, jobId, attempt(golden(JobCompletedV1), 2)),
  ];
}

function acceptedWithGraph(): EventData<typeof JobAcceptedV3> {
  const data = golden(JobAcceptedV3);
  const [variant] = data.variants;
  if (variant === undefined) throw new Error('the golden job.accepted has no variant');
  const graph: ApiGraph = {};
  for (let node = 1; JSON.stringify(graph).length < GRAPH_BYTES; node += 1) {
    const inputs = { text: `part ${node} of a long prompt about a girl on a cliff above the sea`, clip: ['4', 1] };
    graph[String(node)] = { class_type: 'CLIPTextEncode', inputs, _meta: { title: `CLIP Text Encode ${node}` } };
  }
  return { ...data, variants: [{ ...variant, graph: { inline: graph } }] };
}
