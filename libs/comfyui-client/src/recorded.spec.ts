import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { HistoryAnswer, JobAnswer, JobNotFound, PromptAnswer, PromptRefusal, QueueAnswer } from './answers.js';
import { filesOf } from './output-files.js';
import { SystemStats } from './server-answers.js';
import { cachedNodes, executionMs, verdictOf } from './verdict.js';

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), 'utf8'));
const recorded = z
  .object({
    histories: z.record(z.string(), z.unknown()),
    jobs: z.record(z.string(), z.object({ status: z.number(), body: z.unknown() })),
    refusals: z.record(z.string(), z.unknown()),
    partialRejection: z.unknown(),
    queue: z.unknown(),
    systemStats: z.unknown(),
  })
  .parse(fixture('recorded-answers'));

function ended(name: string): {
  outputs: Record<string, Record<string, unknown>>;
  messages: [string, Record<string, unknown>][];
} {
  const entry = Object.values(HistoryAnswer.parse(recorded.histories[name]))[0];
  if (entry === undefined) throw new Error(`no history entry ${name}`);
  return { outputs: entry.outputs, messages: entry.status?.messages ?? [] };
}

describe('verdictOf', () => {
  it('calls a run-time dependency cycle an error although status_str says success', () => {
    expect(verdictOf(ended('run-time cycle that says success'))).toMatchObject({
      kind: 'error',
      error: {
        nodeId: '2',
        exceptionType: 'graph.DependencyCycleError',
        exceptionMessage: 'Dependency cycle detected',
      },
    });
  });

  it('calls an interrupted prompt interrupted although status_str says error', () => {
    expect(verdictOf(ended('interrupted'))).toEqual({ kind: 'interrupted' });
  });

  it('calls a prompt with a blocked output a success, which has no files', () => {
    expect(verdictOf(ended('blocked output'))).toEqual({ kind: 'success' });
    expect(filesOf(ended('blocked output'), '3')).toEqual([]);
  });

  it('keeps node, exception and traceback of a failed node', () => {
    const verdict = verdictOf(ended('node exception'));
    expect(verdict).toMatchObject({
      kind: 'error',
      error: { nodeId: '2', nodeType: 'TestSyncError', exceptionType: 'RuntimeError' },
    });
    expect(verdict.kind === 'error' && verdict.error.traceback.length).toBeGreaterThan(0);
    expect(verdict.kind === 'error' && verdict.error.executed).toEqual(['1', '5']);
  });

  it('knows no verdict without a terminal message', () => {
    expect(verdictOf({ messages: [['execution_start', {}]] })).toEqual({ kind: 'unknown' });
  });

  it('takes the last terminal message: a blocked node is reported as an error before the success', () => {
    expect(
      verdictOf({
        messages: [
          ['execution_error', {}],
          ['execution_success', {}],
        ],
      }),
    ).toEqual({ kind: 'success' });
  });
});

describe('what a history entry tells', () => {
  it('names the files that a failed prompt had already made', () => {
    expect(filesOf(ended('node exception'), '5')).toEqual([
      { filename: 'beforeerr_00001_.png', subfolder: '', type: 'output' },
    ]);
  });

  it('names a file once that stands under two keys', () => {
    const file = (filename: string, subfolder = '') => ({ filename, subfolder, type: 'output', format: 'image/gif' });
    const outputs = {
      '9': { images: [file('a.gif'), file('b.gif')], gifs: [{ ...file('a.gif'), frame_rate: 8 }, file('a.gif', 's')] },
    };
    expect(filesOf({ outputs }, '9').map(({ subfolder, filename }) => subfolder + filename)).toEqual([
      'a.gif',
      'b.gif',
      'sa.gif',
    ]);
  });

  it('takes no flag and no text for a file', () => {
    const outputs = {
      '9': { images: [{ filename: 'a.webp', subfolder: 's', type: 'output' }], animated: [true], text: ['64'] },
    };
    expect(filesOf({ outputs }, '9')).toEqual([{ filename: 'a.webp', subfolder: 's', type: 'output' }]);
  });

  it('tells the cached nodes and the time by the server’s clock', () => {
    expect(cachedNodes(ended('cached'))).toEqual(['1', '2']);
    expect(cachedNodes(ended('success'))).toEqual([]);
    expect(executionMs(ended('success'))).toBe(1016);
    expect(executionMs({ messages: [] })).toBeNull();
  });
});

describe('the shapes of recorded answers', () => {
  it('fit every state of a job', () => {
    for (const status of ['pending', 'in_progress', 'completed', 'failed', 'cancelled']) {
      expect(JobAnswer.parse(recorded.jobs[status]?.body).status).toBe(status);
    }
    expect(
      verdictOf({ messages: JobAnswer.parse(recorded.jobs['failed']?.body).execution_status?.messages ?? [] }).kind,
    ).toBe('error');
    expect(recorded.jobs['unknown']?.status).toBe(404);
    expect(JobNotFound.parse(recorded.jobs['unknown']?.body).error).toBe('Job not found');
  });

  it('fit every refusal, a partial rejection, the queue and the statistics', () => {
    for (const refusal of Object.values(recorded.refusals))
      expect(PromptRefusal.parse(refusal).error.type).not.toBe('');
    expect(Object.keys(PromptAnswer.parse(recorded.partialRejection).node_errors)).not.toEqual([]);
    expect(QueueAnswer.parse(recorded.queue).queue_pending.map((item) => item[0])).toEqual([92, 94, 95, 96]);
    expect(SystemStats.parse(recorded.systemStats)).toMatchObject({
      system: { comfyui_version: '0.33.0' },
      devices: [{ name: 'cpu' }],
    });
  });
});
