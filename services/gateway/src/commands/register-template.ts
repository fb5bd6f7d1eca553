import type { EventData, WorkflowRegisteredV2 } from '@anime/contracts';
import {
  canonicalJson,
  deriveId,
  handleCommand,
  sha256Hex,
  spillBody,
  workflowIdOf,
  type BodyBlobs,
  type EventLog,
} from '@anime/event-store';
import { ProblemError } from '@anime/problem-details';
import { graphHash } from '@anime/workflow-engine';
import { workflowDecider } from '../domain/workflow/workflow.decide.js';
import type { TemplateFile } from '../templates/template-files.js';

export interface RegisterTemplateDeps {
  readonly log: EventLog;
  readonly blobs: Pick<BodyBlobs, 'put'>;
  /** Slug of the studio. */
  readonly studio: string;
  readonly now: () => string;
}

/**
 * Makes a version of a template known, once: the same content again changes nothing, also from two processes at a time.
 * @returns the registration as the log has it
 * @throws ProblemError `template-changed`, and what the log and the blob store throw
 */
export async function registerTemplate(
  deps: RegisterTemplateDeps,
  { manifest, graph, lowMemory }: TemplateFile,
): Promise<EventData<typeof WorkflowRegisteredV2>> {
  const aggregateId = workflowIdOf(deps.studio, manifest.id);
  const template: EventData<typeof WorkflowRegisteredV2> = {
    slug: manifest.id,
    version: manifest.version,
    manifest,
    graph: await spillBody(graph, deps.blobs),
    graphHash: graphHash(graph, manifest.outputs),
    builtIn: true,
    lowMemory:
      lowMemory === undefined
        ? null
        : { graph: await spillBody(lowMemory, deps.blobs), graphHash: graphHash(lowMemory, manifest.outputs) },
  };
  // The content is part of the id: the same file leads to the same event, a changed one cannot pass for it.
  const lowMemoryHash = template.lowMemory?.graphHash;
  const content = sha256Hex(
    canonicalJson({
      manifest,
      graphHash: template.graphHash,
      ...(lowMemoryHash === undefined ? {} : { lowMemoryHash }),
    }),
  );
  const id = deriveId(aggregateId, 'registered', String(manifest.version), content);
  await handleCommand(deps.log, workflowDecider, {
    aggregate: 'workflow',
    aggregateId,
    command: { kind: 'RegisterWorkflow', template },
    meta: { id, time: deps.now(), correlationId: id, actor: 'service:gateway' },
  });
  return template;
}

/** True when the same registration may succeed later. */
export function isTemporary(error: unknown): boolean {
  return error instanceof ProblemError && error.retryable;
}
