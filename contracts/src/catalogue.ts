import { ApiKeyIssuedV1 } from './events/api-key/issued.v1.js';
import { ApiKeyRevokedV1 } from './events/api-key/revoked.v1.js';
import { DeadLetterDiscardedV1 } from './events/dead-letter/discarded.v1.js';
import { DeadLetterOrganizerParkedV1 } from './events/dead-letter/organizer-parked.v1.js';
import { DeadLetterOrganizerSettledV1 } from './events/dead-letter/organizer-settled.v1.js';
import { DeadLetterReplayedV1 } from './events/dead-letter/replayed.v1.js';
import { DeadLetterScorerParkedV1 } from './events/dead-letter/scorer-parked.v1.js';
import { DeadLetterScorerSettledV1 } from './events/dead-letter/scorer-settled.v1.js';
import { ExecutorLostV1 } from './events/executor/lost.v1.js';
import { ExecutorRecoveredV1 } from './events/executor/recovered.v1.js';
import { ExecutorRegisteredV1 } from './events/executor/registered.v1.js';
import { JobAcceptedV1 } from './events/job/accepted.v1.js';
import { JobAcceptedV2 } from './events/job/accepted.v2.js';
import { JobAssignedV1 } from './events/job/assigned.v1.js';
import { JobAttemptFailedV1 } from './events/job/attempt-failed.v1.js';
import { JobAttemptLostV1 } from './events/job/attempt-lost.v1.js';
import { JobCancelOrderedV1 } from './events/job/cancel-ordered.v1.js';
import { JobCancelRequestedV1 } from './events/job/cancel-requested.v1.js';
import { JobCancelRequestedV2 } from './events/job/cancel-requested.v2.js';
import { JobCancelledV1 } from './events/job/cancelled.v1.js';
import { JobCompletedV1 } from './events/job/completed.v1.js';
import { JobExecutedV1 } from './events/job/executed.v1.js';
import { JobFailedV1 } from './events/job/failed.v1.js';
import { JobGatedV1 } from './events/job/gated.v1.js';
import { JobOrganiseFailedV1 } from './events/job/organise-failed.v1.js';
import { JobOrganisedV1 } from './events/job/organised.v1.js';
import { JobRejectedV1 } from './events/job/rejected.v1.js';
import { JobRequestedV1 } from './events/job/requested.v1.js';
import { JobRequestedV2 } from './events/job/requested.v2.js';
import { JobRetryScheduledV1 } from './events/job/retry-scheduled.v1.js';
import { JobScoredV1 } from './events/job/scored.v1.js';
import { JobStartedV1 } from './events/job/started.v1.js';
import { SchedulerTermStartedV1 } from './events/scheduler/term-started.v1.js';
import { WorkflowRegisteredV1 } from './events/workflow/registered.v1.js';
import { ProjectArchivedV1 } from './events/project/archived.v1.js';
import { ProjectCreatedV1 } from './events/project/created.v1.js';
import { ProjectSettingsChangedV1 } from './events/project/settings-changed.v1.js';
import { JobRequestedV3 } from './events/job/requested.v3.js';
import { JobAcceptedV3 } from './events/job/accepted.v3.js';
import { JobAssignedV2 } from './events/job/assigned.v2.js';
import { JobStartedV2 } from './events/job/started.v2.js';
import { JobExecutedV2 } from './events/job/executed.v2.js';
import { JobAttemptFailedV2 } from './events/job/attempt-failed.v2.js';
import { JobDeclinedV1 } from './events/job/declined.v1.js';
import { JobRetryScheduledV2 } from './events/job/retry-scheduled.v2.js';
import { JobRetryRequestedV1 } from './events/job/retry-requested.v1.js';
import { ExecutorEnvironmentChangedV1 } from './events/executor/environment-changed.v1.js';
import { ExecutorDrainedV1 } from './events/executor/drained.v1.js';
import { ExecutorPausedV1 } from './events/executor/paused.v1.js';
import { ExecutorResumedV1 } from './events/executor/resumed.v1.js';
import { ProjectCreatedV2 } from './events/project/created.v2.js';
import { ProjectSettingsChangedV2 } from './events/project/settings-changed.v2.js';
import { WorkflowRegisteredV2 } from './events/workflow/registered.v2.js';
import type { EventContract } from './event-contract.js';
import type { Upcaster } from './upcaster.js';
import { UPCASTERS } from './upcasters.js';

/** What a reader knows: every version it can read, and how it brings old ones up to date. */
export interface ContractCatalogue {
  readonly contracts: readonly EventContract[];
  /** By `ce-type`, e.g. `job.requested.v1`. */
  readonly byName: ReadonlyMap<string, EventContract>;
  /** By type without version: the newest known version. */
  readonly newest: ReadonlyMap<string, EventContract>;
  /** By the `name` of the older version. */
  readonly upcasters: ReadonlyMap<string, Upcaster>;
}

/**
 * Builds a catalogue.
 * @throws when two contracts share a name, or a version that is not the newest has no upcaster
 */
export function createCatalogue(
  contracts: readonly EventContract[],
  upcasters: readonly Upcaster[] = [],
): ContractCatalogue {
  const byName = new Map<string, EventContract>();
  const newest = new Map<string, EventContract>();
  for (const contract of contracts) {
    if (byName.has(contract.name)) throw new Error(`two contracts are named ${contract.name}`);
    byName.set(contract.name, contract);
    if ((newest.get(contract.type)?.version ?? -1) < contract.version) newest.set(contract.type, contract);
  }
  const steps = new Map(upcasters.map((step) => [step.from.name, step]));
  for (const contract of contracts) {
    if (newest.get(contract.type) !== contract && !steps.has(contract.name)) {
      throw new Error(`${contract.name} is not the newest version of ${contract.type} and has no upcaster`);
    }
  }
  return { contracts, byName, newest, upcasters: steps };
}

/**
 * What the orchestrator tells one executor to do: the events whose subject ends with the executor's id. The last of them
 * on that subject is what holds for a job there, so whoever asks for it must know them all.
 */
export const EXECUTOR_ORDERS = [JobAssignedV2, JobCancelOrderedV1, JobAttemptLostV1] as const;

/** Every event of the product, old versions too. An event is here if and only if its decider exists. */
export const CATALOGUE: ContractCatalogue = createCatalogue(
  [
    WorkflowRegisteredV1,
    WorkflowRegisteredV2,
    ProjectCreatedV1,
    ProjectCreatedV2,
    ProjectSettingsChangedV1,
    ProjectSettingsChangedV2,
    ProjectArchivedV1,
    ExecutorRegisteredV1,
    ExecutorLostV1,
    ExecutorRecoveredV1,
    ExecutorEnvironmentChangedV1,
    ExecutorDrainedV1,
    ExecutorPausedV1,
    ExecutorResumedV1,
    SchedulerTermStartedV1,
    JobRequestedV1,
    JobRequestedV2,
    JobRequestedV3,
    JobCancelRequestedV1,
    JobCancelRequestedV2,
    JobRetryRequestedV1,
    JobAcceptedV1,
    JobAcceptedV2,
    JobAcceptedV3,
    JobRejectedV1,
    JobAssignedV1,
    ...EXECUTOR_ORDERS,
    JobRetryScheduledV1,
    JobRetryScheduledV2,
    JobStartedV1,
    JobStartedV2,
    JobDeclinedV1,
    JobExecutedV1,
    JobExecutedV2,
    JobAttemptFailedV1,
    JobAttemptFailedV2,
    JobScoredV1,
    JobOrganisedV1,
    JobOrganiseFailedV1,
    JobGatedV1,
    JobCompletedV1,
    JobFailedV1,
    JobCancelledV1,
    DeadLetterScorerParkedV1,
    DeadLetterOrganizerParkedV1,
    DeadLetterReplayedV1,
    DeadLetterScorerSettledV1,
    DeadLetterOrganizerSettledV1,
    DeadLetterDiscardedV1,
    ApiKeyIssuedV1,
    ApiKeyRevokedV1,
  ],
  UPCASTERS,
);
