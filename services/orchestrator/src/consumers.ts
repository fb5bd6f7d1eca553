import {
  CATALOGUE,
  ProjectCreatedV2,
  ProjectSettingsChangedV2,
  SchedulerTermStartedV1,
  WorkflowRegisteredV2,
} from '@anime/contracts';
import type { ConsumerTable } from '@anime/messaging';
import { EXECUTOR_EVENTS } from './domain/executor/executor.evolve.js';
import type { OpenWorkKeeper } from './process/open-work-keeper.js';
import type { OrchestratorProcess } from './process/orchestrator-process.js';

/** Every event of the job aggregate: the orchestrator decides from all of them. */
const JOB_EVENTS = CATALOGUE.contracts.filter((contract) => contract.aggregate === 'job');

/**
 * All that the orchestrator reads, and how.
 * @param release called when this build reads no further: another process may lead
 */
export function consumers(
  process: OrchestratorProcess,
  keeper: OpenWorkKeeper,
  release: () => Promise<void>,
): ConsumerTable {
  return [
    {
      kind: 'process',
      name: 'open-work',
      events: [
        ...JOB_EVENTS,
        WorkflowRegisteredV2,
        ...EXECUTOR_EVENTS,
        ProjectCreatedV2,
        ProjectSettingsChangedV2,
        SchedulerTermStartedV1,
      ],
      maxBatch: 500,
      loadCheckpoint: () => keeper.restore(),
      onBatch: async (batch) => {
        await process.onBatch(batch);
        keeper.onBatch(batch);
      },
      release: async () => {
        process.rest();
        await release();
      },
    },
  ];
}
