import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { CATALOGUE, JobAcceptedV2, JobRequestedV2, slugFault } from './index.js';

const golden = (name: string): Record<string, unknown> =>
  (
    JSON.parse(readFileSync(new URL(`../golden/${name}.json`, import.meta.url), 'utf8')) as {
      data: Record<string, unknown>;
    }
  ).data;
const PROJECT = '5d1f7f0c-7c0e-5a53-9b3a-2f6d0f5c9a10';

describe('an upcaster', () => {
  it.each([...CATALOGUE.upcasters.values()].map((step) => [step.from.name, step] as const))(
    'of %s makes of its golden sample what the next version takes',
    (name, { to, upcast }) => {
      const data = upcast(golden(name));
      expect(to.data.parse(data)).toEqual(data);
    },
  );

  it.each([JobRequestedV2, JobAcceptedV2])(
    'to $name keeps the project of a job, which had no slug then',
    ({ type }) => {
      const step = CATALOGUE.upcasters.get(`${type}.v1`);
      const old = golden(`${type}.v1`);
      expect(step?.upcast(old)).toEqual({ ...old, project: null });
      expect(step?.upcast({ ...old, project: PROJECT })).toEqual({ ...old, project: { id: PROJECT, slug: null } });
    },
  );
});

describe('the slug of a new project', () => {
  it.each(['unorganized', 'con', 'nul', 'com1', 'lpt9', PROJECT])('may not be %s', (slug) => {
    expect(slugFault(slug)).toMatch(/^must not/);
  });

  it.each(['demo-film', 'console', 'com', 'com10', 'unorganized-2', '2026'])('may be %s', (slug) => {
    expect(slugFault(slug)).toBeUndefined();
  });
});
