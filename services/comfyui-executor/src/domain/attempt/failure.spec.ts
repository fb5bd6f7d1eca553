import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { FailureEvidence } from '@anime/contracts';
import { asLostInput, failureOfException, type NodeException } from './failure.js';
import { failureOfRefusal, missingModelOf, type RefusedPrompt } from './refusal.js';

interface Recorded {
  readonly refusals: Readonly<
    Record<
      string,
      { readonly error: NonNullable<RefusedPrompt['error']>; readonly node_errors: RefusedPrompt['nodeErrors'] }
    >
  >;
  readonly errors: Readonly<Record<string, Readonly<Record<string, string>>>>;
}
const recorded = JSON.parse(
  readFileSync(new URL('../../../fixtures/recorded-failures.json', import.meta.url), 'utf8'),
) as Recorded;

function refusal(name: string): RefusedPrompt {
  const found = recorded.refusals[name];
  if (found === undefined) throw new Error(`no recording of ${name}`);
  return { status: 400, error: found.error, nodeErrors: found.node_errors };
}

function exception(exceptionType: string, exceptionMessage = ''): NodeException {
  return { nodeId: '3', nodeType: 'KSampler', exceptionType, exceptionMessage, traceback: [] };
}

describe('failureOfException', () => {
  it.each([
    ['torch.OutOfMemoryError', 'Allocation on device 0 would exceed allowed memory', 'oom'],
    ['torch.cuda.OutOfMemoryError', '', 'oom'],
    ['RuntimeError', 'CUDA out of memory. Tried to allocate 2.00 GiB', 'oom'],
    ['MemoryError', '', 'oom'],
    ['RuntimeError', 'CUDA error: an illegal memory access was encountered', 'gpu-fault'],
    ['torch.AcceleratorError', 'CUDA error: unspecified launch failure', 'gpu-fault'],
    ['RuntimeError', 'CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`', 'gpu-fault'],
    ['requests.exceptions.ConnectionError', 'Max retries exceeded', 'transient'],
    ['ConnectionResetError', '', 'transient'],
    ['RuntimeError', 'mat1 and mat2 shapes cannot be multiplied (77x2048 and 768x320)', 'internal'],
    ['ValueError', 'the words out of memory in a prompt are no memory fault', 'internal'],
    ['graph.DependencyCycleError', 'Dependency cycle detected', 'internal'],
  ])('calls %s(%s) %s', (type, message, expected) => {
    expect(failureOfException(exception(type, message)).class).toBe(expected);
  });

  it('names node, class and exception of a recorded failure and keeps its traceback', () => {
    const error = recorded.errors['node exception'];
    const traceback = ['  File "execution.py", line 545, in execute\n'];
    const failed = failureOfException({
      nodeId: error?.['node_id'] ?? null,
      nodeType: error?.['node_type'] ?? null,
      exceptionType: error?.['exception_type'] ?? '',
      exceptionMessage: error?.['exception_message'] ?? '',
      traceback,
    });
    expect(failed).toEqual({
      class: 'internal',
      reason: 'execution-error',
      message: 'TestSyncError (node 2) raised RuntimeError: Intentional sync execution error for testing',
      evidence: {
        nodeId: '2',
        nodeType: 'TestSyncError',
        exceptionType: 'RuntimeError',
        exceptionMessage: 'Intentional sync execution error for testing\n',
        traceback,
      },
    });
  });

  it('cuts evidence to what the contract takes, keeping the innermost frames', () => {
    const traceback = Array.from({ length: 300 }, (_, at) => `${at} ${'x'.repeat(9_000)}`);
    const { evidence } = failureOfException({ ...exception('RecursionError', 'x'.repeat(50_000)), traceback });
    expect(FailureEvidence.parse(evidence).traceback?.at(-1)).toMatch(/^299 /);
  });
});

describe('failureOfRefusal', () => {
  it('names a missing node and the nearest that there are', () => {
    const failed = failureOfRefusal(refusal('unknown node class'), {}, [], ['SaveImage', 'NoiseNode', 'NoSuchNodes']);
    expect(failed).toMatchObject({
      class: 'missing-node',
      reason: 'submission-refused',
      evidence: { nodeId: '7', nodeType: 'NoSuchNode', httpStatus: 400 },
    });
    expect(failed.message).toBe('The server has no node NoSuchNode; the nearest that it has: NoSuchNodes, NoiseNode');
  });

  it('names a missing model, its node and the nearest files', () => {
    const refused = refusal('unknown checkpoint: value_not_in_list');
    expect(missingModelOf(refused, {})?.available).toEqual(['tiny-random-sd15.safetensors']);
    const failed = failureOfRefusal(refused, {}, [], ['tiny-random-sd15.safetensors']);
    expect(failed.class).toBe('missing-model');
    expect(failed.message).toBe(
      'CheckpointLoaderSimple (node 4): the server has no missing.safetensors for ckpt_name; the nearest that it has: tiny-random-sd15.safetensors',
    );
  });

  it('does not take an unknown sampler for a missing model', () => {
    const failed = failureOfRefusal(refusal('unknown sampler (list longer than 20 -> input_config null)'), {}, [], []);
    expect(failed).toMatchObject({
      class: 'invalid',
      message: "KSampler (node 3): Value not in list: sampler_name: 'bogus' not in (list of length 44)",
      evidence: { nodeId: '3', nodeType: 'KSampler', httpStatus: 400 },
    });
  });

  it.each([
    'no outputs',
    'steps 0: value_smaller_than_min',
    'LoadImage of missing file: custom_validation_failed',
    'cycle',
  ])('calls "%s" invalid, with the server’s own words', (name) => {
    const failed = failureOfRefusal(refusal(name), {}, [], []);
    expect(failed.class).toBe('invalid');
    expect(failed.message.length).toBeGreaterThan(10);
    expect(FailureEvidence.parse(failed.evidence).response).toContain(refusal(name).error?.type);
  });

  it('is transient when the server has lost an input of the job, and only then', () => {
    const refused = refusal('LoadImage of missing file: custom_validation_failed');
    const graph = { '1': { class_type: 'LoadImage', inputs: { image: 'nope.png' } } };
    expect(failureOfRefusal(refused, graph, ['other.png', 'nope.png'], [])).toMatchObject({
      class: 'transient',
      reason: 'input-missing',
      message: expect.stringMatching(/^The input nope\.png is not on the server any more: LoadImage \(node 1\)/),
      evidence: { nodeId: '1', nodeType: 'LoadImage', httpStatus: 400 },
    });
    expect(failureOfRefusal(refused, graph, ['other.png'], []).class).toBe('invalid');
    const lost = exception('FileNotFoundError', "[Errno 2] No such file or directory: '/comfy/input/nope.png'");
    const raised = failureOfException(lost);
    expect(asLostInput(raised, lost, ['nope.png'])).toMatchObject({ class: 'transient', reason: 'input-missing' });
    expect(asLostInput(raised, lost, ['other.png'])).toBe(raised);
  });
});
