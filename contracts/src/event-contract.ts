import type { z } from 'zod';

/** The kinds of thing that own events; the second token of every event subject. */
export const AGGREGATES = ['job', 'project', 'workflow', 'executor', 'scheduler', 'dead-letter', 'api-key'] as const;
export type Aggregate = (typeof AGGREGATES)[number];

/** The services; the producer token of every event subject. */
export const SERVICES = [
  'gateway',
  'orchestrator',
  'comfyui-executor',
  'quality-scorer',
  'file-organizer',
  'progress-relay',
] as const;
export type ServiceName = (typeof SERVICES)[number];

/**
 * Where an event lies below `<root>.<aggregate>.<id>.<producer>`:
 * `plain` exactly there; `executor` with the executor's id appended, so that an executor needs one filter;
 * `accepted` with the word appended, so that one `last_by_subj` reads it.
 */
export type SubjectForm = 'plain' | 'executor' | 'accepted';

/**
 * One version of one event type: what the log may hold, who may write it and where.
 * The TypeScript type and the JSON Schema are both derived from `data`, so they cannot drift.
 */
export interface EventContract<Type extends string = string, Data extends z.ZodType = z.ZodType> {
  /** Without version, e.g. `job.requested`: the word that deciders and projections switch on. */
  readonly type: Type;
  readonly version: number;
  /** `ce-type` on the wire, e.g. `job.requested.v1`. */
  readonly name: string;
  readonly aggregate: Aggregate;
  /** The only service that may publish it (law 4). */
  readonly producer: ServiceName;
  readonly subjectForm: SubjectForm;
  readonly description: string;
  readonly data: Data;
}

/** The payload type of a contract. */
export type EventData<C extends EventContract> = z.infer<C['data']>;

/** Declares one event version. `type` must be `<aggregate>.<past-tense-fact>`. */
export function defineEvent<const Type extends string, Data extends z.ZodType>(
  contract: Omit<EventContract<Type, Data>, 'name' | 'subjectForm'> & { readonly subjectForm?: SubjectForm },
): EventContract<Type, Data> {
  if (!contract.type.startsWith(`${contract.aggregate}.`)) {
    throw new Error(`event type ${contract.type} does not begin with its aggregate ${contract.aggregate}`);
  }
  return Object.freeze({ subjectForm: 'plain' as const, ...contract, name: `${contract.type}.v${contract.version}` });
}
