import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  CancelAnswer,
  HistoryAnswer,
  JobAnswer,
  JobNotFound,
  PromptAnswer,
  PromptRefusal,
  QueueAnswer,
  UploadAnswer,
} from './answers.js';
import { Names, ServerFeatures, SystemStats } from './server-answers.js';
import { parseServerJson } from './server-json.js';

/** Answers of a real server, one of each shape that the recordings have, by route. */
const file = new URL('../fixtures/recorded-bodies.json', import.meta.url);
const recorded = z
  .array(
    z.object({
      route: z.string(),
      path: z.string(),
      status: z.number(),
      contentType: z.string().nullish(),
      text: z.string().optional(),
      json: z.unknown().optional(),
    }),
  )
  .parse(parseServerJson(readFileSync(file, 'utf8')));

const SHAPES: Readonly<Record<string, z.ZodType>> = {
  'system_stats 200': SystemStats,
  'queue 200': QueueAnswer,
  'prompt 200': z.union([PromptAnswer, z.object({ exec_info: z.object({ queue_remaining: z.number() }) })]),
  'prompt 400': PromptRefusal,
  'history_id 200': HistoryAnswer,
  'job 200': JobAnswer,
  'job 404': JobNotFound,
  'cancel 200': CancelAnswer,
  'models 200': Names,
  'models_folder 200': Names,
  'features 200': ServerFeatures,
  'upload 200': UploadAnswer,
};
const withJson = recorded.filter(({ json }) => json !== undefined);

describe('recorded answers', () => {
  it.each(withJson)('$route $status: $path has the shape that the client expects', ({ route, status, json }) => {
    expect(SHAPES[`${route} ${status}`]?.safeParse(json)).toMatchObject({ success: true });
  });

  it('include every route that the client reads JSON from', () => {
    expect(new Set(withJson.map(({ route, status }) => `${route} ${status}`))).toEqual(new Set(Object.keys(SHAPES)));
  });

  it('have no JSON where the server fails or only acts: plain text, or nothing', () => {
    const others = recorded.filter(({ json }) => json === undefined);
    expect(others.filter(({ status }) => status === 500).map(({ text }) => text?.split('\n')[0])).toContain(
      '500 Internal Server Error',
    );
    expect(others.filter(({ status }) => status === 200).map(({ route }) => route)).toEqual(
      expect.arrayContaining(['queue_post', 'free', 'interrupt']),
    );
    expect(others.every(({ contentType }) => contentType?.includes('json') !== true)).toBe(true);
  });

  it('tell memory, versions and arguments exactly', () => {
    const stats = SystemStats.parse(recorded.find(({ route }) => route === 'system_stats')?.json);
    expect(stats.system).toMatchObject({
      os: 'linux',
      ram_total: 25276502016,
      comfyui_version: '0.33.0',
      pytorch_version: expect.stringContaining('2.13.0'),
      argv: expect.arrayContaining(['--preview-method']),
    });
    expect(stats.devices[0]).toMatchObject({
      name: 'cpu',
      type: 'cpu',
      vram_total: expect.any(Number),
      vram_free: expect.any(Number),
      torch_vram_total: expect.any(Number),
      torch_vram_free: expect.any(Number),
    });
  });
});
