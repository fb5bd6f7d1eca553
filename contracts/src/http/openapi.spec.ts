import { readFileSync } from 'node:fs';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { buildOpenApi } from './openapi.js';
import { defineRoute } from './route.js';
import { API_VERSION, gatewayOpenApi, ROUTES } from './routes.js';

const committed = readFileSync(new URL('../../generated/openapi.json', import.meta.url), 'utf8');

async function faults(document: unknown) {
  const config = await createConfig({
    extends: ['minimal'],
    rules: {
      struct: 'error',
      'no-unresolved-refs': 'error',
      'path-parameters-defined': 'error',
      'operation-operationId-unique': 'error',
    },
  });
  const problems = await lintFromString({ source: JSON.stringify(document), absoluteRef: 'openapi.json', config });
  return problems
    .filter((problem) => problem.severity === 'error')
    .map((problem) => `${problem.location[0]?.pointer}: ${problem.message}`);
}

describe('the gateway’s OpenAPI document', () => {
  it('is committed as the route table has it (npm run generate -w @anime/contracts)', () => {
    expect(committed).toBe(`${JSON.stringify(gatewayOpenApi(), null, 2)}\n`);
  });

  it('is valid OpenAPI 3.1', async () => {
    expect(await faults(gatewayOpenApi())).toEqual([]);
  });

  it('would not pass with a reference to nothing, a parameter that is not declared or a field that OpenAPI does not have', async () => {
    const broken = buildOpenApi([defineRoute({ ...ROUTES.getJob, params: undefined })], API_VERSION);
    expect(await faults(broken)).toEqual([expect.stringMatching(/path parameter `\{id\}`/)]);
    expect(await faults({ ...gatewayOpenApi(), route: [] })).toEqual([
      expect.stringMatching(/`route` is not expected/),
    ]);
    const { Job: _job, ...schemas } = gatewayOpenApi().components.schemas;
    expect((await faults({ ...gatewayOpenApi(), components: { schemas } })).length).toBeGreaterThan(0);
  });

  it('has every route under its own operation id, once per method and path', () => {
    const places = Object.entries(ROUTES).map(([key, route]) => {
      expect(route.operationId).toBe(key);
      return `${route.method} ${route.path}`;
    });
    expect(new Set(places).size).toBe(places.length);
  });

  it('refuses fields that a body or a query does not have', () => {
    expect(ROUTES.generateImage.body.safeParse({ prompt: 'a fox', frames: 8 }).error?.issues).toMatchObject([
      { code: 'unrecognized_keys', keys: ['frames'] },
    ]);
    expect(ROUTES.listJobs.query.safeParse({ stauts: 'queued' }).success).toBe(false);
  });
});

describe('parameters in a query string', () => {
  const { query } = ROUTES.listJobs;

  it('take lists repeated, with commas, or both', () => {
    for (const status of ['queued,running', ['queued', 'running'], ['queued,running']]) {
      expect(query.parse({ status })).toEqual({ status: ['queued', 'running'] });
    }
    expect(query.safeParse({ status: 'queued,' }).success).toBe(false);
  });

  it('take numbers as numerals only', () => {
    expect(query.parse({ limit: '20', wait: '0.5' })).toEqual({ limit: 20, wait: 0.5 });
    for (const limit of ['', ' 5', '5x', '1e2', '0x10', 'true', '1.5', '0', '201', ['1', '2']]) {
      expect({ limit, ok: query.safeParse({ limit }).success }).toEqual({ limit, ok: false });
    }
  });
});

describe('text at the door', () => {
  const { body } = ROUTES.generateImage;

  it('is anything that every store can hold', () => {
    for (const prompt of ['猫 🦊 é', 'a\nb\tc', '"; DROP TABLE jobs; --'])
      expect(body.safeParse({ prompt }).success).toBe(true);
    for (const prompt of ['a\u0000b', '\ud800', 'x\udc00y', '', '   ', 'x'.repeat(20_001)]) {
      expect({ prompt: prompt.slice(0, 5), ok: body.safeParse({ prompt }).success }).toEqual({
        prompt: prompt.slice(0, 5),
        ok: false,
      });
    }
  });

  it('means the same to a reader of the document', () => {
    const { pattern } = z.toJSONSchema(body.shape.negativePrompt);
    expect(new RegExp(pattern ?? '', 'u').test('🦊')).toBe(true);
    expect(new RegExp(pattern ?? '', 'u').test('\ud800')).toBe(false);
  });
});
