import {
  UnexpectedAnswerError,
  type ComfyClient,
  type NodeErrors,
  type PreviewMethod,
  type PromptRefusal,
} from '@anime/comfyui-client';
import type { ApiGraph } from '@anime/contracts';
import { isProblem } from '@anime/problem-details';
import { failure, responseEvidence, type Failure } from '../domain/attempt/failure.js';
import { failureOfRefusal, missingModelOf, missingNodeOf, type RefusedPrompt } from '../domain/attempt/refusal.js';

export type Submitted =
  /** `number` is its place in the server's count. */
  | { readonly kind: 'queued'; readonly number: number | null }
  /** Nobody can say whether the server took it: look for it, never POST again. */
  | { readonly kind: 'uncertain' }
  | { readonly kind: 'failed'; readonly failure: Failure };

export interface Submission {
  readonly graph: ApiGraph;
  /** The names of its input files on the server. */
  readonly inputs: readonly string[];
  readonly promptId: string;
  readonly clientId: string;
  readonly tags: Readonly<Record<string, unknown>>;
  readonly previews?: PreviewMethod;
}

const RENAMED =
  'The server gives prompts ids of its own, so nobody could tell later whether this one ran: update ComfyUI (0.3.44 or newer)';
const AIOHTTP_500 = '500 Internal Server Error';

/** POSTs a prompt once and tells what came of it. */
export async function submitPrompt(client: ComfyClient, submission: Submission): Promise<Submitted> {
  try {
    const result = await client.submit(submission);
    switch (result.kind) {
      case 'queued':
        return { kind: 'queued', number: result.number };
      case 'renamed':
        await client.cancel(result.promptId);
        return { kind: 'failed', failure: failure('internal', 'prompt-renamed', RENAMED) };
      case 'partly-refused':
        // It was queued without the outputs that failed; without them the job is worth nothing.
        await client.cancel(submission.promptId);
        return { kind: 'failed', failure: await explained(client, submission, 200, null, result.nodeErrors) };
      case 'refused':
        return {
          kind: 'failed',
          failure: await explained(client, submission, result.status, result.refusal.error, result.refusal.node_errors),
        };
    }
  } catch (error) {
    if (error instanceof UnexpectedAnswerError) return afterUnexpectedAnswer(client, submission.promptId, error);
    if (isProblem(error, 'comfyui-unavailable')) return { kind: 'uncertain' };
    throw error;
  }
}

/**
 * aiohttp's plain 500 may come after the prompt went into the queue (contract of ComfyUI §1.1), so it is looked up. Another answer
 * from 500 on is a proxy's, which may still hand the prompt on.
 */
async function afterUnexpectedAnswer(
  client: ComfyClient,
  promptId: string,
  error: UnexpectedAnswerError,
): Promise<Submitted> {
  if (error.answerStatus >= 500 && !error.answerBody.startsWith(AIOHTTP_500)) return { kind: 'uncertain' };
  try {
    if ((await client.look(promptId)).state !== 'absent') return { kind: 'uncertain' };
  } catch (lookError) {
    if (isProblem(lookError, 'comfyui-unavailable')) return { kind: 'uncertain' };
    throw lookError;
  }
  // Our bodies are well-formed by type, so a 5xx is the server's trouble; a refusal of another kind will not pass.
  const failureClass = error.answerStatus >= 500 ? 'transient' : error.answerStatus === 413 ? 'invalid' : 'internal';
  const evidence = { httpStatus: error.answerStatus, response: responseEvidence(error.answerBody) };
  return { kind: 'failed', failure: failure(failureClass, 'submission-refused', error.message, evidence) };
}

async function explained(
  client: ComfyClient,
  { graph, inputs }: Submission,
  status: number,
  error: PromptRefusal['error'] | null,
  nodeErrors: NodeErrors,
): Promise<Failure> {
  const refused: RefusedPrompt = { status, error, nodeErrors };
  return failureOfRefusal(refused, graph, inputs, await availableNames(client, refused, graph));
}

/** The names that a message about something missing can suggest; empty when the server does not tell. */
async function availableNames(
  client: ComfyClient,
  refused: RefusedPrompt,
  graph: ApiGraph,
): Promise<readonly string[]> {
  try {
    if (missingNodeOf(refused) !== undefined) return await client.nodeClasses();
    const model = missingModelOf(refused, graph);
    if (model === undefined) return [];
    return model.available ?? (await client.comboOptions(model.classType, model.input)) ?? [];
  } catch (error) {
    if (isProblem(error, 'comfyui-unavailable')) return [];
    throw error;
  }
}
